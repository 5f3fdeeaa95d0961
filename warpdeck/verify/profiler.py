"""ncu: counters of the memory system, for mutants that are right and no slower.

Owns: its command line and its table. Must not know mutants or receipts.
"""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

from warpdeck.verify import process

COUNTERS = {
    "l1tex__data_bank_conflicts_pipe_lsu.sum": "bank-conflicts",
    "lts__t_sectors.sum": "sectors",
}
"""What is counted, and the detector that a rise of it is."""

_HARNESS = re.compile(r"\bharness::")
"""The harness's own kernels are the same in every run and are left out."""


def find() -> str | None:
    """Return ncu as it stands on PATH, if it does."""
    return shutil.which("ncu")


def count(
    ncu: str, program: Path, version: str, shape: tuple[int, ...], seconds: float, *options: str
) -> dict[str, float] | None:
    """Return each detector's count over all launches of one run at `shape`.

    None where ncu counts nothing: most machines let none but an administrator read counters.
    """
    size = "x".join(map(str, shape))
    command = [ncu, "--csv", "--print-kernel-base", "demangled", "--print-units", "base"]
    command += ["--metrics", ",".join(COUNTERS), str(program), "--version", version]
    command += ["--sanitizer", "--shape", size, "--seed", "1", *options]
    return read(process.run(command, seconds, program.parent).stdout)


def read(text: str) -> dict[str, float] | None:
    """Return the counts of ncu's table `text`, summed over the kernels that are no harness's."""
    lines = text.splitlines()
    head = next((n for n, line in enumerate(lines) if '"Metric Name"' in line), None)
    if head is None:
        return None
    totals = dict.fromkeys(COUNTERS.values(), 0.0)
    seen = set()
    for row in csv.DictReader(lines[head:]):
        name, value = row.get("Metric Name") or "", row.get("Metric Value") or ""
        digits = value.replace(",", "")
        own = not _HARNESS.search(row.get("Kernel Name") or "")
        if own and name in COUNTERS and re.fullmatch(r"\d+(?:\.\d+)?", digits):
            totals[COUNTERS[name]] += float(digits)
            seen.add(name)
    return totals if len(seen) == len(COUNTERS) else None
