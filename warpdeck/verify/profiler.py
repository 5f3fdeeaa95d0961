"""ncu: counters of the memory system, for mutants that are right and no slower.

Owns: its command line and its table. Must not know mutants or receipts.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from warpdeck.verify import process

COUNTERS = {
    "l1tex__data_bank_conflicts_pipe_lsu.sum": "bank-conflicts",
    "lts__t_sectors.sum": "sectors",
}
"""What is counted, and the detector that a rise of it is."""

Counts = Mapping[str, float]
"""By detector."""

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
    size = "x".join(map(str, shape))
    command = [ncu, "--csv", "--print-kernel-base", "demangled", "--print-units", "base"]
    command += ["--metrics", ",".join(COUNTERS)]
    if mutants:  # most launches are the harness's own, and ncu would replay them, too
        command += ["--kernel-name-base", "demangled", "--kernel-name", "regex:mutant_"]
    command += [str(program), "--version", version]
    command += ["--sanitizer", "--shape", size, "--seed", "1"]
    command += ["--mutant", ",".join(map(str, [*mutants, ""]))] if mutants else []
    return read(process.run(command, seconds, program.parent).stdout)


def read(text: str) -> dict[int, Counts]:
    """Return the counts of ncu's table `text` by mutant, summed over its kernels.

    A program that holds no mutants is number 0.
    """
    lines = text.splitlines()
    head = next((n for n, line in enumerate(lines) if '"Metric Name"' in line), len(lines))
    totals: dict[int, dict[str, float]] = {}
    for row in csv.DictReader(lines[head:]):
        name, value = row.get("Metric Name") or "", row.get("Metric Value") or ""
        digits = value.replace(",", "")
        kernel = row.get("Kernel Name") or ""
        own = not _HARNESS.search(kernel)
        if own and name in COUNTERS and re.fullmatch(r"\d+(?:\.\d+)?", digits):
            mutant = _MUTANT.search(kernel)
            counts = totals.setdefault(int(mutant[1]) if mutant else 0, {})
            counts[COUNTERS[name]] = counts.get(COUNTERS[name], 0) + float(digits)
    return {number: counts for number, counts in totals.items() if len(counts) == len(COUNTERS)}
