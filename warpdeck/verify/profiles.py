"""What each version of one kernel keeps busy: seen by ncu; then into the receipt.

Owns: which versions have no profile yet, and the receipt's entry. Must not know the counters.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from warpdeck import receipts
from warpdeck.model import Kernel, Problem, Profile, StepSpec, WarpdeckError
from warpdeck.verify import kernel as one
from warpdeck.verify import profiler
from warpdeck.verify.pool import Pool


def verify(pool: Pool, kernels: Sequence[Kernel]) -> dict[str, list[Problem]]:
    """Profile the versions of `kernels`, whose receipts are fresh, that have no profile yet.

    Each kernel's are written together. Returns by kernel why it has none; whether that is a
    problem depends on the receipts of other GPUs.
    """
    found = pool.side_by_side([partial(_add, pool, kernel) for kernel in kernels])
    for kernel, problems in zip(kernels, found, strict=True):
        for problem in problems:
            pool.report(f"{kernel.name}: {problem.message}")
    return {kernel.name: problems for kernel, problems in zip(kernels, found, strict=True)}


def _add(pool: Pool, kernel: Kernel) -> list[Problem]:
    document = receipts.document(pool.root, kernel, pool.gpu_name)
    done = {version["name"] for version in document["versions"] if "profile" in version}
    left = [step for step in kernel.steps if step.name not in done]
    if not left:
        return []
    ncu = profiler.find()
    if ncu is None:
        return [_problem(kernel, "no-ncu", "ncu is not on PATH", "Install Nsight Compute")]
    sha = receipts.source_sha256(pool.root, kernel)
    try:
        with tempfile.TemporaryDirectory(prefix="warpdeck-") as folder:
            profiles, problems = _run(pool, kernel, left, ncu, Path(folder))
        return problems or _write(pool, kernel, profiles, sha)
    except (WarpdeckError, OSError) as error:
        return one.broke_off(kernel, error)


def _run(
    pool: Pool, kernel: Kernel, steps: Sequence[StepSpec], ncu: str, folder: Path
) -> tuple[dict[str, Profile], list[Problem]]:
    """Return the profiles of `steps` by name, or why there are none."""
    alone = replace(kernel, bugs=(), outputs=())
    with pool.core():
        tools = pool.toolchain.narrowed(kernel.arch)
        made, problems = one.compile_all(pool.root, tools, alone, folder, 1)
    profiles: dict[str, Profile] = {}
    for step in steps if not problems else ():
        with pool.gpu() as setup:
            program = made[one.MAIN].program
            seen = profiler.busy(ncu, program, step.name, kernel.shape, setup.seconds)
        if seen is None:
            message = f"ncu counted nothing of version '{step.name}'"
            hint = "Let it read the GPU's counters (NVIDIA's page ERR_NVGPUCTRPERM says how)"
            return {}, [_problem(kernel, "no-counters", message, hint)]
        profiles[step.name] = seen
    return profiles, problems


def _write(pool: Pool, kernel: Kernel, profiles: dict[str, Profile], sha: str) -> list[Problem]:
    found = {name: {"profile": _entry(seen)} for name, seen in profiles.items()}
    problems = one.amend(pool.root, kernel, pool.gpu_name, sha, found, "it was profiled")
    if not problems:
        pool.report(f"{kernel.name}: profiled {', '.join(profiles)}")
    return problems


def _entry(seen: Profile) -> dict[str, Any]:
    return {
        "function": seen.function,
        "percent": dict(seen.percent),
        "bytes": dict(seen.read),
        "stall": seen.stall,
    }


def _problem(kernel: Kernel, rule: str, message: str, hint: str) -> Problem:
    return one.problem_of(kernel, rule, message, f"{hint}, or take `profile: true` out.")
