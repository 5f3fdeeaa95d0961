"""compute-sanitizer: its command line, and what its report says in one line.

Owns: the form of its messages. Must not know kernels or receipts.

Blind spots, so that a pass is not read as more than it is: racecheck sees shared memory
only, initcheck global memory only, and none of them sees a code path that did not run.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from warpdeck.model import Location, Problem
from warpdeck.verify import process

PASS = "pass"

_ERROR_CODE = 99
_CLEAN = re.compile(r"(?:ERROR SUMMARY: 0 errors|RACECHECK SUMMARY: 0 hazards)")
_NOISE = (
    (re.compile(r"\+0x[0-9a-f]+"), ""),  # the instruction's address
    (re.compile(r" in \S+:\d+"), ""),  # file and line, of a copy that is gone
    (re.compile(r"\([^()]*\*[^()]*\)"), ""),  # the kernel's parameters
    (re.compile(r" \[\d+ hazards\]"), ""),  # differs from run to run
    (re.compile(r"\b(?:void|Error:) "), ""),
    (re.compile(r"\s+"), " "),
)


def find() -> str | Problem:
    """Return compute-sanitizer as it stands on PATH, or the problem that there is none."""
    return shutil.which("compute-sanitizer") or Problem(
        Location("kernels"),
        "no-sanitizer",
        "compute-sanitizer is not on PATH",
        "It comes with the CUDA toolkit; add its folder to PATH.",
    )


def run(
    sanitizer: str, tool: str, program: Path, version: str, seconds: float, *options: str
) -> process.Ran:
    """Run one version under `tool`, always on the same inputs."""
    command = [sanitizer, "--tool", tool, "--error-exitcode", str(_ERROR_CODE)]
    command += ["--print-limit", "1", str(program), "--version", version, "--sanitizer"]
    return process.run([*command, "--seed", "1", *options], seconds, program.parent)


def verdict(ran: process.Ran, seconds: float) -> str:
    """Return `pass`, or what the tool (or, failing that, the program) complained of."""
    if found := complaint(ran):
        return found
    if ran.code == 0 and _CLEAN.search(ran.stdout + ran.stderr):
        return PASS
    return f"the program {ran.ending(seconds)}: {ran.last_words()}"


def complaint(ran: process.Ran) -> str:
    """Return the first error of a report, addresses and line numbers removed; empty if none.

    The removed parts would make two runs of the same code differ.
    """
    if ran.code != _ERROR_CODE:
        return ""
    lines = [
        line.removeprefix("=========").strip()
        for line in (ran.stdout + ran.stderr).splitlines()
        if line.startswith("=========")
    ]
    first = next((n for n, line in enumerate(lines) if _is_error(line)), None)
    if first is None:
        return ""
    text = " ".join(lines[first : first + 2])
    for noise, replacement in _NOISE:
        text = noise.sub(replacement, text)
    return text.strip()


def _is_error(line: str) -> bool:
    return bool(line) and not re.match(r"COMPUTE-SANITIZER|.*SUMMARY:|Target app", line)
