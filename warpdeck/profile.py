"""What a receipt says of the units that a version keeps busy, and whether it should.

Owns: the figures' names. Must not know ncu's names for them, or where they are shown.

A time says how fast a version is; a profile says what stands in its way. It is asked for in
kernel.yml, since many machines let none but an administrator read the GPU's counters; and the
receipt of one GPU is enough, so that others can be verified without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warpdeck.model import Kernel, Location, Problem, Profile, Receipt

UNITS = ("issue", "fma", "tensor", "constant", "lsu", "l1", "l2", "dram")
"""Of each the percentage of its peak, over all cycles of the launch:

issue: issue slots of the schedulers; fma: FP32 pipes; tensor: Tensor Cores; constant: indexed
reads of constant memory; lsu: instructions of the load/store units; l1: wavefronts in L1 and
shared memory; l2, dram: whatever is busiest there.
"""

PERCENTAGES = (*UNITS, "l2-tags", "l1-hits")
"""l2-tags: lookups in L2's tags; l1-hits: of the sectors that global loads asked for."""

BYTES = ("l2-read", "dram-read")
"""l2-read: what went from L2 to the SMs; dram-read: what L2 fetched."""

STALL = "stall"
"""The reason for which most warps waited."""

NAMES = (*PERCENTAGES, *BYTES, STALL)

_MOST = 3
"""Units that `busiest` names."""


def parse(version: Mapping[str, Any]) -> Profile | None:
    """Return what a version of a receipt's document says of its profile, if it does."""
    data = version.get("profile")
    if data is None:
        return None
    return Profile(
        function=data["function"],
        percent=tuple(data["percent"].items()),
        read=tuple(data["bytes"].items()),
        stall=data["stall"],
    )


def busiest(profile: Profile) -> tuple[tuple[str, int], ...]:
    """Return the units that are nearest to their peaks, (name, percentage) pairs."""
    of = dict(profile.percent)
    units = [(unit, of[unit]) for unit in UNITS if of.get(unit)]
    return tuple(sorted(units, key=lambda pair: -pair[1])[:_MOST])


def is_missing(kernel: Kernel, receipt: Receipt) -> bool:
    """Return whether kernel.yml asks for profiles that the receipt does not hold."""
    return kernel.profile and any(version.profile is None for version in receipt.versions)


def problem(kernel: Kernel) -> Problem:
    """Return the problem that no fresh receipt of `kernel` holds what kernel.yml asks for."""
    at = Location(f"kernels/{kernel.name}/kernel.yml")
    message = f"kernel '{kernel.name}' asks for profiles, and its receipt lacks some"
    hint = f"On a machine with a GPU and ncu run `uv run build.py verify {kernel.name}`."
    return Problem(at, "missing-profile", message, hint)
