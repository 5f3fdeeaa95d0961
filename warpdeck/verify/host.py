"""One host program: compiled, run twice, sanitized, broken on purpose; then its receipt.

Owns: the order of that, and the receipt's document. Must not know the command line.
"""

from __future__ import annotations

import datetime
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warpdeck import program_receipts
from warpdeck.files import UNSHOWABLE
from warpdeck.model import BugSpec, HostOperation, Location, Problem, ProgramSpec
from warpdeck.snippets import apply_edits
from warpdeck.verify import cpu_reports, process, runners
from warpdeck.verify.process import Ran
from warpdeck.verify.runners import PLAIN, Runner

MOST_STDOUT = 4000
"""Characters that a program may print: it is for a card."""
HANG = 10.0
"""Seconds after which a broken variant hangs; the whole program needs a fifth at most."""

_THREADS = (4, 3)
"""Threads of the two runs, where the program names no number itself."""
_COMPILER_ERROR = re.compile(r"(?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+): (?:fatal )?error: ")


@dataclass(frozen=True, slots=True)
class Setup:
    """What verifying needs besides a program."""

    root: Path
    seconds: float
    """Time limit of each process."""
    cpu: str
    gpu: str
    """Empty where there is none."""
    driver: str
    report: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was found out about a program that passed."""

    stdout: str
    sanitizers: tuple[str, ...]
    bugs: tuple[tuple[str, str, str], ...]
    """(id, detector, what was seen) of each bug."""


class _Failed(Exception):
    """Carries the problem that ends the verifying of a program."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Job:
    """A program, its runner, and a folder of its own."""

    setup: Setup
    operation: HostOperation
    program: ProgramSpec
    runner: Runner
    folder: Path

    def problem(self, rule: str, message: str, hint: str) -> Problem:
        at = Location(f"kernels/{self.operation.name}/{self.program.file}")
        return Problem(at, rule, f"program '{self.program.id}' {message}", hint)

    def prepare(self, code: str, build: str, name: str) -> list[str] | str:
        """Write `code` into a folder of its own and compile it; return its command or why not."""
        folder = self.folder / f"{name}-{build}"
        folder.mkdir()
        source = folder / self.program.file
        source.write_text(code, "utf-8")
        return self.runner.prepare(source, build)

    def run(self, command: list[str], name: str, build: str, threads: int, seconds: float) -> Ran:
        environment = {
            **self.runner.environment(threads),
            "TMPDIR": str(self.folder),  # what it leaves behind goes with the folder
        }
        return process.run(command, seconds, self.folder / f"{name}-{build}", environment)


