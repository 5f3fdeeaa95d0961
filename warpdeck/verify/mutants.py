"""The mutants of one kernel: compiled, run, and what caught each; then into the receipt.

Owns: the order of the detectors. Must not know the operators, or how mutants are compiled.

Cheap detectors come first, and a mutant that one has caught is left alone. Each runs in a
process of its own with a time limit, so that one that hangs or breaks its context hurts
nobody. Every program holds the original as its number 0: where that is not right, nothing
that the program says of a mutant counts.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from warpdeck import mutation, receipts
from warpdeck.model import Kernel, Location, Problem, StepSpec, WarpdeckError
from warpdeck.receipts import SANITIZERS
from warpdeck.verify import batch, bugs, mutate, profiler, program, sanitizer, syntax
from warpdeck.verify.batch import Batch, Built
from warpdeck.verify.kernel import Setup
from warpdeck.verify.mutate import Mutant
from warpdeck.verify.toolchain import Toolchain

OVERFLOW = "int32"
"""The operator whose mutants only a shape of more than 2^31 elements shows."""

_SHORTEST, _PATIENCE = 10.0, 10.0
"""A mutant hangs when it takes this many seconds and this many times the original's."""

_QUICKLY = ("--runs", "15")
"""Enough for a factor of bugs.SLOWDOWN."""

_CROWD = 4
"""Cores for each process that compares: on a GPU that many share, each waits for the others."""

_FEW = 1000.0
"""A counter that rises by less than this has not risen."""

_SAME_TRAFFIC = frozenset(
    {"accumulator", "compare", "int32", "launch-shape", "launch-shared", "sync-removed"}
)
"""Operators whose mutants move the same data in the same way: no counter tells them apart."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some mutants of one version that are compiled together."""

    step: StepSpec
    mutants: tuple[Mutant, ...]
    source: bytes
    body: bytes
    """The source without the kernels that the version cannot launch."""
    folder: Path
    home: Path
    """Where a copy of what the kernel includes stands."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutant that compiled, and its original in the same program."""

    mutant: Mutant
    built: Built
    control: Built


Caught = dict[str, str]
"""By mutant's id: the detector that was the first to catch it."""


def verify(setup: Setup, kernel: Kernel) -> list[Problem]:
    """Test the mutants of `kernel` and add what came of them to its receipt, which is fresh.

    Each version's are written as soon as they are done; another call goes on with the rest.
    """
    sha = receipts.source_sha256(setup.root, kernel)
    document = receipts.document(setup.root, kernel, setup.gpu.name)
    versions = {version["name"]: version for version in document["versions"]}
    left = [step for step in kernel.steps if "mutants" not in versions[step.name]]
    with tempfile.TemporaryDirectory(prefix="warpdeck-") as folder:
        for step, result in _test(setup, kernel, left, Path(folder)):
            if sha != receipts.source_sha256(setup.root, kernel):
                message = "the code changed while its mutants ran"
                return [_problem(kernel, "changed", message, "Verify again.")]
            versions[step.name]["mutants"] = result
            mutation.argue(kernel, document)
            receipts.write(setup.root, kernel, document)
            setup.report(f"{kernel.name}/{step.name}: {_summary(result)}")
    return []


def compile_all(
    root: Path, tools: Toolchain, kernel: Kernel, folder: Path, jobs: int
) -> tuple[int, int]:
    """Compile every mutant of `kernel`; return how many there are, and how many compile.

    Raises WarpdeckError where the original does not compile in its place.
    """
    parts = prepare(root, kernel, kernel.steps, folder)
    with ThreadPoolExecutor(jobs) as pool:
        made = list(pool.map(lambda part: _compile(tools, kernel, part), parts))
    return sum(len(part.mutants) for part in parts), sum(len(done.built) for done in made)


def prepare(root: Path, kernel: Kernel, steps: Sequence[StepSpec], folder: Path) -> list[Part]:
    """Make the mutants of `steps` and deal them out; copy what the kernel includes."""
    home = folder / kernel.name
    shutil.copytree(root / "kernels" / "harness", folder / "harness")
    home.mkdir()
    for header in (root / "kernels" / kernel.name).glob("*.*h"):
        shutil.copy(header, home)
    code = (root / "kernels" / kernel.name / kernel.file).read_bytes().replace(b"\r\n", b"\n")
    tree = syntax.parse(code)
    anchors = [step.anchor for step in kernel.steps]
    limit = next((step.anchor for step in kernel.steps if step.name == kernel.limit), "")
    parts = []
    for step in steps:
        body = batch.without_strangers(tree, step.anchor, limit, anchors)
        dealt = batch.batches(mutate.mutants(tree, step.name, step.anchor))
        for number, mutants in enumerate(dealt):
            place = folder / f"{step.name}-{number}"
            place.mkdir()
            parts.append(Part(step, mutants, code, body, place, home))
    return parts


def _compile(tools: Toolchain, kernel: Kernel, part: Part) -> Batch:
    """Compile a part; raise WarpdeckError where even the original alone does not compile."""
    flags = (*kernel.flags, f"-I{part.home}")
    done = batch.compile_batch(tools, part.body, part.mutants, part.folder, flags)
    return done if done.control else _compile_alone(tools, kernel, part)


