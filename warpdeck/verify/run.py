"""All kernels: which to verify, with what, and what came of it.

Owns: skipping what is fresh, going on after a failure. Must not know the command line.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from warpdeck import mutation, profile, receipts
from warpdeck.model import Kernel, Problem, Receipt, WarpdeckError
from warpdeck.verify import kernel as one
from warpdeck.verify import mutants, process, profiles, sanitizer, toolchain
from warpdeck.verify.pool import Pool
from warpdeck.verify.toolchain import Gpu, Toolchain

SECONDS = 300.0
"""Default time limit of one process."""

MUTANT_ARCH = "sm_90"
"""What mutants are compiled for where several targets are asked for."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What `run` did."""

    written: tuple[Path, ...]
    fresh: tuple[str, ...]
    """Kernels left alone, because a receipt speaks of their code already."""
    problems: tuple[Problem, ...]


def run(
    root: Path,
    kernels: Sequence[Kernel],
    *,
    refresh: bool = False,
    compile_only: bool = False,
    arch: str | None = None,
    jobs: int = 0,
    seconds: float = SECONDS,
    report: Callable[[str], None] = lambda line: None,
) -> VerifyResult:
    """Verify `kernels` on this machine's GPU and write their receipts.

    A kernel whose receipt for this GPU is fresh is skipped unless `refresh`; a failing one
    keeps its old receipt, and the others go on. With `compile_only` nothing runs and nothing
    is written. `arch` is sm_NN, several with commas; `jobs` 0 means all cores.
    """
    archs = tuple(arch.split(",")) if arch else toolchain.COMPILE_ONLY if compile_only else ()
    jobs = jobs or os.cpu_count() or 1
    root = root.resolve()  # the compiler runs in the kernel's folder
    process.begin()
    try:
        if compile_only:
            return _compile(root, kernels, archs, jobs, seconds, report)
        return _verify(root, kernels, refresh, archs, jobs, seconds, report)
    except KeyboardInterrupt:
        process.end_all()
        raise


# --- compiling alone -------------------------------------------------------------------


def _compile(
    root: Path,
    kernels: Sequence[Kernel],
    archs: tuple[str, ...],
    jobs: int,
    seconds: float,
    report: Callable[[str], None],
) -> VerifyResult:
    tools = toolchain.find(archs, seconds, root)
    if isinstance(tools, Problem):
        return VerifyResult((), (), (tools,))
    compiled = [
        _compile_one(root, kernel, tools.narrowed(kernel.arch), jobs, report) for kernel in kernels
    ]
    return VerifyResult((), (), tuple(problem for found in compiled for problem in found))


def _compile_one(
    root: Path, kernel: Kernel, tools: Toolchain, jobs: int, report: Callable[[str], None]
) -> list[Problem]:
    """Compile a kernel for all targets; its broken variants too, unless a receipt proves them."""
    proven = any(not mutation.is_missing(kernel, receipt) for receipt in _fresh(root, kernel))
    whole = replace(kernel, bugs=()) if proven else kernel
    with tempfile.TemporaryDirectory(prefix="warpdeck-") as folder:
        made, problems = one.compile_all(root, tools, whole, Path(folder), jobs)
    report(f"{kernel.name}: compiled {len(made)} programs for {', '.join(tools.archs)}")
    if kernel.mutants and not problems and not proven:
        problems += _compile_mutants(root, kernel, tools, jobs, report)
    return problems


def _compile_mutants(
    root: Path, kernel: Kernel, tools: Toolchain, jobs: int, report: Callable[[str], None]
) -> tuple[Problem, ...]:
    """Compile the mutants of `kernel` for one target: they are many."""
    only = tools.archs[0] if len(tools.archs) == 1 else MUTANT_ARCH
    try:
        with tempfile.TemporaryDirectory(prefix="warpdeck-") as folder:
            tools = replace(tools, archs=(only,))
            made, compiled = mutants.compile_all(root, tools, kernel, Path(folder), jobs)
    except WarpdeckError as error:
        return error.problems
    report(f"{kernel.name}: compiled {compiled} of {made} mutants for {only}")
    return ()


# --- verifying -------------------------------------------------------------------------


