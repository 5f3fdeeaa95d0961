"""ncu: counters of the memory system for mutants, and what a version keeps busy.

Owns: its command lines, its table, and its names for what profile.py names. Must not know
mutants or receipts.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile, takewhile
from pathlib import Path

from warpdeck import profile
from warpdeck.model import Profile
from warpdeck.verify import process

COUNTERS = {
    "l1tex__data_bank_conflicts_pipe_lsu.sum": "bank-conflicts",
    "lts__t_sectors.sum": "sectors",
}
"""What is counted, and the detector that a rise of it is."""

Counts = Mapping[str, float]
"""By detector."""

_OF_PEAK = ".avg.pct_of_peak_sustained_elapsed"
_FIGURES = {
    "issue": f"sm__issue_active{_OF_PEAK}",
    "fma": f"sm__pipe_fma_cycles_active{_OF_PEAK}",
    "tensor": f"sm__pipe_tensor_cycles_active{_OF_PEAK}",
    "constant": f"idc__request_cycles_active{_OF_PEAK}",
    "lsu": f"sm__inst_executed_pipe_lsu{_OF_PEAK}",
    "l1": f"l1tex__data_pipe_lsu_wavefronts{_OF_PEAK}",
    "l2": f"lts__throughput{_OF_PEAK}",
    "dram": f"dram__throughput{_OF_PEAK}",
    "l2-tags": f"lts__t_tag_requests{_OF_PEAK}",
    "l1-hits": "l1tex__t_sector_pipe_lsu_mem_global_op_ld_hit_rate.pct",
    "l2-read": "l1tex__m_xbar2l1tex_read_bytes.sum",
    "dram-read": "dram__bytes_read.sum",
}
_DURATION = "gpu__time_duration.sum"
_STALL = re.compile(r"Stall (?!Not Selected)(?P<reason>.+)")
"""How the section WarpStateStats names reasons to wait; who is not selected waits for none."""


@dataclass(slots=True)
class _Launch:
    """One launch in ncu's table."""

    kernel: str
    figures: dict[str, float] = field(default_factory=dict)
    """By ncu's name."""


_MUTANT = re.compile(r"\bmutant_(\d+)_::")
_HARNESS = re.compile(r"\bharness::")
"""The harness's own kernels are the same in every run and are left out."""


def find() -> str | None:
    """Return ncu as it stands on PATH, if it does."""
    return shutil.which("ncu")


def count(
    ncu: str,
    program: Path,
    version: str,
    shape: tuple[int, ...],
    seconds: float,
    mutants: Sequence[int] = (),
) -> dict[int, Counts]:
    """Return the counts of each of `mutants` over all launches of one run at `shape`.

    A program that holds no mutants is number 0. Empty where ncu counts nothing: most machines
    let none but an administrator read counters.
    """
    options = ["--metrics", ",".join(COUNTERS)]
    if mutants:  # most launches are the harness's own, and ncu would replay them, too
        options += ["--kernel-name-base", "demangled", "--kernel-name", "regex:mutant_"]
    command = _command(ncu, options, program, version, shape)
    command += ["--mutant", ",".join(map(str, [*mutants, ""]))] if mutants else []
    return read(process.run(command, seconds, program.parent).stdout)


def _command(
    ncu: str, options: Sequence[str], program: Path, version: str, shape: tuple[int, ...]
) -> list[str]:
    """Return the command that runs `version` at `shape`, unchecked, under ncu."""
    size = "x".join(map(str, shape))
    command = [ncu, "--csv", "--print-kernel-base", "demangled", "--print-units", "base"]
    command += [*options, str(program), "--version", version]
    return [*command, "--sanitizer", "--shape", size, "--seed", "1"]


def read(text: str) -> dict[int, Counts]:
    """Return the counts of ncu's table `text` by mutant, summed over its kernels.

    A program that holds no mutants is number 0.
    """
    totals: dict[int, dict[str, float]] = {}
    for launch in _launches(text):
        if _is_own(launch):
            mutant = _MUTANT.search(launch.kernel)
            counts = totals.setdefault(int(mutant[1]) if mutant else 0, {})
            for metric in COUNTERS.keys() & launch.figures.keys():
                detector = COUNTERS[metric]
                counts[detector] = counts.get(detector, 0) + launch.figures[metric]
    return {number: counts for number, counts in totals.items() if len(counts) == len(COUNTERS)}


def busy(
    ncu: str, program: Path, version: str, shape: tuple[int, ...], seconds: float
) -> Profile | None:
    """Return the profile of `version` at `shape`; None where ncu counts nothing.

    ncu holds the clocks at their base, so that shares of a peak are the same in every run.
    """
    options = ["--section", "WarpStateStats", "--page", "details", "--print-details", "all"]
    options += ["--metrics", ",".join((_DURATION, *_FIGURES.values()))]
    command = _command(ncu, options, program, version, shape)
    return read_busy(process.run(command, seconds, program.parent).stdout)


def read_busy(text: str) -> Profile | None:
    """Return the profile of the longest launch of the first call in ncu's table `text`."""
    whole = [launch for launch in _first_call(text) if _DURATION in launch.figures]
    if not whole:
        return None
    longest = max(whole, key=lambda launch: launch.figures[_DURATION])
    found = {name: longest.figures.get(metric) for name, metric in _FIGURES.items()}
    stalls = {m["reason"]: n for name, n in longest.figures.items() if (m := _STALL.match(name))}
    if not stalls or None in found.values():
        return None
    figures = {name: round(value) for name, value in found.items() if value is not None}
    return Profile(
        function=longest.kernel.removeprefix("void ").split("(")[0],
        percent=tuple((name, min(figures[name], 100)) for name in profile.PERCENTAGES),
        read=tuple((name, figures[name]) for name in profile.BYTES),
        stall=max(stalls, key=lambda reason: stalls[reason]),
    )


def _first_call(text: str) -> Iterator[_Launch]:
    """Return the launches of a version's first call, at an aligned base.

    The harness fills the output, by launches of its own, before each call.
    """
    return takewhile(_is_own, dropwhile(lambda launch: not _is_own(launch), _launches(text)))


def _is_own(launch: _Launch) -> bool:
    return not _HARNESS.search(launch.kernel)


def _launches(text: str) -> Sequence[_Launch]:
    """Return the launches in ncu's table `text`, in order, with all that is a number."""
    lines = text.splitlines()
    head = next((n for n, line in enumerate(lines) if '"Metric Name"' in line), len(lines))
    launches: dict[str, _Launch] = {}
    for row in csv.DictReader(lines[head:]):
        launch = launches.setdefault(row.get("ID") or "", _Launch(row.get("Kernel Name") or ""))
        digits = (row.get("Metric Value") or "").replace(",", "")
        if re.fullmatch(r"\d+(?:\.\d+)?", digits):
            launch.figures[row.get("Metric Name") or ""] = float(digits)
    return tuple(launches.values())
