"""The mutants of one kernel: compiled, run, and what caught each; then into the receipt.

Owns: the order of the detectors. Must not know the operators, or how mutants are compiled.

Cheap detectors come first, and a mutant that one has caught is left alone. Those of one program
run in one process as long as none hangs or breaks its context. Every program holds the original
as its number 0: where that is not right, nothing that the program says of a mutant counts.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from warpdeck import receipts
from warpdeck.model import Kernel, Problem, StepSpec, WarpdeckError
from warpdeck.receipts import SANITIZERS
from warpdeck.verify import batch, bugs, mutate, process, profiler, sanitizer, syntax
from warpdeck.verify.batch import Batch, Built
from warpdeck.verify.kernel import Setup, amend, broke_off, problem_of
from warpdeck.verify.mutate import Mutant
from warpdeck.verify.pool import Pool
from warpdeck.verify.profiler import Counts
from warpdeck.verify.toolchain import Toolchain

OVERFLOW = "int32"
"""The operator whose mutants only a shape of more than 2^31 elements shows."""

_VERSIONS_AT_ONCE = 2
"""For each GPU: one has it, while others compile."""

_LONGEST = 30.0
"""Seconds for a mutant that is alone in its program, and so never waits for others."""

_QUICKLY = 15
"""Timed runs, enough for a factor of bugs.SLOWDOWN."""

_TOGETHER = 4
"""Mutants that one process of compute-sanitizer runs: few, so that all processes have some."""

_SLOWEST = "racecheck"
"""The tool to begin with, so that nothing waits for it in the end."""

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


Shapes = Sequence[tuple[int, ...]]

Caught = dict[str, str]
"""By mutant's id: the detector that was the first to catch it."""


def verify(pool: Pool, kernels: Sequence[Kernel]) -> dict[str, list[Problem]]:
    """Test the mutants of `kernels`, whose receipts are fresh, and add what came of them.

    Each version's are written as soon as they are done; another call goes on with the rest.
    Returns the problems by kernel.
    """
    left = {kernel: _left(pool, kernel) for kernel in kernels}
    work = [
        (kernel, step, lock)
        for kernel in sorted(kernels, key=lambda kernel: len(left[kernel]))  # done the soonest
        for lock in [Lock()]
        for step in left[kernel]
    ]
    tasks = [partial(_add, pool, *task) for task in work]
    found = pool.side_by_side(tasks, _VERSIONS_AT_ONCE * pool.gpus)
    problems: dict[str, list[Problem]] = {kernel.name: [] for kernel in kernels}
    for (kernel, _, _), more in zip(work, found, strict=True):
        problems[kernel.name] += [
            problem for problem in more if problem not in problems[kernel.name]
        ]
    return problems


def _left(pool: Pool, kernel: Kernel) -> list[StepSpec]:
    """Return the versions of whose mutants the receipt says nothing yet."""
    document = receipts.document(pool.root, kernel, pool.gpu_name)
    done = {version["name"] for version in document["versions"] if "mutants" in version}
    return [step for step in kernel.steps if step.name not in done]


def _add(pool: Pool, kernel: Kernel, step: StepSpec, writing: Lock) -> list[Problem]:
    """Test the mutants of one version and write what came of them into the receipt."""
    sha = receipts.source_sha256(pool.root, kernel)
    try:
        with tempfile.TemporaryDirectory(prefix="warpdeck-") as folder:
            result = _test(pool, kernel, step, Path(folder))
        with writing:
            problems = _write(pool, kernel, step, result, sha)
    except (WarpdeckError, OSError) as error:
        problems = broke_off(kernel, error)
    for problem in problems:
        pool.report(f"{kernel.name}/{step.name}: {problem.message}")
    return problems


def _write(
    pool: Pool, kernel: Kernel, step: StepSpec, result: dict[str, Any], sha: str
) -> list[Problem]:
    found = {step.name: {"mutants": result}}
    problems = amend(pool.root, kernel, pool.gpu_name, sha, found, "its mutants ran")
    if not problems:
        pool.report(f"{kernel.name}/{step.name}: {_summary(result)}")
    return problems


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
    argued = {spec.mutant for spec in kernel.survivors}
    parts = []
    for step in steps:
        body = batch.without_strangers(tree, step.anchor, limit, anchors)
        dealt = batch.batches(mutate.mutants(tree, step.name, step.anchor), argued)
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
        raise WarpdeckError(problem_of(kernel, "not-compiled", message, "Mend the code."))
    return done


# --- one kernel ------------------------------------------------------------------------