def verify(
    setup: Setup, operation: HostOperation, program: ProgramSpec, runner: Runner
) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Verify `program`; return the document of its receipt, which is not written yet."""
    sha = program_receipts.source_sha256(setup.root, operation, program)
    path = setup.root / "kernels" / operation.name / program.file
    code = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    with tempfile.TemporaryDirectory(prefix="wd-") as folder:
        job = _Job(setup, operation, program, runner, Path(folder))
        try:
            stdout, took = _whole(job, code)
            _sanitize(job, code, stdout)
        except _Failed as failed:
            return None, [failed.problem]
        seen, problems = _bugs(job, code, took)
    if sha != program_receipts.source_sha256(setup.root, operation, program):
        problems.append(job.problem("changed", "changed while it was verified", "Verify again."))
    if problems:
        return None, problems
    found = Found(stdout, program_receipts.sanitizers(program), tuple(seen))
    return _document(job, found, sha), []


# --- the program as it is --------------------------------------------------------


def _whole(job: _Job, code: str) -> tuple[str, float]:
    """Run the program twice; return what it printed and the seconds of the longer run."""
    command = job.prepare(code, PLAIN, "whole")
    if isinstance(command, str):
        raise _Failed(_not_compiled(job, command))
    printed, took = [], 0.0
    for threads in _THREADS:
        began = time.monotonic()
        ran = job.run(command, "whole", PLAIN, threads, job.setup.seconds)
        took = max(took, time.monotonic() - began)
        if ran.timed_out or ran.code:
            words = cpu_reports.check(ran) or ran.last_words()
            ending = ran.ending(job.setup.seconds)
            message = f"{ending}: {words}" if words else ending
            raise _Failed(job.problem("failed", message, "Mend the program."))
        printed.append(ran.stdout)
    if printed[0] != printed[1]:
        raise _Failed(_differs(job, printed[0], printed[1]))
    for problem in _unshowable(job, printed[0]):
        raise _Failed(problem)
    return printed[0], took


def _not_compiled(job: _Job, error: str) -> Problem:
    match = _COMPILER_ERROR.match(error)
    if match and match["file"] == job.program.file:
        shown = f"kernels/{job.operation.name}/{job.program.file}"
        at = Location(shown, int(match["line"]), int(match["column"]))
        what = error[match.end() :].strip()
        return Problem(at, "not-compiled", f"does not compile: {what}", "Mend the code.")
    return job.problem("not-compiled", f"does not compile: {error}", "Mend the code.")


def _differs(job: _Job, first: str, second: str) -> Problem:
    one, two = first.splitlines(), second.splitlines()
    pairs = zip([*one, ""], [*two, ""], strict=False)
    line = next((n for n, (a, b) in enumerate(pairs, 1) if a != b), min(len(one), len(two)) + 1)
    threads = " and ".join(map(str, _THREADS))
    return job.problem(
        "prints-differently",
        f"printed two things in two runs (with {threads} threads), first on line {line}",
        "Fix seeds, name the number of threads, print no times, addresses or order of threads.",
    )


def _unshowable(job: _Job, stdout: str) -> Iterator[Problem]:
    if not stdout.strip():
        yield job.problem("prints-nothing", "printed nothing", "Print what it found.")
    if len(stdout) > MOST_STDOUT:
        what = f"printed {len(stdout)} characters, more than {MOST_STDOUT}"
        yield job.problem("prints-much", what, "Print what a card can show.")
    if control := UNSHOWABLE.search(stdout):
        what = f"printed U+{ord(control[0]):04X}, which cannot be shown on a card"
        yield job.problem("control-character", what, "Print plain text.")
    if "\ufffd" in stdout:
        yield job.problem("not-utf8", "printed what is not UTF-8", "Print UTF-8.")


def _sanitize(job: _Job, code: str, stdout: str) -> None:
    tools = program_receipts.sanitizers(job.program)
    for build in dict.fromkeys(runners.BUILD_OF[tool] for tool in tools):
        names = " and ".join(tool for tool in tools if runners.BUILD_OF[tool] == build)
        command = job.prepare(code, build, "whole")
        if isinstance(command, str):
            raise _Failed(job.problem("not-compiled", f"({names}): {command}", "Mend the code."))
        ran = job.run(command, "whole", build, _THREADS[0], job.setup.seconds)
        if found := cpu_reports.sanitizer(ran, job.program.file):
            message = f"did not pass {found[0]}: {found[1]}"
            raise _Failed(job.problem("sanitizer", message, "Mend the code."))
        if ran.timed_out or ran.code:
            message = f"under {names} {ran.ending(job.setup.seconds)}: {ran.last_words()}"
            raise _Failed(job.problem("sanitizer", message, "Mend the code."))
        if ran.stdout != stdout:
            message = f"printed another thing under {names}"
            hint = "Print nothing that depends on how it was compiled."
            raise _Failed(job.problem("prints-differently", message, hint))


# --- its bugs --------------------------------------------------------------------


def _bugs(job: _Job, code: str, took: float) -> tuple[list[tuple[str, str, str]], list[Problem]]:
    seen, problems = [], []
    for bug in program_receipts.bugs_of(job.operation, job.program):
        what = _bug(job, code, bug, took)
        if isinstance(what, Problem):
            problems.append(what)
        else:
            seen.append((bug.id, bug.expect, what))
    return seen, problems


def _bug(job: _Job, code: str, bug: BugSpec, took: float) -> str | Problem:
    """Return what the expected detector said of the broken program, twice the same."""

    def survivor(message: str, hint: str) -> Problem:
        at = Location(f"kernels/{job.operation.name}/kernel.yml")
        return Problem(at, "survivor", f"bug '{bug.id}' {message}", hint)

    build = runners.BUILD_OF[bug.expect]
    command = job.prepare(apply_edits(code, bug.edits), build, f"bug-{bug.id}")
    if isinstance(command, str):
        return survivor(f"does not compile: {command}", "Mend the edit.")
    if bug.expect == "hang":
        return _hang(job, bug, command, took, survivor)
    said = []
    for threads in _THREADS:
        ran = job.run(command, f"bug-{bug.id}", build, threads, job.setup.seconds)
        detector, what = _caught(ran, job.program.file)
        if detector != bug.expect:
            instead = f"{detector} did ({what})" if detector else _ended(ran, job.setup.seconds)
            hint = "Change `expect`, or the edit so that it shows."
            return survivor(f"was not caught by {bug.expect}; {instead}", hint)
        said.append(what)
    if said[0] != said[1]:
        hint = "Let the program's message hold nothing that differs from run to run."
        return survivor(f"showed two things in two runs: {said[0]} / {said[1]}", hint)
    if control := UNSHOWABLE.search(said[0]):
        hint = "Print plain text."
        return survivor(f"showed U+{ord(control[0]):04X}, which no card can show", hint)
    return said[0]


def _hang(
    job: _Job,
    bug: BugSpec,
    command: list[str],
    took: float,
    survivor: Callable[[str, str], Problem],
) -> str | Problem:
    if took > HANG / 5:
        hint = f"Let the program end within {HANG / 5:.0f} seconds."
        return survivor(f"cannot be told from the program, which took {took:.1f} seconds", hint)
    ran = job.run(command, f"bug-{bug.id}", PLAIN, _THREADS[0], HANG)
    if ran.timed_out:
        return f"still running after {HANG:.0f} seconds"
    hint = "Change `expect`, or the edit so that it shows."
    return survivor(f"does not hang; {_ended(ran, HANG)}", hint)


def _caught(ran: Ran, file: str) -> tuple[str, str]:
    """Return the detector that fired and what it said; two empty texts where none did."""
    found = cpu_reports.sanitizer(ran, file)
    if found:
        return found
    said = cpu_reports.check(ran)
    return ("check", said) if said else ("", "")


def _ended(ran: Ran, seconds: float) -> str:
    words = ran.last_words() if ran.code or ran.timed_out else ""
    return f"it {ran.ending(seconds)}" + (f": {words}" if words else "")


# --- the receipt -----------------------------------------------------------------


def _document(job: _Job, found: Found, sha: str) -> dict[str, Any]:
    program, setup = job.program, job.setup
    machine: Mapping[str, str] = {"cpu": setup.cpu}
    if program.gpu:
        machine = {**machine, "gpu": setup.gpu, "driver": setup.driver}
    return {
        "kernel": job.operation.name,
        "program": program.id,
        "runner": job.runner.name,
        "tools": dict(job.runner.tools),
        "machine": dict(machine),
        "flags": list(program.flags),
        **({"ranks": program.ranks} if program.ranks else {}),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "source_sha256": sha,
        "stdout": found.stdout,
        "sanitizers": dict.fromkeys(found.sanitizers, "pass"),
        "bugs": [
            {"id": bug, "detector": detector, "seen": seen} for bug, detector, seen in found.bugs
        ],
    }