def _compile_alone(tools: Toolchain, kernel: Kernel, part: Part) -> Batch:
    flags = (*kernel.flags, f"-I{part.home}")
    done = batch.compile_alone(tools, part.source, part.mutants, part.folder, flags)
    if done.control is None:
        message = f"the copy of {kernel.file} to mutate does not compile: {done.error}"
        raise WarpdeckError(_problem(kernel, "not-compiled", message, "Mend the code."))
    return done


# --- one kernel ------------------------------------------------------------------------


def _test(
    setup: Setup, kernel: Kernel, steps: Sequence[StepSpec], folder: Path
) -> Iterator[tuple[StepSpec, dict[str, Any]]]:
    """Yield each version and what its receipt will say of its mutants."""
    began = time.monotonic()
    parts = prepare(setup.root, kernel, steps, folder)
    settled = setup.parallel(partial(_settle, setup, kernel, part) for part in parts)
    trials = [
        Trial(mutant, done.built[mutant.id], done.control)
        for part, (done, _) in zip(parts, settled, strict=True)
        for mutant in part.mutants
        if done.control and mutant.id in done.built
    ]
    made = sum(len(part.mutants) for part in parts)
    took = time.monotonic() - began
    setup.report(f"{kernel.name}: compiled {len(trials)} of {made} mutants in {took:.0f} s")
    slowest = max((seconds for _, seconds in settled), default=0.0)
    limit = min(setup.seconds, max(_SHORTEST, _PATIENCE * slowest))
    caught = _detect(setup, kernel, [t for t in trials if not t.built.same_code], limit)
    for step in steps:
        own = [t for t in trials if t.mutant.version == step.name]
        broken = sum(len(p.mutants) for p in parts if p.step == step) - len(own)
        left = [t for t in own if not t.built.same_code and t.mutant.id not in caught]
        yield step, _result(own, caught | _measure(setup, kernel, left), broken)


def _settle(setup: Setup, kernel: Kernel, part: Part) -> tuple[Batch, float]:
    """Compile a part so that its original is right; return it and the original's seconds."""
    done = _compile(setup.toolchain, kernel, part)
    for _ in range(2):
        assert done.control
        began = time.monotonic()
        wrong = bugs.wrong(
            done.control.program, part.step.name, setup.seconds, *done.control.options
        )
        if not wrong:
            return done, time.monotonic() - began
        if not done.control.options:  # it was alone already
            break
        done = _compile_alone(setup.toolchain, kernel, part)
    message = f"version '{part.step.name}' fails unchanged: {', '.join(wrong.values())}"
    raise WarpdeckError(_problem(kernel, "control", message, "Mend the code."))


def _detect(setup: Setup, kernel: Kernel, trials: list[Trial], limit: float) -> Caught:
    """Run the detectors that may work side by side, each on what the one before let through."""
    began = time.monotonic()
    caught = _compare(setup, trials, limit)
    compared = time.monotonic()
    caught |= _sanitize(setup, [t for t in trials if t.mutant.id not in caught])
    setup.report(
        f"{kernel.name}: compared {len(trials)} mutants in {compared - began:.0f} s, "
        f"sanitized in {time.monotonic() - compared:.0f} s; {len(trials) - len(caught)} left"
    )
    return caught


def _measure(setup: Setup, kernel: Kernel, trials: list[Trial]) -> Caught:
    """Run the detectors that need the GPU for themselves."""
    caught = _overflow(setup, kernel, trials)
    for detector in (_time, _profile):
        caught |= detector(setup, kernel, [t for t in trials if t.mutant.id not in caught])
    return caught


# --- detectors -----------------------------------------------------------------------------