def _test(pool: Pool, kernel: Kernel, step: StepSpec, folder: Path) -> dict[str, Any]:
    """Return what the receipt will say of one version's mutants."""
    name = f"{kernel.name}/{step.name}"
    began = time.monotonic()
    parts = prepare(pool.root, kernel, [step], folder)
    shapes = _checked(pool, kernel, step)
    settled = pool.side_by_side([partial(_settle, pool, kernel, part, shapes) for part in parts])
    trials = [
        trial
        for part, (done, _) in zip(parts, settled, strict=True)
        for trial in _trials(part, done)
    ]
    caught = {name: kind for _, found in settled for name, kind in found.items()}
    made = sum(len(part.mutants) for part in parts)
    took = time.monotonic() - began
    pool.report(
        f"{name}: compiled {len(trials)} of {made} mutants and compared them in {took:.0f} s"
    )
    with pool.gpu() as setup:
        spent = []
        for label, detector in _SLOW:
            began = time.monotonic()
            caught |= detector(setup, kernel, [t for t in trials if _is_left(t, caught)])
            spent.append(f"{label} {time.monotonic() - began:.0f} s")
    pool.report(f"{name}: {', '.join(spent)}")
    return _result(trials, caught, made - len(trials))


def _checked(pool: Pool, kernel: Kernel, step: StepSpec) -> list[tuple[int, ...]]:
    """Return the shapes that the receipt says the whole version is right at, small ones first."""
    document = receipts.document(pool.root, kernel, pool.gpu_name)
    version = next(v for v in document["versions"] if v["name"] == step.name)
    shapes = [tuple(case["shape"]) for case in version["cases"] if "time_us" not in case]
    return sorted(shapes, key=math.prod)


def _trials(part: Part, done: Batch) -> list[Trial]:
    assert done.control
    return [
        Trial(mutant, done.built[mutant.id], done.control)
        for mutant in part.mutants
        if mutant.id in done.built
    ]


def _is_left(trial: Trial, caught: Caught) -> bool:
    return not trial.built.same_code and trial.mutant.id not in caught


