"""nvcc and the GPU: found, named, told what to compile.

Owns: command lines of nvcc and nvidia-smi, what ptxas says of a kernel's resources. Must
not know receipts.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from warpdeck.model import Location, Problem
from warpdeck.verify import process

COMPILE_ONLY = ("sm_75", "sm_90", "sm_120")
"""Turing, Hopper, Blackwell: the oldest that nvcc 13 knows, the one measured, the newest."""

_RELEASE = re.compile(r"release [\d.]+, V([\d.]+)")
_ENTRY = re.compile(r"Compiling entry function '(\w+)'")
_SPILLS = re.compile(r"(\d+) bytes spill stores")
_USED = re.compile(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as nvidia-smi names it."""

    name: str
    driver: str
    device: str = ""
    """Its entry of CUDA_VISIBLE_DEVICES; empty where that is to be left alone."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a kernel takes of a multiprocessor, as ptxas reports it."""

    registers: int
    shared_bytes: int
    spilled_bytes: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A program that nvcc made."""

    program: Path
    resources: Mapping[str, Resources]
    """By mangled name of the kernel."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """nvcc and the architectures to compile for; an empty tuple: this machine's GPU."""

    nvcc: str
    version: str
    archs: tuple[str, ...]
    seconds: float
    """Time limit of one compilation."""

    def compile(
        self, source: Path, program: Path, flags: Sequence[str], includes: Sequence[Path] = ()
    ) -> Compiled | str:
        """Compile `source` to `program`; return what nvcc complained of where it failed."""
        ran = self.run(source, program, [*flags, *(f"-I{path}" for path in includes)])
        if ran.timed_out:
            return f"nvcc {ran.ending(self.seconds)}"
        if ran.code != 0:
            return _first_error(ran.stdout + ran.stderr) or f"nvcc {ran.ending(self.seconds)}"
        return Compiled(program, ptxas(ran.stdout + ran.stderr))

    def run(self, source: Path, program: Path, flags: Sequence[str]) -> process.Ran:
        """Run nvcc in the folder of `source`; return all that it said."""
        command = [self.nvcc, *flags, *self._targets(), "-Xptxas", "-v"]
        return process.run([*command, "-o", str(program), str(source)], self.seconds, source.parent)

    def narrowed(self, oldest: str) -> Toolchain:
        """Return this toolchain without the targets that code for `oldest` cannot have.

        A target with a letter, like sm_90a, is compatible with no other.
        """
        if not oldest or (oldest[-1].isdigit() and not self.archs):
            return self
        if not oldest[-1].isdigit():
            return replace(self, archs=(oldest,))
        return replace(self, archs=tuple(a for a in self.archs if _number(a) >= _number(oldest)))

    def _targets(self) -> list[str]:
        if not self.archs:
            return ["-arch=native"]
        numbers = [arch.removeprefix("sm_") for arch in self.archs]
        return [f"-gencode=arch=compute_{n},code=sm_{n}" for n in numbers]


def _number(arch: str) -> int:
    return int(arch.removeprefix("sm_").rstrip("af"))


def find(archs: tuple[str, ...], seconds: float, root: Path) -> Toolchain | Problem:
    """Return nvcc as it stands on PATH, or the problem that there is none."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        return Problem(
            Location("kernels"),
            "no-nvcc",
            "nvcc is not on PATH",
            "Install the CUDA toolkit 12.8 or newer, or add its bin folder to PATH.",
        )
    try:
        ran = process.run([nvcc, "--version"], 60, root)
    except OSError as error:
        return Problem(Location("kernels"), "no-nvcc", f"{nvcc}: {error.strerror}", "Mend it.")
    match = _RELEASE.search(ran.stdout)
    if ran.code != 0 or not match:
        message = f"{nvcc} --version {ran.ending(60)}: {ran.last_words()}"
        return Problem(Location("kernels"), "no-nvcc", message, "Mend the CUDA toolkit.")
    return Toolchain(nvcc, match[1], archs, seconds)


def gpu(root: Path) -> Gpu | Problem:
    """Return the first GPU of this machine, or the problem that there is none."""
    found = gpus(root)
    return found if isinstance(found, Problem) else found[0]


def gpus(root: Path) -> tuple[Gpu, ...] | Problem:
    """Return the GPUs to use that are like the first, or the problem that there is none.

    CUDA_VISIBLE_DEVICES, as Slurm sets it, chooses among those that nvidia-smi lists.
    """
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return _no_gpu("nvidia-smi is not on PATH")
    query = "--query-gpu=name,driver_version"
    ran = process.run([smi, query, "--format=csv,noheader"], 60, root)
    lines = [line.partition(",") for line in ran.stdout.splitlines()]
    listed = [Gpu(name.strip(), driver.strip()) for name, _, driver in lines if driver]
    if ran.code != 0 or not listed:
        return _no_gpu(f"nvidia-smi {ran.ending(60)}: {ran.last_words()}")
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = [str(n) for n in range(len(listed))] if chosen is None else chosen.split(",")
    found = [_device(listed, device.strip()) for device in devices if device.strip()]
    if not found:
        return _no_gpu("CUDA_VISIBLE_DEVICES is empty")
    if len(found) == 1:
        return (replace(found[0], device=""),)
    return tuple(gpu for gpu in found if gpu.name == found[0].name)


def _device(listed: Sequence[Gpu], device: str) -> Gpu:
    """Return the GPU of one entry of CUDA_VISIBLE_DEVICES: a number, or a name of its own."""
    number = int(device) if device.isdecimal() else 0
    return replace(listed[number if number < len(listed) else 0], device=device)


def _no_gpu(why: str) -> Problem:
    return Problem(
        Location("kernels"),
        "no-gpu",
        f"there is no GPU to run on ({why})",
        "Run it on a machine with an NVIDIA GPU, or check with --compile-only.",
    )


def ptxas(text: str) -> dict[str, Resources]:
    """Return the resources of each kernel that `ptxas -v` named; the first target's win."""
    found: dict[str, Resources] = {}
    entry, spilled = "", 0
    for line in text.splitlines():
        if match := _ENTRY.search(line):
            entry, spilled = match[1], 0
        elif match := _SPILLS.search(line):
            spilled = int(match[1])
        elif entry and (match := _USED.search(line)):
            found.setdefault(entry, Resources(int(match[1]), int(match[2] or 0), spilled))
            entry = ""
    return found


def _first_error(text: str) -> str:
    lines = text.splitlines()
    named = [line for line in lines if re.search(r"\berror\b|fatal", line)]
    return (named or [line for line in lines if line.strip()] or [""])[0].strip()[:300]
