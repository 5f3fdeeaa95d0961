"""All host programs: which to verify or to check again, and what came of it.

Owns: skipping what is fresh, going on after a failure, what cannot run here. Must not know
the command line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from warpdeck import program_receipts
from warpdeck.model import HostOperation, Location, Problem, ProgramSpec, WarpdeckError
from warpdeck.verify import host, process, runners, toolchain
from warpdeck.verify.run import SECONDS, VerifyResult
from warpdeck.verify.toolchain import Gpu

Pair = tuple[HostOperation, ProgramSpec]


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one program."""

    written: Path | None = None
    fresh: bool = False
    problems: tuple[Problem, ...] = ()


def run(
    root: Path,
    operations: Sequence[HostOperation],
    *,
    refresh: bool = False,
    recheck: bool = False,
    jobs: int = 0,
    seconds: float = SECONDS,
    report: Callable[[str], None] = lambda line: None,
) -> VerifyResult:
    """Verify the programs of `operations` on this machine and write their receipts.

    A program whose receipt is fresh is skipped unless `refresh`; a failing one keeps its old
    receipt, and the others go on. With `recheck` nothing is written: each program runs again,
    and what its receipt says otherwise is a problem; one whose packages are not here is held
    by its receipt. `jobs` 0 means all cores.
    """
    process.begin()
    pairs = [(operation, program) for operation in operations for program in operation.programs]
    setup = _setup(root.resolve(), pairs, seconds, report)

    def one(pair: Pair) -> _Done:
        try:
            return _recheck(setup, *pair) if recheck else _verify(setup, *pair, refresh)
        except WarpdeckError as error:
            return _Done(problems=error.problems)
        except OSError as error:
            what = f"verifying '{pair[1].id}' broke off: {error}"
            at = Location(f"kernels/{pair[0].name}/kernel.yml")
            hint = "Mend the cause, then verify again."
            return _Done(problems=(Problem(at, "broke-off", what, hint),))

    try:
        with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
            done = list(pool.map(one, pairs))
    except KeyboardInterrupt:
        process.end_all()
        raise
    return VerifyResult(
        tuple(d.written for d in done if d.written),
        tuple(_name(*pair) for pair, d in zip(pairs, done, strict=True) if d.fresh),
        tuple(problem for d in done for problem in d.problems),
    )


def _setup(
    root: Path, pairs: Sequence[Pair], seconds: float, report: Callable[[str], None]
) -> host.Setup:
    # Who asks for no GPU needs no driver either.
    gpu = toolchain.gpu(root) if any(program.gpu for _, program in pairs) else None
    found = gpu if isinstance(gpu, Gpu) else Gpu("", "")
    return host.Setup(root, seconds, runners.cpu(), found.name, found.driver, report)


def _verify(
    setup: host.Setup, operation: HostOperation, program: ProgramSpec, refresh: bool
) -> _Done:
    name = _name(operation, program)
    if not refresh and program_receipts.fresh(setup.root, operation, program)[0]:
        setup.report(f"{name}: unchanged since it was verified")
        return _Done(fresh=True)
    runner = runners.find(program, setup.seconds, setup.gpu)
    if isinstance(runner, runners.Missing):
        return _Done(problems=(_missing(operation, program, runner),))
    document, problems = host.verify(setup, operation, program, runner)
    if document is None:
        return _Done(problems=tuple(problems))
    path = program_receipts.write(setup.root, operation, program, document)
    setup.report(f"{name}: wrote {path.relative_to(setup.root).as_posix()}")
    return _Done(path)


def _recheck(setup: host.Setup, operation: HostOperation, program: ProgramSpec) -> _Done:
    name = _name(operation, program)
    receipt, problems = program_receipts.fresh(setup.root, operation, program)
    if receipt is None:
        return _Done(problems=tuple(problems))
    runner = runners.find(program, setup.seconds, setup.gpu)
    if isinstance(runner, runners.Missing):
        if runner.package:
            setup.report(f"{name}: held by its receipt of {receipt.date} ({runner.what})")
            return _Done()
        return _Done(problems=(_missing(operation, program, runner),))
    document, problems = host.verify(setup, operation, program, runner)
    if document is None:
        return _Done(problems=tuple(problems))
    shown = program_receipts.path_of(setup.root, operation, program).relative_to(setup.root)
    # That each bug is still caught by its detector, host.verify has seen to.
    if document["stdout"] == receipt.stdout:
        setup.report(f"{name}: ran again, as its receipt says")
        return _Done()
    what = f"program '{program.id}' now prints another thing than this receipt says"
    again = f"{program_receipts.mend(operation)} --refresh"
    hint = f"Mend the program, or record what it prints: `{again}`."
    at = Location(shown.as_posix())
    return _Done(problems=(Problem(at, "contradicts-receipt", what, hint),))


def _missing(operation: HostOperation, program: ProgramSpec, missing: runners.Missing) -> Problem:
    at = Location(f"kernels/{operation.name}/kernel.yml")
    what = f"program '{program.id}' cannot run here: {missing.what}"
    return Problem(at, "missing-tool", what, missing.hint)


def _name(operation: HostOperation, program: ProgramSpec) -> str:
    return f"{operation.name}/{program.id}"
