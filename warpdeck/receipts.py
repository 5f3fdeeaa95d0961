"""kernels/<op>/receipts/<gpu>.json: what a run on a GPU proved, and of which source.

Owns: the file's form, the hash of the source, and whether a receipt still speaks of the
code in the tree. Must not know nvcc or notes.

Three ways to be wrong: missing (never verified), stale (the source has changed since), and
broken (not a whole receipt: a truncated file, a hand edit, a version that did not pass).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from warpdeck import jsonfile, mutation, profile
from warpdeck.atomic import write_bytes
from warpdeck.files import UNSHOWABLE
from warpdeck.model import (
    Baseline,
    Bug,
    Case,
    Kernel,
    Location,
    Output,
    Problem,
    Receipt,
    Resources,
    Timing,
    Version,
    WarpdeckError,
)

SANITIZERS = ("memcheck", "racecheck", "initcheck", "synccheck")
"""The tools of compute-sanitizer that every version must pass."""

_SCHEMA = "receipt"


def source_sha256(root: Path, kernel: Kernel) -> str:
    """Return the hash of all that decides what `verify` would find.

    That is the code of the kernel and of its output programs, the headers beside them, the
    whole harness, the flags, and of kernel.yml what a run uses; labels may be reworded.
    Line ends count as \\n, so that a checkout on Windows is no change.
    """
    folder = root / "kernels" / kernel.name
    names = (kernel.file, *(output.file for output in kernel.outputs))
    named = {folder / name for name in names if name}
    headers = {*folder.glob("*.h"), *folder.glob("*.cuh")}
    harness = {path for path in (root / "kernels" / "harness").rglob("*") if path.is_file()}
    code_files = (path for path in named | headers | harness if not _is_litter(path))
    digest = hashlib.sha256()
    for path in sorted(code_files):
        code = path.read_bytes().replace(b"\r\n", b"\n")
        name = path.relative_to(root / "kernels").as_posix()
        digest.update(f"{name}\0{len(code)}\0".encode())
        digest.update(code)
    digest.update(json.dumps(_settings(kernel), sort_keys=True).encode())
    return digest.hexdigest()


def _is_litter(path: Path) -> bool:
    """Return whether an editor or a file manager left `path` behind: `.DS_Store`, `x.h~`."""
    return path.name.startswith(".") or path.name.endswith("~")


def _settings(kernel: Kernel) -> dict[str, Any]:
    return {
        "file": kernel.file,
        "flags": kernel.flags,
        # The oldest target of several changes nothing on the GPU at hand.
        "arch": "" if kernel.arch[-1:].isdigit() else kernel.arch,
        "limit": kernel.limit,
        "shape": kernel.shape,
        "steps": [(step.name, step.anchor) for step in kernel.steps],
        "bugs": [
            (bug.id, bug.version, bug.expect, [(edit.find, edit.replace) for edit in bug.edits])
            for bug in kernel.bugs
        ],
        "outputs": [(output.id, output.file) for output in kernel.outputs],
    }


def path_of(root: Path, kernel: Kernel, gpu: str) -> Path:
    """Return the path of the receipt of `kernel` on `gpu`: 'NVIDIA H200' is nvidia-h200."""
    slug = re.sub(r"[^a-z0-9]+", "-", gpu.lower()).strip("-") or "gpu"
    return root / "kernels" / kernel.name / "receipts" / f"{slug}.json"


def load(root: Path, kernel: Kernel) -> tuple[tuple[Receipt, ...], list[Problem]]:
    """Read every receipt of `kernel`, one a GPU, in the order of their file names."""
    receipts, problems = [], []
    for path in sorted((root / "kernels" / kernel.name / "receipts").glob("*.json")):
        receipt, found = _read(path, path.relative_to(root).as_posix(), kernel)
        problems += found
        if receipt:
            receipts.append(receipt)
    return tuple(receipts), problems


def is_fresh(root: Path, kernel: Kernel, receipt: Receipt) -> bool:
    """Return whether `receipt` speaks of the code that is in the tree now."""
    return receipt.source_sha256 == source_sha256(root, kernel)


def best(root: Path, kernel: Kernel) -> tuple[Receipt | None, list[Problem]]:
    """Return the fresh receipt that the cards show, or None and why there is none.

    Of several GPUs the one first verified: a second GPU's receipt changes no card. A broken
    receipt is a problem even where another one is fresh; one without the profiles that
    kernel.yml asks for only where no other has them.
    """
    receipts, problems = load(root, kernel)
    fresh = []
    for receipt in receipts:
        if is_fresh(root, kernel, receipt):
            found = _gaps(root, kernel, receipt) or list(mutation.problems(kernel, receipt))
            problems += found
            fresh += [] if found else [receipt]
    if shown := [receipt for receipt in fresh if not profile.is_missing(kernel, receipt)]:
        return min(shown, key=lambda receipt: (receipt.date, receipt.gpu)), problems
    if not problems:
        problems = [_why_none(root, kernel, receipts, fresh)]
    return None, problems


def _why_none(
    root: Path, kernel: Kernel, receipts: tuple[Receipt, ...], fresh: list[Receipt]
) -> Problem:
    if fresh:
        return profile.problem(kernel)
    return _stale(root, kernel, receipts) if receipts else _missing(kernel)


def _missing(kernel: Kernel) -> Problem:
    return Problem(
        Location(f"kernels/{kernel.name}/kernel.yml"),
        "missing-receipt",
        f"kernel '{kernel.name}' has never been verified",
        f"On a machine with a GPU run `{mend(kernel)}`, or build with --allow-stale.",
    )


def _stale(root: Path, kernel: Kernel, receipts: tuple[Receipt, ...]) -> Problem:
    path = path_of(root, kernel, receipts[0].gpu).relative_to(root).as_posix()
    return Problem(
        Location(path),
        "stale-receipt",
        f"the code of kernel '{kernel.name}' has changed since it was verified",
        f"On a machine with a GPU run `{mend(kernel)}`, or build with --allow-stale.",
    )


def mend(kernel: Kernel) -> str:
    """Return the command that writes a new receipt."""
    return f"uv run build.py verify {kernel.name}"


def write(root: Path, kernel: Kernel, document: Mapping[str, Any]) -> Path:
    """Write the receipt `document` in whole or not at all; return its path.

    Raises WarpdeckError where it does not prove all that it should, with the old file
    untouched: what did not pass is never written down as passing.
    """
    path = path_of(root, kernel, str(document["gpu"]))
    shown = path.relative_to(root).as_posix()
    problems = jsonfile.check(dict(document), shown, _SCHEMA, partial(_broken, kernel)) or _gaps(
        root, kernel, parse(document)
    )
    if problems:
        raise WarpdeckError(*problems)
    write_bytes(path, jsonfile.dump(document))
    return path


def document(root: Path, kernel: Kernel, gpu: str) -> dict[str, Any]:
    """Return the receipt of `kernel` on `gpu` as JSON data; `load` has found it whole."""
    data: dict[str, Any] = json.loads(path_of(root, kernel, gpu).read_text("utf-8"))
    return data


def _read(path: Path, shown: str, kernel: Kernel) -> tuple[Receipt | None, list[Problem]]:
    document, problems = jsonfile.load(path, shown, _SCHEMA, partial(_broken, kernel))
    if not document:
        return None, problems
    return parse(document), problems


def _broken(kernel: Kernel, at: Location, message: str) -> Problem:
    hint = f"Restore the file from git, or delete it and run `{mend(kernel)}` on a GPU."
    return Problem(at, "broken-receipt", f"not a whole receipt: {message}", hint)


def _gaps(root: Path, kernel: Kernel, receipt: Receipt) -> list[Problem]:
    path = path_of(root, kernel, receipt.gpu).relative_to(root).as_posix()
    return [_broken(kernel, Location(path), gap) for gap in gaps(kernel, receipt)]


def gaps(kernel: Kernel, receipt: Receipt) -> Iterator[str]:
    """Yield what a receipt of `kernel` should prove and this one does not."""
    if receipt.kernel != kernel.name:
        yield f"it is of kernel '{receipt.kernel}'"
    versions = {version.name: version for version in receipt.versions}
    for step in kernel.steps:
        if step.name not in versions:
            yield f"version '{step.name}' is not in it"
        else:
            yield from _version_gaps(kernel, versions[step.name])
    bugs = {bug.id: bug for bug in receipt.bugs}
    for spec in kernel.bugs:
        if spec.id not in bugs:
            yield f"bug '{spec.id}' is not in it"
        elif bugs[spec.id].detector != spec.expect:
            yield f"bug '{spec.id}' was caught by {bugs[spec.id].detector}, not {spec.expect}"
    shown = [(f"bug '{bug.id}'", bug.seen) for bug in receipt.bugs]
    shown += [(f"output '{output.id}'", output.stdout) for output in receipt.outputs]
    for what, text in shown:
        if found := UNSHOWABLE.search(text):
            yield f"{what} holds U+{ord(found[0]):04X}, which cannot be shown on a card"
    outputs = {output.id for output in receipt.outputs}
    yield from (f"output '{o.id}' is not in it" for o in kernel.outputs if o.id not in outputs)


def _version_gaps(kernel: Kernel, version: Version) -> Iterator[str]:
    found = dict(version.sanitizers)
    for tool in SANITIZERS:
        if found.get(tool) != "pass":
            yield f"version '{version.name}' did not pass {tool}: {found.get(tool, 'not run')}"
    for case in version.cases:
        if not case.max_error <= case.tolerance:
            yield f"version '{version.name}' is off by {case.max_error} at {case.shape}"
    if not any(case.shape == kernel.shape and case.time_us for case in version.cases):
        yield f"version '{version.name}' was not timed at {kernel.shape}"
    if version.mutants and not mutation.adds_up(version.mutants):
        yield f"the mutants of version '{version.name}' do not add up"


def parse(document: Mapping[str, Any]) -> Receipt:
    """Return the receipt in `document`, which fits receipt.schema.json."""
    return Receipt(
        kernel=document["kernel"],
        gpu=document["gpu"],
        driver=document["driver"],
        nvcc=document["nvcc"],
        flags=tuple(document["flags"]),
        date=document["date"],
        source_sha256=document["source_sha256"],
        versions=tuple(
            Version(
                version["name"],
                version["anchor"],
                tuple(_case(case) for case in version["cases"]),
                tuple(version["sanitizers"].items()),
                mutation.parse(version),
                resources=tuple(_resources(version.get("resources", {}))),
                profile=profile.parse(version),
            )
            for version in document["versions"]
        ),
        bugs=tuple(
            Bug(bug["id"], bug["version"], bug["detector"], bug["seen"], tuple(bug.get("also", ())))
            for bug in document["bugs"]
        ),
        outputs=tuple(Output(output["id"], output["stdout"]) for output in document["outputs"]),
    )


def _resources(data: Mapping[str, Any]) -> Iterator[Resources]:
    for function, used in data.items():
        yield Resources(
            function, used["registers"], used["shared_bytes"], used.get("spilled_bytes", 0)
        )


def _is_bound_by_arithmetic(case: Mapping[str, Any]) -> bool:
    """Return whether the limit is a unit's peak (kernels/harness/roofline.h), not the memory's."""
    name = str(case.get("limit", {}).get("name", ""))
    return name.endswith(" peak") and name != "memory peak"


def _case(case: Mapping[str, Any]) -> Case:
    time, baseline = case.get("time_us"), case.get("baseline")
    return Case(
        shape=tuple(case["shape"]),
        seed=case["seed"],
        max_error=case["max_error"],
        tolerance=case["tolerance"],
        time_us=Timing(time["median"], time["min"], time["max"], time["runs"]) if time else None,
        gb_per_s=case.get("gb_per_s"),
        ratio_to_limit=case.get("ratio_to_limit"),
        tflop_per_s=case.get("tflop_per_s") if _is_bound_by_arithmetic(case) else None,
        baseline=Baseline(baseline["name"], baseline["ratio"]) if baseline else None,
    )
