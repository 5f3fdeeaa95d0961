"""One kernel: compiled, run, sanitized, timed, broken on purpose; then its receipt.

Owns: the order of that, and the receipt's document. Must not know the command line.
"""

from __future__ import annotations

import datetime
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from warpdeck import mutation, receipts
from warpdeck.model import BugSpec, Kernel, Location, OutputSpec, Problem, WarpdeckError
from warpdeck.receipts import SANITIZERS
from warpdeck.snippets import region
from warpdeck.verify import bugs, process, program, sanitizer
from warpdeck.verify.program import Measured, VersionRun
from warpdeck.verify.toolchain import Compiled, Gpu, Resources, Toolchain

Result = TypeVar("Result")
Key = tuple[str, str]
MAIN: Key = ("main", "program")

_TRIES = 6
"""Runs of a program for two in a row that print the same."""

AT_ONCE = 8
"""Processes on one GPU, which gives each its turn: with more, compute-sanitizer gets no faster."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What verifying needs besides a kernel."""

    root: Path
    toolchain: Toolchain
    sanitizer: str
    """Command of compute-sanitizer."""
    gpu: Gpu
    jobs: int
    """Processes at once, where the GPU is not what they wait for."""
    seconds: float
    """Time limit of each process."""
    report: Callable[[str], None]

    def on_gpu(self, work: Iterable[Callable[[], Result]]) -> list[Result]:
        """Do all of `work`, which keeps the GPU busy, a few at a time; return as `parallel`."""
        return replace(self, jobs=min(self.jobs, AT_ONCE)).parallel(work)

    def parallel(self, work: Iterable[Callable[[], Result]]) -> list[Result]:
        """Do all of `work`, `jobs` at a time; return the results in order."""
        # Each task runs in the context that it was given in: on this Setup's GPU.
        tasks = [partial(copy_context().run, task) for task in work]
        with ThreadPoolExecutor(self.jobs) as pool:
            return list(pool.map(lambda task: task(), tasks))


@dataclass(frozen=True, slots=True)
class Checked:
    """Everything that was found out about a kernel."""

    runs: Mapping[str, VersionRun]
    sanitizers: Mapping[str, Mapping[str, str]]
    """By version: tool → `pass` or its complaint."""
    findings: tuple[bugs.Findings, ...]
    outputs: Mapping[str, str]


def verify(setup: Setup, kernel: Kernel) -> tuple[Path | None, list[Problem]]:
    """Verify `kernel` and replace its receipt; on any problem the old receipt stays."""
    sha = receipts.source_sha256(setup.root, kernel)
    with tempfile.TemporaryDirectory(prefix="warpdeck-") as folder:
        programs, problems = compile_all(
            setup.root, setup.toolchain, kernel, Path(folder), setup.jobs
        )
        setup.report(f"{kernel.name}: compiled {len(programs)} programs")
        if kernel.file and not problems:
            problems = _unlisted(setup, kernel, programs[MAIN].program)
        if problems:
            return None, problems
        checked = _check(setup, kernel, programs)
    problems = [*_version_problems(kernel, checked), *_other_problems(kernel, checked)]
    if sha != receipts.source_sha256(setup.root, kernel):
        message = "the code changed while it was being verified"
        problems.append(problem_of(kernel, "changed", message, "Verify again."))
    if problems:
        return None, problems
    resources = programs[MAIN].resources if kernel.file else {}
    document = _document(setup, kernel, checked, resources, sha)
    return receipts.write(setup.root, kernel, document), []


def amend(
    root: Path,
    kernel: Kernel,
    gpu: str,
    sha: str,
    found: Mapping[str, Mapping[str, Any]],
    meanwhile: str,
) -> list[Problem]:
    """Add what was `found` of versions to the receipt, unless that is of other code than `sha`.

    `found` is by version; `meanwhile` says what went on when the code changed.
    """
    if sha != receipts.source_sha256(root, kernel):
        return [
            problem_of(kernel, "changed", f"the code changed while {meanwhile}", "Verify again.")
        ]
    document = receipts.document(root, kernel, gpu)
    for version in document["versions"]:
        version |= found.get(version["name"], {})
    mutation.argue(kernel, document)
    receipts.write(root, kernel, document)
    return []


