"""The broken variants of a kernel, and which detector sees what is wrong with each.

Owns: making a variant's source, running the detectors on it. Must not know receipts' form.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from warpdeck.model import Bug, BugSpec, Kernel, Timing
from warpdeck.snippets import apply_edits_in_region
from warpdeck.verify import process, program, sanitizer

SLOWDOWN = 1.2
"""A variant this many times slower than the whole version is caught by `time`."""

_SEED = ("--seed", "1")  # so that what is seen stays the same from run to run


@dataclass(frozen=True, slots=True)
class Findings:
    """What each detector that fired said of a variant."""

    bug: BugSpec
    by: Mapping[str, str]

    def caught(self) -> Bug | None:
        """Return the bug as the receipt holds it; None if the expected detector was silent."""
        seen = self.by.get(self.bug.expect)
        return Bug(self.bug.id, self.bug.version, self.bug.expect, seen) if seen else None

    def instead(self) -> str:
        """Return what fired, for the message that the expected detector did not."""
        others = [f"{detector} ({seen})" for detector, seen in self.by.items()]
        return f"only {', '.join(others)}" if others else "nothing did"


def write_variant(kernel: Kernel, bug: BugSpec, kernels: Path, folder: Path) -> Path:
    """Write the broken source under `folder`, beside a copy of what it includes.

    Returns its path. The edits fit: load_kernels has tried them.
    """
    anchor = next(step.anchor for step in kernel.steps if step.name == bug.version)
    own = folder / bug.id / kernel.name
    shutil.copytree(kernels / "harness", folder / bug.id / "harness")
    own.mkdir(parents=True)
    for header in (kernels / kernel.name).glob("*.*h"):
        shutil.copy(header, own)
    code = (kernels / kernel.name / kernel.file).read_text("utf-8").replace("\r\n", "\n")
    path = own / kernel.file
    path.write_text(apply_edits_in_region(code, anchor, bug.edits), "utf-8")
    return path


def compare(bug: BugSpec, broken: Path, seconds: float) -> dict[str, str]:
    """Run the variant on small shapes; return what the harness found wrong, by detector."""
    return wrong(broken, bug.version, seconds)


def wrong(path: Path, version: str, seconds: float, *options: str) -> dict[str, str]:
    """Run a version on small shapes; return what the harness found wrong, by detector."""
    run = program.run(path, version, seconds, "--check-only", *_SEED, *options)
    if run.failure is None:
        return {}
    kind = run.failure.kind
    return {"compare" if kind in program.COMPARED else kind: run.failure.message}


def wrong_each(
    path: Path,
    version: str,
    numbers: Sequence[int],
    seconds: float,
    shapes: Sequence[tuple[int, ...]],
) -> dict[int, str]:
    """Run several mutants of one program at `shapes`, in that order.

    Returns what was wrong with each, empty for nothing. The original is number 0. What tests the
    harness itself is left out.
    """
    options = ("--check-only", "--trust-bench", *_SEED)
    sizes = ["x".join(map(str, shape)) for shape in shapes]
    runs = program.run_each(path, version, numbers, seconds, *options, shapes=sizes)
    return {number: run.failure.kind if run.failure else "" for number, run in runs.items()}


def sanitize(bug: BugSpec, tool: str, command: str, broken: Path, seconds: float) -> dict[str, str]:
    """Run the variant under one tool of compute-sanitizer; return its complaint, if any."""
    ran: process.Ran = sanitizer.run(command, tool, broken, bug.version, seconds)
    seen = sanitizer.complaint(ran)
    return {tool: seen} if seen else {}


def slowdown(
    bug: BugSpec, whole: Path, broken: Path, shape: tuple[int, ...], seconds: float
) -> dict[str, str]:
    """Time the whole version and the variant, one after the other, at `shape`.

    A variant that is wrong is no slow variant: it is left to the other detectors.
    """
    before, after = (timed(bug.version, path, shape, seconds) for path in (whole, broken))
    if before is None or after is None or after.median < SLOWDOWN * before.median:
        return {}
    size = "x".join(map(str, shape))
    ratio = f"{after.median / before.median:.2g} times slower at {size}"
    return {"time": f"{ratio}: {_short(after)} µs, not {_short(before)}"}


def timed(
    version: str, path: Path, shape: tuple[int, ...], seconds: float, *options: str
) -> Timing | None:
    """Return the time of a version at `shape`; None where its result is wrong."""
    return _time(program.run(path, version, seconds, *_timing(shape), *options))


def timed_each(
    version: str,
    path: Path,
    numbers: Sequence[int],
    shape: tuple[int, ...],
    seconds: float,
    *options: str,
) -> dict[int, Timing | None]:
    """Time several mutants of one program, and the original, as `timed` does.

    One that finds too little memory is left out: others of its process may hold it.
    """
    runs = program.run_each(path, version, numbers, seconds, *_timing(shape), *options)
    return {
        number: _time(run)
        for number, run in runs.items()
        if not (run.failure and run.failure.kind == "memory")
    }


def _timing(shape: tuple[int, ...]) -> tuple[str, ...]:
    return ("--alone", "--shape", "x".join(map(str, shape)), *_SEED)


def _time(run: program.VersionRun) -> Timing | None:
    if run.failure or not run.cases or not run.cases[-1].times:
        return None
    return run.cases[-1].times[0][1]


def _short(time: Timing) -> str:
    return f"{float(f'{time.median:.2g}'):g}"