def _groups(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Return `trials` by program."""
    groups: dict[Path, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.built.program, []).append(trial)
    return list(groups.values())


def _numbered(group: Sequence[Trial]) -> dict[int, Trial]:
    """Return the mutants of one program by number; none where one is alone in it."""
    return {trial.built.number: trial for trial in group if trial.built.number}


# --- detectors -----------------------------------------------------------------------------


def _settle(pool: Pool, kernel: Kernel, part: Part, shapes: Shapes) -> tuple[Batch, Caught]:
    """Compile a part so that its original is right, and compare its mutants' results.

    Raises WarpdeckError where the original is wrong even in a program of its own.
    """
    tools = pool.toolchain.narrowed(kernel.arch)
    with pool.core():
        done = _compile(tools, kernel, part)
    caught = _compare(pool, part, done, shapes)
    if isinstance(caught, str) and _numbered(_trials(part, done)):
        with pool.core():
            done = _compile_alone(tools, kernel, part)
        caught = _compare(pool, part, done, shapes)
    if isinstance(caught, str):
        message = f"version '{part.step.name}' fails unchanged: {caught}"
        raise WarpdeckError(problem_of(kernel, "control", message, "Mend the code."))
    return done, caught


def _compare(pool: Pool, part: Part, done: Batch, shapes: Shapes) -> Caught | str:
    """Compare at boundary shapes; return what is wrong with the original if anything is."""
    trials = [trial for trial in _trials(part, done) if not trial.built.same_code]
    if not trials:
        return {}
    with pool.gpu() as setup:
        if _numbered(trials):
            return _compare_together(setup, part.step.name, trials, shapes)
        return _compare_each(setup, part.step.name, trials)


def _compare_together(
    setup: Setup, version: str, trials: Sequence[Trial], shapes: Shapes
) -> Caught | str:
    numbered = _numbered(trials)
    program = trials[0].built.program
    kinds = bugs.wrong_each(program, version, list(numbered), setup.seconds, shapes)
    if wrong := kinds.get(0, "crash"):
        return wrong
    found = {t.mutant.id: _named(kinds.get(number, "")) for number, t in numbered.items()}
    return {name: kind for name, kind in found.items() if kind}


def _compare_each(setup: Setup, version: str, trials: Sequence[Trial]) -> Caught | str:
    seconds = min(setup.seconds, _LONGEST)
    if wrong := bugs.wrong(trials[0].control.program, version, seconds):
        return ", ".join(wrong.values())
    found = {t.mutant.id: bugs.wrong(t.built.program, version, seconds) for t in trials}
    return {name: _named(next(iter(kinds))) for name, kinds in found.items() if kinds}


def _named(kind: str) -> str:
    """Return the detector for a kind of failure: what is no crash or hang was compared."""
    other = {"time-limit": "timeout", "crash": "crash", "memory": "crash", "launch": "launch"}
    return other.get(kind, "compare") if kind else ""


def _sanitize(setup: Setup, kernel: Kernel, trials: Sequence[Trial]) -> Caught:
    """Run each tool on a few mutants of a program, and on each where it complains."""
    few = [
        group[n : n + _TOGETHER]
        for group in _groups(trials)
        for n in range(0, len(group), _TOGETHER)
    ]
    tools = sorted(SANITIZERS, key=lambda tool: tool != _SLOWEST)
    work = [(tool, part) for tool in tools for part in few]
    found = setup.on_gpu(partial(_complaints, setup, *task) for task in work)
    seen = [(name, tool) for (tool, _), names in zip(work, found, strict=True) for name in names]
    # A mutant of which several complain goes to the first in the usual order.
    return dict(sorted(seen, key=lambda pair: SANITIZERS.index(pair[1]), reverse=True))


def _complaints(setup: Setup, tool: str, few: Sequence[Trial]) -> list[str]:
    """Return the ids of those that `tool` complains of: all in one run, each where that did."""

    def run(*options: str) -> process.Ran:
        built, version = few[0].built, few[0].mutant.version
        return sanitizer.run(setup.sanitizer, tool, built.program, version, setup.seconds, *options)

    if len(few) > 1:
        ran = run("--mutant", ",".join(map(str, [*_numbered(few), ""])))
        if sanitizer.verdict(ran, setup.seconds) == sanitizer.PASS:
            return []
    return [t.mutant.id for t in few if sanitizer.complaint(run(*t.built.options))]


def _overflow(setup: Setup, kernel: Kernel, trials: Sequence[Trial]) -> Caught:
    """Compare mutants that narrow an index at shapes where that overflows."""
    caught: Caught = {}
    for shape in kernel.large:
        narrowed = [
            trial
            for trial in trials
            if trial.mutant.operator == OVERFLOW and trial.mutant.id not in caught
        ]
        for group in _groups(narrowed):
            before, after = _times(setup, shape, group, runs=1)
            if before is not None:
                caught |= {trial.mutant.id: "overflow" for trial, time in after if time is None}
    return caught


def _time(setup: Setup, kernel: Kernel, trials: Sequence[Trial]) -> Caught:
    """Time what is left, alone, against the original in the same program, shape after shape."""
    caught: Caught = {}
    for shape in (kernel.shape, *kernel.timed):
        for group in _groups([trial for trial in trials if trial.mutant.id not in caught]):
            caught |= _slow(setup, kernel, shape, group)
    return caught


def _slow(setup: Setup, kernel: Kernel, shape: tuple[int, ...], group: Sequence[Trial]) -> Caught:
    """Return those of one program that are slower at `shape`, or wrong there alone."""
    before, after = _times(setup, shape, group, _QUICKLY)
    if before is None:
        version, size = group[0].mutant.version, "x".join(map(str, shape))
        setup.report(f"{kernel.name}/{version}: the original cannot be timed at {size}")
        return {}
    slow = bugs.SLOWDOWN * before
    verdicts = {
        trial.mutant.id: "compare" if median is None else "time" if median >= slow else ""
        for trial, median in after
    }
    return {name: kind for name, kind in verdicts.items() if kind}


def _times(
    setup: Setup, shape: tuple[int, ...], group: Sequence[Trial], runs: int
) -> tuple[float | None, list[tuple[Trial, float | None]]]:
    """Return the medians of the original and of the mutants of one program, None where wrong."""
    first = group[0]
    how = (shape, setup.seconds, "--runs", str(runs))
    numbered = _numbered(group)
    if numbered:
        path = first.built.program
        found = bugs.timed_each(first.mutant.version, path, list(numbered), *how)
        own = [(trial, found[number]) for number, trial in numbered.items() if number in found]
    else:
        paths = {0: first.control.program, 1: first.built.program}
        found = {n: bugs.timed(first.mutant.version, path, *how) for n, path in paths.items()}
        own = [(first, found[1])]
    medians = [(trial, time.median if time else None) for trial, time in own]
    whole = found.get(0)
    return (whole.median if whole else None), medians


def _profile(setup: Setup, kernel: Kernel, trials: Sequence[Trial]) -> Caught:
    """Count bank conflicts and sectors, where ncu is installed and may read counters."""
    ncu = profiler.find()
    trials = [trial for trial in trials if trial.mutant.operator not in _SAME_TRAFFIC]
    caught: Caught = {}
    for group in _groups(trials) if ncu else ():
        assert ncu
        before, after = _counts(setup, kernel, ncu, group)
        if not before:
            setup.report(f"{kernel.name}: ncu may not read counters here")
            return caught
        for trial, counts in after:
            for detector, count in counts.items():
                if count > max(bugs.SLOWDOWN * before[detector], before[detector] + _FEW):
                    caught.setdefault(trial.mutant.id, detector)
    return caught


def _counts(
    setup: Setup, kernel: Kernel, ncu: str, group: Sequence[Trial]
) -> tuple[Counts, list[tuple[Trial, Counts]]]:
    """Return the counts of the original and of the mutants of one program."""

    def count(built: Built, numbers: Sequence[int] = ()) -> dict[int, Counts]:
        version = group[0].mutant.version
        return profiler.count(ncu, built.program, version, kernel.shape, setup.seconds, numbers)

    first = group[0]
    numbered = _numbered(group)
    if numbered:
        found = count(first.built, [0, *numbered])
        return found.get(0, {}), [(t, found.get(n, {})) for n, t in numbered.items()]
    return count(first.control).get(0, {}), [(first, count(first.built).get(0, {}))]


_SLOW = (
    ("large shapes", _overflow),
    ("timing", _time),
    ("sanitizers", _sanitize),
    ("ncu", _profile),
)
"""The detectors after the comparison, the cheapest first."""


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
