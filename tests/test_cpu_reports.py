"""A sanitizer's report and a failed check become one line that is the same in every run."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

import pytest

from warpdeck.verify.cpu_reports import check, sanitizer
from warpdeck.verify.process import Ran
from warpdeck.verify.runners import WRAPPED

ASAN = """\
=================================================================
==77==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x60 at pc 0x55 bp 0x7f sp 0x7e
READ of size 32 at 0x602000000010 thread T0
    #0 0x55d1 in _mm256_loadu_ps(float const*) /usr/lib/gcc/x86_64-linux-gnu/12/include/avx.h:896
    #1 0x55d1 in dot_avx2(float const*, float const*, int) /tmp/wd-x/dot.cpp:44
SUMMARY: AddressSanitizer: heap-buffer-overflow /usr/lib/avx.h:896 in _mm256_loadu_ps(float const*)
"""
TSAN = """\
==================
WARNING: ThreadSanitizer: data race (pid=20450)
  Write of size 8 at 0x7ffd40e0f768 by thread T1:
    #0 sum(std::vector<float> const&) [clone ._omp_fn.0] /tmp/wd-x/sum.cpp:4 (t+0x1427)
SUMMARY: ThreadSanitizer: data race /tmp/wd-x/sum.cpp:4 in sum(std::vector<float> const&)
"""


@pytest.mark.parametrize(
    ("file", "stderr", "expected"),
    [
        ("dot.cpp", ASAN, ("asan", "heap-buffer-overflow: READ of size 32 in dot_avx2")),
        ("no.cpp", ASAN, ("asan", "heap-buffer-overflow: READ of size 32 in _mm256_loadu_ps")),
        (
            "x.cpp",
            "==1==ERROR: LeakSanitizer: detected memory leaks\n\nDirect leak of 4 byte(s)\n"
            "    #0 0x7f in operator new(unsigned long) (/usr/lib/libasan.so+0xb)\n"
            "    #1 0x55 in main /tmp/a/x.cpp:3\n",
            ("asan", "detected memory leaks in main"),
        ),
        (
            "x.cpp",
            "x.cpp:12:5: runtime error: load of misaligned address 0x7ffe1 for type 'int'\n",
            ("ubsan", "load of misaligned address … for type 'int'"),
        ),
        ("sum.cpp", TSAN, ("tsan", "data race in sum")),
        ("x.cpp", "off by 3\n", None),
    ],
)
def test_a_report_is_one_line(file: str, stderr: str, expected: tuple[str, str] | None) -> None:
    assert sanitizer(Ran(1, "", stderr), file) == expected


TRACE = 'Traceback (most recent call last):\n  File "x.py", line 3, in <module>\n'


@pytest.mark.parametrize(
    ("ran", "said"),
    [
        (Ran(1, "", "n = 3: wrong\nmpirun detected that …\n"), "n = 3: wrong"),
        (Ran(1, "", TRACE + "GradcheckError: Jacobian mismatch at 0x7f3a\n"),
         "GradcheckError: Jacobian mismatch at …"),
        (Ran(1, "", TRACE + "NameError: name 'x' is not defined\n"), ""),
        (Ran(1, "", '  File "x.py", line 1\n    (\n    ^\nSyntaxError: was never closed\n'), ""),
        (Ran(1, "wrong", ""), ""),
        (Ran(0, "", "a warning\n"), ""),
        (Ran(-6, "", "terminate called\n"), ""),
        (Ran(1, "", "late\n", timed_out=True), ""),
    ],
)  # fmt: skip
def test_only_a_check_that_failed_is_a_check(ran: Ran, said: str) -> None:
    assert check(ran) == said


def test_what_the_linker_wraps_is_what_the_shim_defines() -> None:
    """A name that one of the two lacks would be no wrapper at all, and no error."""
    compiler, reader = shutil.which("gcc"), shutil.which("nm")
    if not compiler or not reader:
        pytest.skip("needs gcc and nm")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "shim.o"
        shim = str(files("warpdeck.verify") / "gomp_tsan.c")
        subprocess.run([compiler, "-Wall", "-Werror", "-c", shim, "-o", made], check=True)
        names = subprocess.run([reader, made], check=True, capture_output=True, text=True).stdout
    defined = {line.split()[-1] for line in names.splitlines() if " T " in line}
    assert defined == {f"__wrap_{name}" for name in WRAPPED}
