"""g++, mpirun and Python: found on this machine, and how each runs a host program.

Owns: their command lines, versions and environments. Must not know receipts or what a run
should show.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from warpdeck.model import ProgramSpec
from warpdeck.verify import process

PLAIN, MEMORY, THREADS = "plain", "memory", "threads"
"""The builds: as its flags say; under asan and ubsan; under tsan."""
BUILD_OF = {"check": PLAIN, "hang": PLAIN, "asan": MEMORY, "ubsan": MEMORY, "tsan": THREADS}
"""Detector → the build that it looks at."""

_SANITIZE = {
    PLAIN: ["-Wall", "-Wextra", "-Werror"],
    MEMORY: ["-w", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    THREADS: ["-w", "-g", "-fsanitize=thread"],
}
WRAPPED = (
    "GOMP_parallel",
    "GOMP_parallel_loop_dynamic",
    "GOMP_parallel_loop_guided",
    "GOMP_parallel_loop_nonmonotonic_dynamic",
    "GOMP_parallel_loop_nonmonotonic_guided",
    "GOMP_parallel_loop_runtime",
    "GOMP_parallel_loop_maybe_nonmonotonic_runtime",
    "GOMP_barrier",
    "GOMP_loop_end",
    "GOMP_critical_start",
    "GOMP_critical_end",
    "GOMP_critical_name_start",
    "GOMP_critical_name_end",
    "GOMP_atomic_start",
    "GOMP_atomic_end",
    "omp_set_lock",
    "omp_unset_lock",
)
"""Functions of libgomp that gomp_tsan.c is put around."""
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")
_QUICK = 60.0
"""Seconds for a tool to say its version."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What a program needs and this machine has not."""

    what: str
    """The end of a sentence: `g++ is not on PATH`."""
    hint: str
    package: bool = False
    """Whether a package of Python or a GPU is all that is missing."""


@dataclass(frozen=True, slots=True)
class Gxx:
    """A C++ program, compiled by g++, or by its wrapper for MPI."""

    compiler: str
    flags: tuple[str, ...]
    tools: Mapping[str, str]
    """Tool or package → version."""
    seconds: float
    """Time limit of one compilation."""
    name: str = "g++"

    def prepare(self, source: Path, build: str) -> list[str] | str:
        """Compile `source` for `build`; raises nothing for code that does not compile."""
        program = source.with_suffix(f".{build}")
        command = [self.compiler, *self.flags, *_SANITIZE[build], source.name]
        if build == THREADS and "-fopenmp" in self.flags:
            shim = self._shim(source.parent)
            command += [shim.name, *(f"-Wl,--wrap={name}" for name in WRAPPED)]
        # Libraries come after the code that needs them.
        command += [flag for flag in self.flags if flag.startswith("-l")]
        ran = process.run(
            [*command, "-o", program.name], self.seconds, source.parent, {"LC_ALL": "C"}
        )
        if ran.code == 0 and not ran.timed_out:
            return [*(_unrandomised() if build == THREADS else ()), str(program)]
        lines = ran.stderr.splitlines()
        error = next((ln for ln in lines if re.search(r"error: |undefined reference", ln)), "")
        return error or f"{Path(self.compiler).name} {ran.ending(self.seconds)}: {ran.last_words()}"

    def _shim(self, folder: Path) -> Path:
        """Put what ThreadSanitizer must be told of OpenMP into `folder`."""
        shim = folder / "gomp_tsan.c"
        shim.write_text((files("warpdeck.verify") / shim.name).read_text("utf-8"), "utf-8")
        compiled = shim.with_suffix(".o")
        # As C, and not instrumented: its own memory is no program's.
        command = [self.compiler, "-x", "c", "-O1", "-c", shim.name, "-o", compiled.name]
        process.run(command, self.seconds, folder)
        return compiled

    def environment(self, threads: int) -> dict[str, str]:
        """Return what the sanitizers and OpenMP are told."""
        return {
            "OMP_NUM_THREADS": str(threads),
            "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
            "UBSAN_OPTIONS": "print_stacktrace=0",
            "TSAN_OPTIONS": "halt_on_error=1:exitcode=66",
            "LC_ALL": "C",
        }


@dataclass(frozen=True, slots=True)
class Python:
    """A Python program, in this interpreter, without the user's own settings."""

    tools: Mapping[str, str]
    name: str = "python"

    def prepare(self, source: Path, build: str) -> list[str] | str:
        """Return the command; nothing is compiled."""
        # -I: no PYTHON… variables, and nothing beside the file can stand in for a package.
        return [sys.executable, "-I", "-B", "-X", "utf8", source.name]

    def environment(self, threads: int) -> dict[str, str]:
        """Return the number of threads of the libraries that numpy and others call."""
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        return dict.fromkeys(names, str(threads))


