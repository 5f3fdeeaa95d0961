"""A kernel.yml of host programs is read whole; each mistake is told with its place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from warpdeck.kernels import load_kernels
from warpdeck.model import BugSpec, Edit, ProgramSpec
from warpdeck.programs import load_programs

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "tests" / "samples" / "host"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "project"))


def edit(project: Path, name: str, old: str, new: str) -> None:
    path = project / "kernels" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def told(project: Path) -> list[str]:
    """Return the problems of both readers: each file belongs to one of them."""
    kernels, found = load_kernels(project)
    _, more = load_programs(project)
    assert kernels == ()
    return [str(problem) for problem in (*found, *more)]


def test_an_operation_is_read_whole(project: Path) -> None:
    assert load_kernels(project) == ((), [])
    (bound, mean), found = load_programs(project)
    assert found == []
    assert (bound.name, mean.name) == ("bound", "mean")
    assert bound.programs == (ProgramSpec("bound", "bound.cpp", flags=("-O1", "-std=c++17")),)
    assert mean.bugs == (
        BugSpec("one-too-many", "mean", (Edit("len(x)", "(len(x) + 1)"),), "check"),
    )


def test_our_own_programs_have_no_problems() -> None:
    operations, found = load_programs(ROOT)
    assert found == []
    names = {operation.name for operation in operations}
    assert names >= {"simd-dot", "omp-sum", "mpi-ring", "int8-quantise"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("file: bound.cpp", "file: bonud.cpp", ":4:5: there is no file 'bonud.cpp' beside kern"),
        ("file: bound.cpp", "file: bonud.cpp", "Did you mean 'bound.cpp'?"),
        ("file: bound.cpp", "file: bound.rs", "the suffix chooses what runs it"),
        ("file: bound.cpp", "file: ../bound.cpp", "without a folder"),
        ("- id: first", "- id: past-the-end", "bugs holds 'past-the-end' a second time"),
        ("program: bound", "program: bond", ":8:5: there is no program 'bond'. Did you mean 'b"),
        ("find: \"x.size() - 1\"", "find: \"y.size()\"", "occurs 0 times in the code"),
        ("find: \"x.size() - 1\"", "find: \"x\"", "occurs"),
        ("expect: asan", "expect: asam", "Did you mean 'asan'?"),
        ("expect: asan", "expect: tsan", "Add -pthread or -fopenmp"),
        ("    flags:", "    ranks: 0\n    flags:", "1 to 16"),
        ("    flags:", "    ranks: 100\n    flags:", "1 to 16"),
        ("    flags:", "    ranks: four\n    flags:", "1 to 16"),
        ("    flags:", "    packages: [numpy]\n    flags:", "`packages` means nothing to"),
        ("    flags:", "    gpu: true\n    flags:", "`gpu` means nothing to bound.cpp"),
        ("    flags:", "    flgas:", "unknown key 'flgas'. Did you mean 'flags'?"),
        ("programs:", "steps: []\nprograms:", ":2:1: 'steps' does not belong here. It is of a C"),
        ("title:", "titel:", "key 'title' is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(project: Path, old: str, new: str, said: str) -> None:
    edit(project, "bound/kernel.yml", old, new)
    found = told(project)
    assert any(said in line for line in found), found
    assert all(line.startswith("kernels/bound/kernel.yml:") for line in found)


@pytest.mark.parametrize(
    "flag",
    ["-o", "-o/etc/passwd", "-omain", "-march=native", "-fsanitize=address", "-fplugin=x.so", "-g",
     "-Wl,-rpath,/x", "-Wp,-MD,/x", "-include", "@file", "-E", "-S", "-c", "-MD", "-I/usr", "-B.",
     "-save-temps", "-fdump-tree-all", "-wrapper", "-specs=x", "-xc", "x.o", "-Werror", "-O2 -o x",
     "-fprofile-generate", "-L/x", "-T/x"],
)  # fmt: skip
def test_a_flag_that_names_files_or_belongs_to_verify_is_refused(project: Path, flag: str) -> None:
    edit(project, "bound/kernel.yml", "-O1", f"'{flag}'")
    (problem,) = told(project)
    assert "One flag of g++" in problem


@pytest.mark.parametrize(
    "flag",
    ["-O3", "-Ofast", "-fopenmp", "-ffast-math", "-pthread", "-mavx2", "-march=x86-64-v3", "-lm",
     "-std=gnu++20", "-DN=4", "-Wno-psabi", "-fno-tree-vectorize", "-O"],
)  # fmt: skip
def test_flags_that_change_code_alone_are_taken(project: Path, flag: str) -> None:
    edit(project, "bound/kernel.yml", "-O1", flag)
    assert told(project) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("import sys", "import numpy as np", "kernels/mean/mean.py:3:1: imports 'numpy', which"),
        ("import sys", "from . import sys", "imports '.', which"),
        ("def mean(x):", "def mean(x:", "kernels/mean/mean.py:7:"),
        ("    return sum", "    #" + 60 * "x" + "\n    return sum", "mean.py:8:65: this line has"),
    ],
)
def test_a_mistake_in_python_is_told_where_it_stands(
    project: Path, old: str, new: str, said: str
) -> None:
    edit(project, "mean/mean.py", old, new)
    assert any(said in line for line in told(project)), told(project)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("flags: [-O2]", "`flags` means nothing to mean.py"),
        ("ranks: 2", "mean.py has ranks and does not name mpi4py"),
    ],
)
def test_python_takes_no_setting_of_c(project: Path, more: str, said: str) -> None:
    edit(project, "mean/kernel.yml", "    file: mean.py", f"    file: mean.py\n    {more}")
    assert any(said in line for line in told(project)), told(project)


def test_python_has_no_sanitizer(project: Path) -> None:
    edit(project, "mean/kernel.yml", "expect: check", "expect: asan")
    assert "asan is of g++, and mean.py is not compiled" in told(project)[0]


def test_a_link_out_of_kernels_is_refused(project: Path) -> None:
    outside = project / "mean.py"
    (project / "kernels" / "mean" / "mean.py").rename(outside)
    (project / "kernels" / "mean" / "mean.py").symlink_to(outside)
    assert "'mean.py' is a link that leaves kernels/" in told(project)[0]


def test_a_bad_operation_does_not_hide_a_good_one(project: Path) -> None:
    edit(project, "bound/kernel.yml", "program: bound", "program: bond")
    operations, found = load_programs(project)
    assert [operation.name for operation in operations] == ["mean"]
    assert len(found) == 1


def test_what_is_no_yaml_is_told_once(project: Path) -> None:
    edit(project, "bound/kernel.yml", "programs:", "programs: [")
    assert len(told(project)) == 1
