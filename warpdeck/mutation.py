"""What a receipt says of mutants, and whether that is enough.

Owns: the score, and that every survivor is argued and every argument has its survivor. Must
not know how mutants are made or run.

A receipt holds facts: what was made, what was killed and by what, what survived. The reasons
are words of kernel.yml, which `verify` copies beside the survivors; so that arguing a
survivor needs no second run on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from warpdeck.model import Kernel, Location, Mutants, Problem, Receipt, Survivor, Version

GOAL = 0.95
"""The least share of a kernel's mutants, the equivalent ones apart, that must be killed."""

EQUIVALENT = "equivalent: "
"""How the reason of a survivor begins that cannot be told from the original."""


def parse(version: Mapping[str, Any]) -> Mutants | None:
    """Return what a version of a receipt's document says of mutants, if it does."""
    data = version.get("mutants")
    if data is None:
        return None
    return Mutants(
        made=data["made"],
        killed=data["killed"],
        by=tuple(data["by"].items()),
        equivalent=data["equivalent"],
        survivors=tuple(
            Survivor(entry["mutant"], entry["mutation"], entry.get("reason", ""))
            for entry in data["survivors"]
        ),
    )


def adds_up(mutants: Mutants) -> bool:
    """Return whether every mutant made is accounted for once."""
    killed = sum(count for _, count in mutants.by)
    left = mutants.equivalent + len(mutants.survivors)
    return killed == mutants.killed and mutants.made == killed + left


def score(versions: Iterable[Version]) -> tuple[int, int]:
    """Return how many mutants were killed, and of how many that are not equivalent."""
    killed = total = 0
    for version in versions:
        if mutants := version.mutants:
            argued = sum(s.reason.startswith(EQUIVALENT) for s in mutants.survivors)
            killed += mutants.killed
            total += mutants.made - mutants.equivalent - argued
    return killed, total


def argue(kernel: Kernel, document: Mapping[str, Any]) -> bool:
    """Put kernel.yml's reasons beside the survivors of `document`; return whether any changed."""
    reasons = {spec.mutant: spec.reason for spec in kernel.survivors}
    changed = False
    for version in document["versions"]:
        for entry in version.get("mutants", {}).get("survivors", ()):
            before = entry.pop("reason", None)
            if after := reasons.get(entry["mutant"]):
                entry["reason"] = after
            changed = changed or before != after
    return changed


def is_missing(kernel: Kernel, receipt: Receipt) -> bool:
    """Return whether kernel.yml asks for mutants that the receipt says nothing of."""
    return kernel.mutants and any(version.mutants is None for version in receipt.versions)


def problems(kernel: Kernel, receipt: Receipt) -> Iterator[Problem]:
    """Yield what kernel.yml asks for and `receipt`, of the same source, does not give."""
    at = Location(f"kernels/{kernel.name}/kernel.yml")
    if is_missing(kernel, receipt):
        message = f"kernel '{kernel.name}' asks for mutants, and its receipt says nothing of any"
        hint = f"On a machine with a GPU run `uv run build.py verify {kernel.name}`."
        yield Problem(at, "missing-mutants", message, hint)
        return
    survivors = {
        survivor.mutant: (version.name, survivor)
        for version in receipt.versions
        if version.mutants
        for survivor in version.mutants.survivors
    }
    if kernel.mutants:
        yield from _obsolete(kernel, survivors.keys())
    unargued = list(_unargued(kernel, at, survivors.values()))
    yield from unargued
    killed, total = score(receipt.versions)
    if killed < GOAL * total and not unargued:
        message = f"{killed} of {total} mutants that are not equivalent were caught"
        hint = f"Strengthen the checks until they catch {GOAL:.0%}."
        yield Problem(at, "weak-checks", message, hint)


def _obsolete(kernel: Kernel, survivors: Iterable[str]) -> Iterator[Problem]:
    for spec in kernel.survivors:
        if spec.mutant not in set(survivors):
            message = f"mutant '{spec.mutant}' does not survive: it was caught, or is not made"
            yield Problem(spec.at, "no-survivor", message, "Delete the entry.")


def _unargued(
    kernel: Kernel, at: Location, survivors: Iterable[tuple[str, Survivor]]
) -> Iterator[Problem]:
    argued = {spec.mutant: spec.reason for spec in kernel.survivors}
    for version, survivor in survivors:
        if not argued.get(survivor.mutant):
            message = f"no check of version '{version}' catches a mutant: {survivor.mutation}"
            entry = f'- {{ mutant: "{survivor.mutant}", reason: "equivalent: …" }}'
            hint = f"Check what it breaks, or argue it under `survivors`: `{entry}`."
            yield Problem(at, "survivor", message, hint)
        elif survivor.reason != argued[survivor.mutant]:
            message = f"the receipt gives another reason for survivor '{survivor.mutant}'"
            hint = f"Run `uv run build.py verify {kernel.name}`, which needs no GPU for that."
            yield Problem(at, "other-reason", message, hint)
