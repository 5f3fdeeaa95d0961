"""kernels/<op>/kernel.yml of host programs: C++ and Python that check themselves.

Owns: reading it, and whether what it says fits the files beside it: runners and suffixes,
imports and packages, the text that a bug edits. Must not know compilers, receipts or notes.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from warpdeck import kernels, yamlfile
from warpdeck.files import read_text
from warpdeck.model import BugSpec, HostOperation, Location, Problem, ProgramSpec
from warpdeck.snippets import anchored_lines, did_you_mean
from warpdeck.yamlfile import Yaml

WIDEST = 64
"""Most columns of a line between anchors: what a phone shows without scrolling."""

_CPP_DETECTORS = ("asan", "ubsan", "tsan")
_THREADS = ("-pthread", "-fopenmp")


def load_programs(root: Path) -> tuple[tuple[HostOperation, ...], list[Problem]]:
    """Read every kernels/*/kernel.yml of the project at `root` that is of host programs.

    Sorted by name. An operation with problems is left out, so that what names it fails only
    once, here; load_kernels tells of files that cannot be read.
    """
    operations, problems = [], []
    for path in sorted((root / "kernels").glob("*/kernel.yml")):
        shown = path.relative_to(root).as_posix()
        yaml, _ = yamlfile.load(path, shown, kernels.form)
        if yaml and kernels.form(yaml.data) == "host":
            operation = _operation(path.parent.name, yaml.data)
            found = list(_check(operation, yaml, path.parent, shown))
            problems += found
            operations += [] if found else [operation]
    return tuple(operations), problems


def _operation(name: str, data: dict[str, Any]) -> HostOperation:
    return HostOperation(
        name=name,
        programs=tuple(
            ProgramSpec(
                id=program["id"],
                file=program["file"],
                ranks=program.get("ranks"),
                flags=tuple(program.get("flags") or ()),
                packages=tuple(program.get("packages") or ()),
                gpu=program.get("gpu", False),
            )
            for program in data["programs"]
        ),
        bugs=tuple(
            BugSpec(bug["id"], bug["program"], kernels.edits(bug), bug["expect"])
            for bug in data.get("bugs") or ()
        ),
    )


def _check(operation: HostOperation, yaml: Yaml, folder: Path, shown: str) -> Iterator[Problem]:
    yield from kernels.unique([p.id for p in operation.programs], "programs", "id", yaml)
    yield from kernels.unique([bug.id for bug in operation.bugs], "bugs", "id", yaml)
    codes: dict[str, str] = {}
    for index, program in enumerate(operation.programs):
        yield from _keys(program, index, yaml)
        path = folder / program.file
        missing = list(kernels.missing_file(path, yaml.at("programs", index, "file")))
        yield from missing
        if not missing:
            where = f"{Path(shown).parent.as_posix()}/{program.file}"
            code, unreadable = read_text(path, where)
            if not unreadable:  # else workspace.py tells of it, with the other files of code
                codes[program.id] = code
                yield from _wide(code, where)
                yield from _imports(program, code, where) if path.suffix == ".py" else ()
    for index, bug in enumerate(operation.bugs):
        yield from _bug(operation, bug, index, yaml, codes)


def _keys(program: ProgramSpec, index: int, yaml: Yaml) -> Iterator[Problem]:
    """Yield a problem for each setting that the program's runner has no use for."""
    cpp = program.file.endswith(".cpp")
    useless = {"packages": bool(program.packages), "gpu": program.gpu} if cpp else {}
    if not cpp:
        useless = {"flags": bool(program.flags)}
    for key, given in useless.items():
        if given:
            what = f"`{key}` means nothing to {program.file}"
            hint = f"It is for .{'py' if cpp else 'cpp'} programs: remove it."
            yield Problem(yaml.at("programs", index, key), "wrong-key", what, hint)
    if program.ranks and not cpp and "mpi4py" not in program.packages:
        what = f"{program.file} has ranks and does not name mpi4py"
        hint = "Add `packages: [mpi4py]`, or remove `ranks`."
        yield Problem(yaml.at("programs", index, "ranks"), "wrong-key", what, hint)


def _imports(program: ProgramSpec, code: str, shown: str) -> Iterator[Problem]:
    try:
        imported = _imported_by(code)
    except (SyntaxError, ValueError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        what = f"this is not Python: {getattr(error, 'msg', None) or error}"
        yield Problem(Location(shown, line, column), "not-python", what, "Mend the code.")
        return
    for name, line, column in imported:
        if name not in sys.stdlib_module_names and name not in program.packages:
            hint = f"Add it to `packages` of '{program.id}' in kernel.yml."
            what = f"imports '{name}', which kernel.yml does not name"
            yield Problem(Location(shown, line, column), "unnamed-package", what, hint)


@lru_cache(maxsize=1024)
def _imported_by(code: str) -> tuple[tuple[str, int, int], ...]:
    """Return (package, line, column) of each import; raises what ast.parse raises."""
    return tuple(
        (name, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1)
        for node in ast.walk(ast.parse(code))
        for name in _imported(node)
    )


def _imported(node: ast.AST) -> list[str]:
    """Return the packages that an import statement names, `.` for a relative one."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["." if node.level else (node.module or "").split(".")[0]]
    return []


def _wide(code: str, shown: str) -> Iterator[Problem]:
    for number, line in anchored_lines(code):
        if len(line) > WIDEST:
            what = f"this line has {len(line)} columns, more than {WIDEST}, and a card shows it"
            hint = "Break it: a phone would scroll."
            yield Problem(Location(shown, number, WIDEST + 1), "code-width", what, hint)


def _bug(
    operation: HostOperation, bug: BugSpec, index: int, yaml: Yaml, codes: dict[str, str]
) -> Iterator[Problem]:
    programs = {program.id: program for program in operation.programs}
    program = programs.get(bug.version)
    if program is None:
        hint = did_you_mean(bug.version, programs) or f"Programs: {', '.join(programs)}."
        what = f"there is no program '{bug.version}'"
        yield Problem(yaml.at("bugs", index, "program"), "unknown-program", what, hint)
        return
    at = yaml.at("bugs", index, "expect")
    if bug.expect in _CPP_DETECTORS and not program.file.endswith(".cpp"):
        what = f"{bug.expect} is of g++, and {program.file} is not compiled"
        yield Problem(at, "wrong-detector", what, "Write `expect: check`.")
    elif bug.expect == "tsan" and not has_threads(program):
        what = f"tsan looks at threads, and the flags of '{program.id}' ask for none"
        yield Problem(at, "wrong-detector", what, "Add -pthread or -fopenmp, or `expect: check`.")
    if program.id in codes:
        yield from kernels.misfits(codes[program.id], bug, index, yaml)


def has_threads(program: ProgramSpec) -> bool:
    """Return whether the flags of a C++ program ask for threads in one process."""
    return program.ranks is None and any(flag in _THREADS for flag in program.flags)
