"""What a kernel's own program prints with --json (kernels/harness/report.h).

Owns: the form of those lines. Must not know how the program was made or why it is run.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from warpdeck.model import Timing
from warpdeck.verify import process

COMPARED = frozenset({"value", "not-finite", "guard", "input", "race", "special"})
"""Kinds of failure that the harness finds by comparing memory."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a version did not pass."""

    kind: str
    """A kind of the harness's (`value`, `guard`, `launch`, …), or `crash`, `time-limit`."""
    message: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What a time is held against."""

    name: str
    us: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One shape that passed."""

    shape: tuple[int, ...]
    seed: int
    max_error: float
    tolerance: float
    bytes: float
    flops: float
    """0 where nothing is computed."""
    times: tuple[tuple[str, Timing], ...]
    """(name, time): the version first, then limits and baselines; empty where not timed."""
    limit: Mark | None = None
    """What bounds the time, where that is known."""
    baseline: Mark | None = None
    """The fastest of other people's code, where there is any."""


@dataclass(frozen=True, slots=True)
class VersionRun:
    """One run of one version."""

    device: Mapping[str, Any]
    cases: tuple[Measured, ...]
    failure: Failure | None


def run(
    program: Path, version: str, seconds: float, *options: str, cwd: Path | None = None
) -> VersionRun:
    """Run one version in a process of its own and read what it printed."""
    command = [str(program), "--json", "--version", version, *options]
    return read(process.run(command, seconds, cwd or program.parent), seconds)


def read(ran: process.Ran, seconds: float) -> VersionRun:
    """Return what a finished process printed; a missing end is a failure, never a pass."""
    device: dict[str, Any] = {}
    cases = []
    failure, done = None, False
    for line in ran.stdout.splitlines():
        try:
            record = json.loads(line)
            device = record.get("device", device)
            if "case" in record:
                cases.append(_case(record["case"]))
            if "failure" in record:
                failure = _failure(record["failure"])
            done = done or "done" in record
        except (ValueError, KeyError, TypeError, AttributeError):
            failure = Failure("crash", f"printed what is no record: {line[:120]}")
    if failure is None and (ran.timed_out or ran.code != 0 or not done):
        kind = "time-limit" if ran.timed_out else "crash"
        words = f": {ran.last_words()}" if ran.stderr.strip() else ""
        ending = ran.ending(seconds) if ran.timed_out or ran.code else "ended too early"
        failure = Failure(kind, ending + words)
    return VersionRun(device, tuple(cases), failure)


def run_each(
    program: Path,
    version: str,
    numbers: Sequence[int],
    seconds: float,
    *options: str,
    shapes: Sequence[str] = (),
) -> dict[int, VersionRun]:
    """Run the original, number 0, and several mutants of one program, in few processes.

    With `shapes` all run at the first, then at the second those that were right, and so on: a
    mutant that hangs is ended after a multiple of the original's time at that shape, so let the
    first be small. A process of its own for each would spend most of its time on starting. One
    that breaks the context, crashes or hangs ends its process, and another goes on with the
    rest; what those before it could have caused does not count, only what happens right after
    the original. Where the original fails, the result ends with it.
    """
    found: dict[int, VersionRun] = {}
    left, shapes = list(numbers), list(shapes)
    while left:
        command = [str(program), "--json", "--version", version, *options]
        command += ["--shapes", ",".join(shapes)] if shapes else []
        command += ["--mutant", ",".join(map(str, [0, *left, ""]))]
        turns = _read_each(process.run(command, seconds, program.parent), seconds)
        last = max(0, len(shapes) - 1)
        final = (t for t in turns if t.run.failure or not t.ended or t.turn == last or not t.number)
        found |= {t.number: t.run for t in final}
        end = turns[-1] if turns and not turns[-1].ended else None
        if end is None or end.number == 0:
            break
        if end.number != left[0]:  # tried once more, as the first
            del found[end.number]
        shapes = shapes[end.turn :]
        left = [number for number in left if number not in found]
        left.sort(key=lambda number: number != end.number)
    return found


@dataclass(frozen=True, slots=True)
class _Turn:
    """One mutant at one of the shapes."""

    number: int
    turn: int
    """Which of the shapes, from 0."""
    run: VersionRun
    ended: bool
    """Whether the process went on."""


def _read_each(ran: process.Ran, seconds: float) -> list[_Turn]:
    """Return what the mutants printed, in the order in which they ran."""
    turns = []
    for part in ran.stdout.split('{"mutant": ')[1:]:
        head, _, printed = part.partition("\n")
        body, ended, code = printed.partition('{"ended": ')
        number, _, turn = head.rstrip("}").partition(', "turn": ')
        if ended:
            one = replace(ran, stdout=body, code=int(code.partition("}")[0]), stderr="")
            one = replace(one, timed_out=False)
        else:
            hung = ran.timed_out or ran.code == -signal.SIGALRM
            one = replace(ran, stdout=body, timed_out=hung)
        turns.append(_Turn(int(number), int(turn), read(one, seconds), bool(ended)))
    return turns


def versions(program: Path, seconds: float) -> tuple[str, ...]:
    """Return the names that `--list` prints."""
    ran = process.run([str(program), "--list"], seconds, program.parent)
    return tuple(ran.stdout.split()) if ran.code == 0 else ()


def _case(data: Mapping[str, Any]) -> Measured:
    return Measured(
        tuple(data["shape"]),
        int(data["seed"]),
        float(data["max_error"]),
        float(data["tolerance"]),
        float(data["bytes"]),
        float(data["flops"]),
        tuple(
            (name, Timing(time["median"], time["min"], time["max"], time["runs"]))
            for name, time in data["times"].items()
        ),
        _mark(data.get("limit")),
        _mark(data.get("baseline")),
    )


def _mark(data: Mapping[str, Any] | None) -> Mark | None:
    return Mark(str(data["name"]), float(data["us"])) if data else None


def _failure(data: Mapping[str, Any]) -> Failure:
    shape = "x".join(map(str, data["shape"]))
    return Failure(str(data["kind"]), f"{shape}: {data['message']}" if shape else data["message"])
