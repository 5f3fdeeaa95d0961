"""kernels/<op>/receipts/<program>.json: what a run of a host program proved, and of which source.

Owns: the file's form, the hash of the source, and whether a receipt still speaks of the
program in the tree. Must not know compilers or notes. receipts.py does the same for kernels.

One file a program, so that each is verified where its tools are and none waits for another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from warpdeck import jsonfile
from warpdeck.atomic import write_bytes
from warpdeck.files import UNSHOWABLE
from warpdeck.model import (
    Bug,
    BugSpec,
    HostOperation,
    Location,
    Problem,
    ProgramReceipt,
    ProgramSpec,
    WarpdeckError,
)
from warpdeck.programs import has_threads

_SCHEMA = "program-receipt"


def sanitizers(program: ProgramSpec) -> tuple[str, ...]:
    """Return under what a program must run without a report.

    Python has none; ThreadSanitizer looks at threads of one process alone.
    """
    if program.file.endswith(".py"):
        return ()
    return ("asan", "ubsan", "tsan") if has_threads(program) else ("asan", "ubsan")


def bugs_of(operation: HostOperation, program: ProgramSpec) -> tuple[BugSpec, ...]:
    """Return the bugs that break `program`."""
    return tuple(bug for bug in operation.bugs if bug.version == program.id)


def source_sha256(root: Path, operation: HostOperation, program: ProgramSpec) -> str:
    """Return the hash of all that decides what `verify` would find of `program`.

    That is its file and what kernel.yml says of how it is run and of its bugs. Line ends
    count as \\n, so that a checkout on Windows is no change.
    """
    code = (root / "kernels" / operation.name / program.file).read_bytes().replace(b"\r\n", b"\n")
    settings = {
        "file": program.file,
        "ranks": program.ranks,
        "flags": program.flags,
        "packages": program.packages,
        "gpu": program.gpu,
        "bugs": [
            (bug.id, bug.expect, [(edit.find, edit.replace) for edit in bug.edits])
            for bug in bugs_of(operation, program)
        ],
    }
    return hashlib.sha256(code + b"\0" + json.dumps(settings, sort_keys=True).encode()).hexdigest()


def path_of(root: Path, operation: HostOperation, program: ProgramSpec) -> Path:
    """Return the path of the receipt of `program`."""
    return root / "kernels" / operation.name / "receipts" / f"{program.id}.json"


def mend(operation: HostOperation) -> str:
    """Return the command that writes new receipts."""
    return f"uv run build.py verify {operation.name} --host"


def fresh(
    root: Path, operation: HostOperation, program: ProgramSpec
) -> tuple[ProgramReceipt | None, list[Problem]]:
    """Return the receipt that speaks of the program as it is now, or None and why there is none."""
    path = path_of(root, operation, program)
    shown = path.relative_to(root).as_posix()
    if not path.exists():
        return None, [_missing(operation, program)]
    broken = partial(_broken, operation)
    document, problems = jsonfile.load(path, shown, _SCHEMA, broken)
    if problems:
        return None, problems
    receipt = parse(document)
    if receipt.source_sha256 != source_sha256(root, operation, program):
        return None, [_stale(operation, program, shown)]
    problems = [broken(Location(shown), gap) for gap in gaps(operation, program, receipt)]
    return (None if problems else receipt), problems


def orphans(root: Path, operation: HostOperation) -> Iterator[Problem]:
    """Yield a problem for each receipt that is of no program."""
    known = {path_of(root, operation, program) for program in operation.programs}
    for path in sorted((root / "kernels" / operation.name / "receipts").glob("*.json")):
        if path not in known:
            what = f"kernel.yml has no program '{path.stem}'"
            at = Location(path.relative_to(root).as_posix())
            yield Problem(at, "orphan-receipt", what, "Delete the file.")


def write(
    root: Path, operation: HostOperation, program: ProgramSpec, document: Mapping[str, Any]
) -> Path:
    """Write the receipt `document` in whole or not at all; return its path.

    Raises WarpdeckError where it does not prove all that it should, with the old file
    untouched.
    """
    path = path_of(root, operation, program)
    shown = path.relative_to(root).as_posix()
    broken = partial(_broken, operation)
    problems = jsonfile.check(dict(document), shown, _SCHEMA, broken) or [
        broken(Location(shown), gap) for gap in gaps(operation, program, parse(document))
    ]
    if problems:
        raise WarpdeckError(*problems)
    write_bytes(path, jsonfile.dump(document))
    return path


def gaps(operation: HostOperation, program: ProgramSpec, receipt: ProgramReceipt) -> Iterator[str]:
    """Yield what a receipt of `program` should prove and this one does not."""
    if (receipt.operation, receipt.program) != (operation.name, program.id):
        yield f"it is of program '{receipt.program}' of '{receipt.operation}'"
    for tool in sanitizers(program):
        if tool not in receipt.sanitizers:
            yield f"it did not run under {tool}"
    if program.gpu and not receipt.gpu:
        yield "it ran without a GPU"
    found = {bug.id: bug for bug in receipt.bugs}
    for spec in bugs_of(operation, program):
        if spec.id not in found:
            yield f"bug '{spec.id}' is not in it"
        elif found[spec.id].detector != spec.expect:
            yield f"bug '{spec.id}' was caught by {found[spec.id].detector}, not {spec.expect}"
    shown = [("stdout", receipt.stdout), *((f"bug '{b.id}'", b.seen) for b in receipt.bugs)]
    for what, text in shown:
        if control := UNSHOWABLE.search(text):
            yield f"{what} holds U+{ord(control[0]):04X}, which cannot be shown on a card"


def parse(document: Mapping[str, Any]) -> ProgramReceipt:
    """Return the receipt in `document`, which fits program-receipt.schema.json."""
    return ProgramReceipt(
        operation=document["kernel"],
        program=document["program"],
        runner=document["runner"],
        tools=tuple(document["tools"].items()),
        cpu=document["machine"]["cpu"],
        gpu=document["machine"].get("gpu", ""),
        flags=tuple(document["flags"]),
        ranks=document.get("ranks"),
        date=document["date"],
        source_sha256=document["source_sha256"],
        stdout=document["stdout"],
        sanitizers=tuple(document["sanitizers"]),
        bugs=tuple(
            Bug(bug["id"], document["program"], bug["detector"], bug["seen"])
            for bug in document["bugs"]
        ),
    )


def _missing(operation: HostOperation, program: ProgramSpec) -> Problem:
    return Problem(
        Location(f"kernels/{operation.name}/kernel.yml"),
        "missing-receipt",
        f"program '{program.id}' of '{operation.name}' has never been verified",
        f"Run `{mend(operation)}`, or build with --allow-stale.",
    )


def _stale(operation: HostOperation, program: ProgramSpec, shown: str) -> Problem:
    what = f"program '{program.id}' of '{operation.name}' has changed since it was verified"
    hint = f"Run `{mend(operation)}`, or build with --allow-stale."
    return Problem(Location(shown), "stale-receipt", what, hint)


def _broken(operation: HostOperation, at: Location, message: str) -> Problem:
    hint = f"Restore the file from git, or delete it and run `{mend(operation)}`."
    return Problem(at, "broken-receipt", f"not a whole receipt: {message}", hint)