@dataclass(frozen=True, slots=True)
class Mpi:
    """A program whose ranks mpirun starts on this machine."""

    mpirun: str
    ranks: int
    inner: Gxx | Python
    tools: Mapping[str, str]
    name: str = "mpirun"

    def prepare(self, source: Path, build: str) -> list[str] | str:
        """Make the program itself ready; return the command that starts all ranks."""
        made = self.inner.prepare(source, build)
        if isinstance(made, str):
            return made
        return [self.mpirun, "--oversubscribe", "-n", str(self.ranks), *made]

    def environment(self, threads: int) -> dict[str, str]:
        """Return what Open MPI needs in a container and with more ranks than cores."""
        return {
            **self.inner.environment(1),
            # Open MPI keeps memory to its end: that is no leak of the program's.
            "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_mpi_yield_when_idle": "1",
            "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
            "OMPI_MCA_btl": "self,vader",
        }


Runner = Gxx | Python | Mpi
"""What runs one kind of host program: `prepare` gives its command, or what is wrong with the
code; `environment` the variables to run it with, for so many threads where it names none."""


def find(program: ProgramSpec, seconds: float, gpu_name: str) -> Runner | Missing:
    """Return what runs `program` on this machine, or what is missing for that.

    `gpu_name` is empty where there is no GPU.
    """
    if program.gpu and not gpu_name:
        return Missing("there is no GPU", "Run it on a machine with an NVIDIA GPU.", package=True)
    inner: Gxx | Python | Missing
    if program.file.endswith(".py"):
        inner = _python(program.packages, program.ranks is not None)
    else:
        inner = _gxx(program, seconds)
    if isinstance(inner, Missing) or program.ranks is None:
        return inner
    mpirun = shutil.which("mpirun")
    version = _says(mpirun, "Open MPI") if mpirun else ""
    if not mpirun or not version:
        return _no_mpi("mpirun")
    return Mpi(mpirun, program.ranks, inner, {**inner.tools, "Open MPI": version})


def _gxx(program: ProgramSpec, seconds: float) -> Gxx | Missing:
    mpi = program.ranks is not None
    name = "mpicxx" if mpi else "g++"
    compiler = shutil.which(name)
    if compiler is None and mpi:
        return _no_mpi(name)
    version = _says(compiler) if compiler else ""
    if not compiler or not version:
        return Missing(f"{name} is not on PATH", "Install it: `apt-get install g++`.")
    # The C++ bindings that MPI has dropped would warn by themselves.
    flags = (*program.flags, "-DOMPI_SKIP_MPICXX") if mpi else program.flags
    return Gxx(compiler, flags, {"g++": version}, seconds)


def _no_mpi(name: str) -> Missing:
    hint = "Install Open MPI: `apt-get install libopenmpi-dev openmpi-bin`."
    return Missing(f"Open MPI's {name} is not on PATH", hint)


def _python(packages: Sequence[str], mpi: bool) -> Python | Missing:
    versions = _packages(tuple(packages))
    absent = [name for name, version in versions.items() if not version]
    if absent:
        names = " and ".join(absent)
        what = f"{names} cannot be imported by {sys.executable}"
        return Missing(what, f"Install it there: `pip install {' '.join(absent)}`.", package=True)
    return Python({"Python": platform.python_version(), **versions})


_ASK = """
import importlib.metadata, importlib.util, json, sys
owners = importlib.metadata.packages_distributions()
found = {}
for name in sys.argv[1:]:
    there = importlib.util.find_spec(name) is not None
    owner = (owners.get(name) or [name])[0]
    try:
        found[name] = importlib.metadata.version(owner) if there else ""
    except importlib.metadata.PackageNotFoundError:
        found[name] = "unknown"
print(json.dumps(found))
"""


@lru_cache
def _unrandomised() -> tuple[str, ...]:
    """Return the command that starts a program at fixed addresses, where it is allowed.

    ThreadSanitizer refuses the addresses that some kernels choose.
    """
    setarch = shutil.which("setarch")
    if setarch is None or process.run([setarch, "-R", "true"], _QUICK, Path.cwd()).code:
        return ()
    return (setarch, "-R")


@lru_cache
def _packages(names: tuple[str, ...]) -> dict[str, str]:
    """Return the version of each package, empty where it cannot be found."""
    if not names:
        return {}
    ran = process.run([sys.executable, "-I", "-c", _ASK, *names], _QUICK, Path.cwd())
    try:
        return dict(json.loads(ran.stdout))
    except ValueError:
        return dict.fromkeys(names, "")


@lru_cache
def _says(tool: str, name: str = "") -> str:
    """Return the version that `tool --version` names; empty where it says nothing of the kind."""
    try:
        ran = process.run([tool, "--version"], _QUICK, Path.cwd(), {"LC_ALL": "C"})
    except OSError:
        return ""
    first = (ran.stdout.splitlines() or [""])[0]
    # g++'s line names its distribution's number too: the compiler's own is the last but that.
    found = _VERSION.findall(first.split(")")[-1] or first)
    return found[0] if ran.code == 0 and found and name in first else ""


def cpu() -> str:
    """Return the name of this machine's processor."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: *(.+)$", text, re.MULTILINE)
    return (found[1] if found else platform.processor() or platform.machine() or "CPU").strip()