def broke_off(kernel: Kernel, error: WarpdeckError | OSError) -> list[Problem]:
    """Return the problems that `error` is for `kernel`."""
    if isinstance(error, WarpdeckError):
        return list(error.problems)
    message = f"verifying broke off: {error}"
    return [problem_of(kernel, "broke-off", message, "Mend the cause, then verify again.")]


def compile_all(
    root: Path, toolchain: Toolchain, kernel: Kernel, folder: Path, jobs: int
) -> tuple[dict[Key, Compiled], list[Problem]]:
    """Compile the kernel, its broken variants and its output programs into `folder`."""
    home = root / "kernels" / kernel.name
    sources: dict[Key, Path] = {MAIN: home / kernel.file} if kernel.file else {}
    for bug in kernel.bugs:
        sources["bug", bug.id] = bugs.write_variant(kernel, bug, root / "kernels", folder)
    for output in kernel.outputs:
        sources["output", output.id] = home / output.file
    tasks = [
        partial(toolchain.compile, source, folder / "-".join(key), kernel.flags)
        for key, source in sources.items()
    ]
    with ThreadPoolExecutor(jobs) as pool:
        made = dict(zip(sources, pool.map(lambda task: task(), tasks), strict=True))
    failed = {key: error for key, error in made.items() if isinstance(error, str)}
    # A variant of code that does not compile cannot compile either, and says nothing new.
    problems = [
        _compile_problem(root, kernel, key, error)
        for key, error in failed.items()
        if key[0] != "bug" or MAIN not in failed
    ]
    return {key: done for key, done in made.items() if isinstance(done, Compiled)}, problems


_NVCC_ERROR = re.compile(r"(?P<path>.+?)\((?P<line>\d+)\): (?P<what>.+)", re.DOTALL)


def _compile_problem(root: Path, kernel: Kernel, key: Key, error: str) -> Problem:
    kind, name = key
    match = _NVCC_ERROR.fullmatch(error)
    what = match["what"] if match else error
    if kind == "bug":  # nvcc names a line of a copy that is gone
        hint = "Mend the edit in kernel.yml."
        return problem_of(kernel, "not-compiled", f"bug '{name}' does not compile: {what}", hint)
    path = Path(match["path"]) if match else root
    if match and path.is_relative_to(root):
        at = Location(path.relative_to(root).as_posix(), int(match["line"]))
        return Problem(at, "not-compiled", f"does not compile: {what}", "Mend the code.")
    file = kernel.file if kind == "main" else f"output '{name}'"
    return problem_of(kernel, "not-compiled", f"{file} does not compile: {error}", "Mend the code.")


def _unlisted(setup: Setup, kernel: Kernel, main: Path) -> list[Problem]:
    listed = program.versions(main, setup.seconds)
    return [
        problem_of(
            kernel,
            "unknown-version",
            f"{kernel.file} --list knows no version '{step.name}', a step of kernel.yml",
            f"It lists: {', '.join(listed) or 'nothing'}.",
        )
        for step in kernel.steps
        if step.name not in listed
    ]


def _check(setup: Setup, kernel: Kernel, programs: Mapping[Key, Compiled]) -> Checked:
    """Run everything: first what may run side by side, then what is timed, alone."""
    outputs = {o.id: _output(setup, o, programs["output", o.id].program) for o in kernel.outputs}
    if not kernel.file:
        return Checked({}, {}, (), outputs)
    main = programs[MAIN].program
    sanitizers = _sanitize(setup, kernel, main)
    found = _break(setup, kernel, programs)
    setup.report(f"{kernel.name}: sanitizers, bugs and outputs done; timing")
    runs = {}
    for step in kernel.steps:
        runs[step.name] = program.run(main, step.name, setup.seconds)
        setup.report(f"{kernel.name}/{step.name}: {_summary(runs[step.name], kernel.shape)}")
    timed = []
    for finding in found:
        slow: dict[str, str] = {}
        if finding.bug.expect == "time":
            broken = programs["bug", finding.bug.id].program
            slow = bugs.slowdown(finding.bug, main, broken, kernel.shape, setup.seconds)
        timed.append(bugs.Findings(finding.bug, {**finding.by, **slow}))
    return Checked(runs, sanitizers, tuple(timed), outputs)