def _verify(
    root: Path,
    kernels: Sequence[Kernel],
    refresh: bool,
    archs: tuple[str, ...],
    jobs: int,
    seconds: float,
    report: Callable[[str], None],
) -> VerifyResult:
    gpus = toolchain.gpus(root)
    gpu = gpus if isinstance(gpus, Problem) else gpus[0]
    written = [path for kernel in kernels for path in _argue(root, kernel)]
    fresh = () if refresh else tuple(k.name for k in kernels if _is_done(root, k, gpu))
    todo = [kernel for kernel in kernels if kernel.name not in fresh]
    for name in fresh:
        report(f"{name}: unchanged since it was verified")
    problems = [p for k in kernels if k.name in fresh for p in _unargued(root, k)]
    if not todo:
        return VerifyResult(tuple(written), fresh, tuple(problems))
    tools = toolchain.find(archs, seconds, root)
    command = sanitizer.find()
    problems += [found for found in (gpu, tools, command) if isinstance(found, Problem)]
    if isinstance(gpus, Problem) or isinstance(tools, Problem) or isinstance(command, Problem):
        report(f"not verified: {', '.join(kernel.name for kernel in todo)}")
        return VerifyResult(tuple(written), fresh, tuple(problems))
    share = max(1, jobs // len(gpus))
    pool = Pool([one.Setup(root, tools, command, each, share, seconds, report) for each in gpus])
    stale = [k for k in todo if refresh or not _is_fresh(root, k, gpu)]
    done = pool.side_by_side([partial(_base, pool, kernel) for kernel in stale], pool.gpus)
    failed = {kernel.name: more for kernel, more in zip(stale, done, strict=True) if more}
    whole = [kernel for kernel in todo if kernel.name not in failed]
    written += [receipts.path_of(root, kernel, pool.gpu_name) for kernel in whole]
    unprofiled = profiles.verify(pool, [kernel for kernel in whole if kernel.profile])
    failed |= mutants.verify(pool, [kernel for kernel in whole if kernel.mutants])
    for kernel in todo:
        problems += failed.get(kernel.name) or _unargued(root, kernel)
        if _lacks_profile(root, kernel):
            problems += unprofiled.get(kernel.name, ())
    return VerifyResult(tuple(dict.fromkeys(written)), fresh, tuple(problems))


def _base(pool: Pool, kernel: Kernel) -> list[Problem]:
    """Verify one kernel, without its mutants; what breaks on the way is its problem alone."""
    path = None
    with pool.gpu() as setup:
        setup = replace(setup, toolchain=setup.toolchain.narrowed(kernel.arch))
        try:
            path, found = one.verify(setup, kernel)
        except (WarpdeckError, OSError) as error:
            found = one.broke_off(kernel, error)
    for problem in found:  # all are told again at the end, which may be far
        pool.report(f"{kernel.name}: {problem.message}")
    if path:
        pool.report(f"{kernel.name}: wrote {path.relative_to(pool.root).as_posix()}")
    return found


# --- what is there already ---------------------------------------------------------------


def _is_fresh(root: Path, kernel: Kernel, gpu: Gpu | Problem) -> bool:
    """Return whether a whole receipt, of this machine's GPU if it has one, is fresh."""
    return any(True for _ in _fresh(root, kernel, gpu))


def _is_done(root: Path, kernel: Kernel, gpu: Gpu | Problem) -> bool:
    """Return whether there is nothing left to run for `kernel`."""
    own = _fresh(root, kernel, gpu)
    proven = any(not mutation.is_missing(kernel, receipt) for receipt in own)
    return proven and not _lacks_profile(root, kernel)


def _lacks_profile(root: Path, kernel: Kernel) -> bool:
    """Return whether kernel.yml asks for profiles that no GPU's fresh receipt holds."""
    missing = (profile.is_missing(kernel, receipt) for receipt in _fresh(root, kernel))
    return kernel.profile and all(missing)


def _fresh(root: Path, kernel: Kernel, gpu: Gpu | Problem | None = None) -> Iterator[Receipt]:
    """Yield the whole and fresh receipts of `kernel`, of `gpu` alone where one is given."""
    for receipt in receipts.load(root, kernel)[0]:
        own = not isinstance(gpu, Gpu) or receipt.gpu == gpu.name
        fresh = own and receipts.is_fresh(root, kernel, receipt)
        if fresh and not list(receipts.gaps(kernel, receipt)):
            yield receipt


def _argue(root: Path, kernel: Kernel) -> Iterator[Path]:
    """Copy the reasons of kernel.yml into fresh receipts; yield those that change."""
    for receipt in _fresh(root, kernel):
        document = receipts.document(root, kernel, receipt.gpu)
        if mutation.argue(kernel, document):
            yield receipts.write(root, kernel, document)


def _unargued(root: Path, kernel: Kernel) -> list[Problem]:
    """Return what kernel.yml has to say of the survivors in fresh receipts, and does not."""
    found = _fresh(root, kernel)
    return sorted({p for receipt in found for p in mutation.problems(kernel, receipt)})
