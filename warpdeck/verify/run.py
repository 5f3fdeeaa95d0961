"""All kernels: which to verify, with what, and what came of it.

Owns: skipping what is fresh, going on after a failure. Must not know the command line.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from warpdeck import mutation, receipts
from warpdeck.model import Kernel, Location, Problem, Receipt, WarpdeckError
from warpdeck.verify import kernel as one
from warpdeck.verify import mutants, process, sanitizer, toolchain
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
    setups = [one.Setup(root, tools, command, each, share, seconds, report) for each in gpus]
    for paths, found in _deal(setups, [partial(_one, kernel=k, refresh=refresh) for k in todo]):
        written += [path for path in paths if path not in written]
        problems += found
    return VerifyResult(tuple(written), fresh, tuple(problems))


Done = tuple[list[Path], list[Problem]]


def _deal(setups: Sequence[one.Setup], work: Sequence[Callable[[one.Setup], Done]]) -> list[Done]:
    """Do all of `work`, each piece on the first GPU that is free; return what came, in order.

    A GPU has one piece at a time, so that nothing disturbs what is timed on it.
    """
    if len(setups) == 1:
        return [task(setups[0]) for task in work]
    free: SimpleQueue[one.Setup] = SimpleQueue()
    for setup in setups:
        free.put(setup)

    def on_a_free_one(task: Callable[[one.Setup], Done]) -> Done:
        setup = free.get()
        order = "PCI_BUS_ID"  # CUDA's own numbers are not nvidia-smi's
        devices = setup.gpu.device
        try:
            with process.environment(CUDA_VISIBLE_DEVICES=devices, CUDA_DEVICE_ORDER=order):
                return task(setup)
        finally:
            free.put(setup)

    with ThreadPoolExecutor(len(setups)) as pool:
        try:
            return list(pool.map(on_a_free_one, work))
        except KeyboardInterrupt:
            process.end_all()  # before the pool waits for its threads
            raise


def _one(setup: one.Setup, kernel: Kernel, refresh: bool) -> Done:
    """Verify one kernel, then its mutants; what breaks on the way is its problem alone."""
    setup = replace(setup, toolchain=setup.toolchain.narrowed(kernel.arch))
    written: list[Path] = []
    found: list[Problem] = []
    try:
        if refresh or not _is_fresh(setup.root, kernel, setup.gpu):
            path, found = one.verify(setup, kernel)
            written += [path] if path else []
        if kernel.mutants and not found:
            found = mutants.verify(setup, kernel)
            written = [receipts.path_of(setup.root, kernel, setup.gpu.name)]
    except WarpdeckError as error:
        found = list(error.problems)
    except OSError as error:
        message = f"verifying broke off: {error}"
        at = Location(f"kernels/{kernel.name}/kernel.yml")
        found = [Problem(at, "broke-off", message, "Mend the cause, then verify again.")]
    for problem in found:  # all are told again at the end, which may be far
        setup.report(f"{kernel.name}: {problem.message}")
    for path in written:
        setup.report(f"{kernel.name}: wrote {path.relative_to(setup.root).as_posix()}")
    return written, found or list(_unargued(setup.root, kernel))


# --- what is there already ---------------------------------------------------------------


def _is_fresh(root: Path, kernel: Kernel, gpu: Gpu | Problem) -> bool:
    """Return whether a whole receipt, of this machine's GPU if it has one, is fresh."""
    return any(True for _ in _fresh(root, kernel, gpu))


def _is_done(root: Path, kernel: Kernel, gpu: Gpu | Problem) -> bool:
    """Return whether there is nothing left to run for `kernel`."""
    return any(not mutation.is_missing(kernel, receipt) for receipt in _fresh(root, kernel, gpu))


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
