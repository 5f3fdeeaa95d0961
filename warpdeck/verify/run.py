"""All kernels: which to verify, with what, and what came of it.

Owns: skipping what is fresh, going on after a failure. Must not know the command line.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from warpdeck import receipts
from warpdeck.model import Kernel, Location, Problem, WarpdeckError
from warpdeck.verify import kernel as one
from warpdeck.verify import process, sanitizer, toolchain
from warpdeck.verify.toolchain import Gpu

SECONDS = 300.0
"""Default time limit of one process."""


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
    try:
        if compile_only:
            return _compile(root, kernels, archs, jobs, seconds, report)
        return _verify(root, kernels, refresh, archs, jobs, seconds, report)
    except KeyboardInterrupt:
        process.end_all()
        raise


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
    problems: list[Problem] = []
    for kernel in kernels:
        with tempfile.TemporaryDirectory(prefix="warpdeck-") as folder:
            made, found = one.compile_all(root, tools, kernel, Path(folder), jobs)
        problems += found
        report(f"{kernel.name}: compiled {len(made)} programs for {', '.join(archs)}")
    return VerifyResult((), (), tuple(problems))


def _verify(
    root: Path,
    kernels: Sequence[Kernel],
    refresh: bool,
    archs: tuple[str, ...],
    jobs: int,
    seconds: float,
    report: Callable[[str], None],
) -> VerifyResult:
    gpu = toolchain.gpu(root)
    fresh = () if refresh else tuple(k.name for k in kernels if _is_fresh(root, k, gpu))
    todo = [kernel for kernel in kernels if kernel.name not in fresh]
    for name in fresh:
        report(f"{name}: unchanged since it was verified")
    if not todo:
        return VerifyResult((), fresh, ())
    tools = toolchain.find(archs, seconds, root)
    command = sanitizer.find()
    missing = [found for found in (gpu, tools, command) if isinstance(found, Problem)]
    if isinstance(gpu, Problem) or isinstance(tools, Problem) or isinstance(command, Problem):
        report(f"not verified: {', '.join(kernel.name for kernel in todo)}")
        return VerifyResult((), fresh, tuple(missing))
    setup = one.Setup(root, tools, command, gpu, jobs, seconds, report)
    written, problems = [], []
    for kernel in todo:
        path, found = _guarded(setup, kernel)
        problems += found
        if path:
            written.append(path)
            report(f"{kernel.name}: wrote {path.relative_to(root).as_posix()}")
    return VerifyResult(tuple(written), fresh, tuple(problems))


def _is_fresh(root: Path, kernel: Kernel, gpu: Gpu | Problem) -> bool:
    """Return whether a whole receipt, of this machine's GPU if it has one, is fresh."""
    found, _ = receipts.load(root, kernel)
    return any(
        receipts.is_fresh(root, kernel, receipt)
        and not list(receipts.gaps(kernel, receipt))
        and (isinstance(gpu, Problem) or receipt.gpu == gpu.name)
        for receipt in found
    )


def _guarded(setup: one.Setup, kernel: Kernel) -> tuple[Path | None, list[Problem]]:
    """Verify one kernel; what breaks on the way is its problem, not the others'."""
    try:
        return one.verify(setup, kernel)
    except WarpdeckError as error:
        return None, list(error.problems)
    except OSError as error:
        message = f"verifying broke off: {error}"
        hint = "Mend the cause, then verify again."
        at = Location(f"kernels/{kernel.name}/kernel.yml")
        return None, [Problem(at, "broke-off", message, hint)]