def _compare(setup: Setup, trials: Sequence[Trial], limit: float) -> Caught:
    """Compare at boundary shapes; what the others could have caused must happen alone too."""

    def alone(trial: Trial) -> str:
        built = trial.built
        found = bugs.wrong(built.program, trial.mutant.version, limit, *built.options)
        return _named(next(iter(found), ""))

    together: dict[Path, list[Trial]] = {}
    for trial in trials:
        together.setdefault(trial.built.program, []).append(trial)
    few = replace(setup, jobs=max(1, setup.jobs // _CROWD))
    groups = few.parallel(partial(_compare_each, group, limit) for group in together.values())
    caught = {name: kind for group in groups for name, kind in group.items()}
    for trial in trials:
        if caught.get(trial.mutant.id, "crash") in ("timeout", "crash"):
            caught[trial.mutant.id] = alone(trial)
    return {name: kind for name, kind in caught.items() if kind}


def _compare_each(trials: Sequence[Trial], limit: float) -> Caught:
    """Run the mutants of one program in one process, in another where one has broken it.

    What is not in the result could not be run among others.
    """
    caught: Caught = {}
    left = {trial.built.number: trial for trial in trials if trial.built.number}
    while left:
        first = next(iter(left.values()))
        # A mutant takes a tenth of its limit, if it does what the original does.
        seconds = limit * (1 + len(left) / _PATIENCE)
        ran = bugs.wrong_each(first.built.program, first.mutant.version, list(left), seconds)
        if not ran:
            break
        for number, kind in ran.items():
            caught[left.pop(number).mutant.id] = _named(kind)
    return caught


def _named(kind: str) -> str:
    """Return the detector for a kind of failure: what is no crash or hang was compared."""
    other = {"time-limit": "timeout", "crash": "crash", "memory": "crash", "launch": "launch"}
    return other.get(kind, "compare") if kind else ""


def _sanitize(setup: Setup, trials: Sequence[Trial]) -> Caught:
    def one(trial: Trial) -> str:
        for tool in SANITIZERS:
            built = trial.built
            arguments = (tool, built.program, trial.mutant.version, setup.seconds)
            if sanitizer.complaint(sanitizer.run(setup.sanitizer, *arguments, *built.options)):
                return tool
        return ""

    tools = setup.parallel(partial(one, trial) for trial in trials)
    pairs = zip((trial.mutant.id for trial in trials), tools, strict=True)
    return {name: tool for name, tool in pairs if tool}


def _overflow(setup: Setup, kernel: Kernel, trials: Sequence[Trial]) -> Caught:
    """Run mutants that narrow an index at a shape where that overflows, without comparing."""
    if not kernel.large:
        return {}
    size = "x".join(map(str, kernel.large))

    def falls(built: Built, version: str) -> bool:
        options = ("--sanitizer", "--shape", size, "--seed", "1", *built.options)
        return program.run(built.program, version, setup.seconds, *options).failure is not None

    caught = {}
    for trial in trials:
        version = trial.mutant.version
        if trial.mutant.operator != OVERFLOW or not falls(trial.built, version):
            continue
        if not falls(trial.control, version):
            caught[trial.mutant.id] = "overflow"
    return caught


def _time(setup: Setup, kernel: Kernel, trials: Sequence[Trial]) -> Caught:
    """Time what is left, alone, against the original in the same program."""

    def median(built: Built, version: str) -> float | None:
        arguments = (version, built.program, kernel.shape, setup.seconds)
        timing = bugs.timed(*arguments, *_QUICKLY, *built.options)
        return timing.median if timing else None

    whole: dict[Built, float | None] = {}
    caught = {}
    for trial in trials:
        version = trial.mutant.version
        if trial.control not in whole:
            whole[trial.control] = median(trial.control, version)
        before, after = whole[trial.control], median(trial.built, version)
        if before is None:
            setup.report(f"{kernel.name}/{version}: the original cannot be timed here")
        elif after is None:
            caught[trial.mutant.id] = "compare"  # wrong at the timed shape alone
        elif after >= bugs.SLOWDOWN * before:
            caught[trial.mutant.id] = "time"
    return caught


def _profile(setup: Setup, kernel: Kernel, trials: Sequence[Trial]) -> Caught:
    """Count bank conflicts and sectors, where ncu is installed and may read counters."""
    ncu = profiler.find()
    trials = [trial for trial in trials if trial.mutant.operator not in _SAME_TRAFFIC]
    if ncu is None or not trials:
        return {}

    def counts(built: Built, version: str) -> Mapping[str, float] | None:
        arguments = (built.program, version, kernel.shape, setup.seconds)
        return profiler.count(ncu, *arguments, *built.options)

    whole: dict[Built, Mapping[str, float] | None] = {}
    caught: Caught = {}
    for trial in trials:
        version = trial.mutant.version
        if trial.control not in whole:
            whole[trial.control] = counts(trial.control, version)
        before = whole[trial.control]
        if before is None:
            setup.report(f"{kernel.name}: ncu may not read counters here")
            return caught
        for detector, after in (counts(trial.built, version) or {}).items():
            if after > max(bugs.SLOWDOWN * before[detector], before[detector] + _FEW):
                caught.setdefault(trial.mutant.id, detector)
    return caught


# --- results ----------------------------------------------------------------------------------


def _result(trials: Sequence[Trial], caught: Caught, broken: int) -> dict[str, Any]:
    """Return what the receipt says of one version's mutants."""
    by = Counter(caught[t.mutant.id] for t in trials if t.mutant.id in caught)
    survivors = [
        {"mutant": t.mutant.id, "mutation": t.mutant.words}
        for t in sorted(trials, key=lambda t: (t.mutant.line, t.mutant.column, t.mutant.id))
        if t.mutant.id not in caught and not t.built.same_code
    ]
    return {
        "made": len(trials),
        "killed": by.total(),
        "by": dict(sorted(by.items())),
        "equivalent": sum(trial.built.same_code for trial in trials),
        "not_compiled": broken,
        "survivors": survivors,
    }


def _summary(result: Mapping[str, Any]) -> str:
    by = ", ".join(f"{detector} {count}" for detector, count in result["by"].items())
    return (
        f"{result['made']} mutants, {result['killed']} killed ({by}), "
        f"{result['equivalent']} the same code, {len(result['survivors'])} survive"
    )


def _problem(kernel: Kernel, rule: str, message: str, hint: str) -> Problem:
    return Problem(Location(f"kernels/{kernel.name}/kernel.yml"), rule, message, hint)