def _sanitize(setup: Setup, kernel: Kernel, main: Path) -> dict[str, dict[str, str]]:
    pairs = [(step.name, tool) for step in kernel.steps for tool in SANITIZERS]

    def one(version: str, tool: str) -> str:
        ran = sanitizer.run(setup.sanitizer, tool, main, version, setup.seconds)
        return sanitizer.verdict(ran, setup.seconds)

    verdicts = setup.on_gpu(partial(one, *pair) for pair in pairs)
    results: dict[str, dict[str, str]] = {step.name: {} for step in kernel.steps}
    for (version, tool), verdict in zip(pairs, verdicts, strict=True):
        results[version][tool] = verdict
    return results


def _break(
    setup: Setup, kernel: Kernel, programs: Mapping[Key, Compiled]
) -> tuple[bugs.Findings, ...]:
    def one(bug: BugSpec, detector: str) -> dict[str, str]:
        broken = programs["bug", bug.id].program
        if detector == "compare":
            return bugs.compare(bug, broken, setup.seconds)
        return bugs.sanitize(bug, detector, setup.sanitizer, broken, setup.seconds)

    pairs = [(bug, detector) for bug in kernel.bugs for detector in ("compare", *SANITIZERS)]
    seen = setup.on_gpu(partial(one, *pair) for pair in pairs)
    by: dict[str, dict[str, str]] = {bug.id: {} for bug in kernel.bugs}
    for (bug, _), found in zip(pairs, seen, strict=True):
        by[bug.id] |= found
    return tuple(bugs.Findings(bug, by[bug.id]) for bug in kernel.bugs)


def _output(setup: Setup, output: OutputSpec, path: Path) -> str:
    """Return what the program printed twice in a row, empty where it failed or never did.

    What it prints first is not used: a GPU that comes from idling has not reached its clocks.
    Later on the host may be busy for a moment.
    """
    before = None
    for number in range(_TRIES):
        ran = process.run([str(path)], setup.seconds, path.parent)
        if ran.code:
            return ""
        if ran.stdout == before:
            return ran.stdout
        before = ran.stdout if number else None
    return ""


def _summary(run: VersionRun, shape: tuple[int, ...]) -> str:
    if run.failure:
        return f"{run.failure.kind}: {run.failure.message}"
    case = next((c for c in run.cases if c.shape == shape and c.times), None)
    if case is None:
        return f"{len(run.cases)} shapes right"
    own = case.times[0][1]
    marks = [mark for mark in (case.limit, case.baseline) if mark]
    shares = [f"{100 * mark.us / own.median:.1f} % of {mark.name}" for mark in marks]
    return ", ".join((f"{len(run.cases)} shapes right", f"{own.median:.0f} us", *shares))


# --- problems ----------------------------------------------------------------


def problem_of(kernel: Kernel, rule: str, message: str, hint: str) -> Problem:
    """Return a problem of `kernel` that stands nowhere in particular."""
    return Problem(Location(f"kernels/{kernel.name}/kernel.yml"), rule, message, hint)


def _version_problems(kernel: Kernel, checked: Checked) -> Iterable[Problem]:
    for step in kernel.steps:
        run = checked.runs[step.name]
        if run.failure:
            message = f"version '{step.name}' failed ({run.failure.kind}): {run.failure.message}"
            yield problem_of(kernel, "wrong", message, "Mend the code.")
        elif not any(case.shape == kernel.shape and case.times for case in run.cases):
            message = f"version '{step.name}' was not timed at {list(kernel.shape)}"
            yield problem_of(kernel, "not-timed", message, f"Time that shape in {kernel.file}.")
        for tool, verdict in checked.sanitizers[step.name].items():
            if verdict != sanitizer.PASS:
                message = f"version '{step.name}' did not pass {tool}: {verdict}"
                yield problem_of(kernel, "sanitizer", message, "Mend the code.")


def _other_problems(kernel: Kernel, checked: Checked) -> Iterable[Problem]:
    for finding in checked.findings:
        if not finding.caught():
            bug = finding.bug
            message = f"bug '{bug.id}' was not caught by {bug.expect}; {finding.instead()}"
            hint = "Change `expect`, or the edit so that it shows."
            yield problem_of(kernel, "survivor", message, hint)
    for name, stdout in checked.outputs.items():
        if not stdout:
            message = f"output '{name}' failed, printed nothing, or never the same twice in a row"
            yield problem_of(kernel, "output", message, "Mend the program.")


# --- the receipt ---------------------------------------------------------------


def _document(
    setup: Setup,
    kernel: Kernel,
    checked: Checked,
    resources: Mapping[str, Resources],
    sha: str,
) -> dict[str, Any]:
    device = next((run.device for run in checked.runs.values()), {})
    path = setup.root / "kernels" / kernel.name / kernel.file
    code = path.read_text("utf-8") if kernel.file else ""
    versions = [
        {
            "name": step.name,
            "anchor": step.anchor,
            "resources": _resources(region(code, step.anchor), resources),
            "cases": [_case(case) for case in checked.runs[step.name].cases],
            "sanitizers": dict(checked.sanitizers[step.name]),
        }
        for step in kernel.steps
    ]
    return {
        "kernel": kernel.name,
        "gpu": setup.gpu.name,
        "device": {key: value for key, value in device.items() if key != "name"},
        "driver": setup.gpu.driver,
        "nvcc": setup.toolchain.version,
        "flags": list(kernel.flags),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "source_sha256": sha,
        **_limit_of(kernel, checked),
        "versions": versions,
        "bugs": [_bug(finding) for finding in checked.findings],
        "outputs": [{"id": name, "stdout": text} for name, text in checked.outputs.items()],
    }


def _case(case: Measured) -> dict[str, Any]:
    data: dict[str, Any] = {
        "shape": list(case.shape),
        "seed": case.seed,
        "max_error": case.max_error,
        "tolerance": case.tolerance,
    }
    if case.times:
        own = case.times[0][1]
        data["time_us"] = {key: _digits(value, 4) for key, value in asdict(own).items()}
        data |= _rates(case, own.median)
        if case.limit:
            data["ratio_to_limit"] = _digits(case.limit.us / own.median, 4)
            data["limit"] = {"name": case.limit.name, **_rates(case, case.limit.us)}
        if case.baseline:
            ratio = _digits(case.baseline.us / own.median, 4)
            data["baseline"] = {"name": case.baseline.name, "ratio": ratio}
    return data


def _limit_of(kernel: Kernel, checked: Checked) -> dict[str, Any]:
    """Return what the receipt says of the limit: as the limit's own step saw it, if it is one."""
    if not checked.runs:
        return {}
    run = checked.runs.get(kernel.limit) or list(checked.runs.values())[-1]
    case = next(case for case in run.cases if case.shape == kernel.shape and case.times)
    limit = case.limit
    return {"limit": {"name": limit.name, **_rates(case, limit.us)}} if limit else {}


def _rates(case: Measured, us: float) -> dict[str, float]:
    """Return what `us` microseconds for this case are in GB/s, and in TFLOP/s if it computes."""
    rates: dict[str, float] = {"gb_per_s": round(case.bytes / us / 1e3)}
    if case.flops:
        rates["tflop_per_s"] = _digits(case.flops / us / 1e6, 4)
    return rates


def _digits(value: float, digits: int) -> float:
    """Return `value` with so many significant digits: the noise stays out of the diff."""
    return value if isinstance(value, int) else float(f"{value:.{digits}g}")


def _bug(finding: bugs.Findings) -> dict[str, Any]:
    bug, by = finding.bug, dict(finding.by)
    seen = by.pop(bug.expect)
    others = sorted(by)
    return {
        "id": bug.id,
        "version": bug.version,
        "detector": bug.expect,
        "seen": seen,
        **({"also": others} if others else {}),
    }


def _resources(code: str, found: Mapping[str, Resources]) -> dict[str, Any]:
    """Return name → registers, … of the kernels in `code`.

    A mangled name holds the length of the name before it: 13padded_kernel.
    """
    names: Sequence[str] = re.findall(r"__global__[^;{(]*?(?:\([^)]*\)\s*)?(\w+)\s*\(", code)
    return {
        name: asdict(used)
        for name in names
        for mangled, used in found.items()
        if f"{len(name)}{name}" in mangled
    }
