"""The mutants of one version of a kernel: each a small slip in its anchored code.

Owns: which part of a file is mutated, the mutants' ids and words, applying one. Must not
know compilers, detectors or receipts.

The parts are the step's region and, where there is one, `<anchor>-launch`, its launcher.
Everything is in the order of the text, so that the same file gives the same mutants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from warpdeck.snippets import anchors, line_numbers
from warpdeck.verify import operators, syntax
from warpdeck.verify.operators import Change, Edit
from warpdeck.verify.syntax import Node

LAUNCH = "-launch"
"""What the anchor of a step's launcher adds to the step's own."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One slip."""

    id: str
    """`<anchor>:<line>:<column>:<operator>`, the line counted from its ANCHOR line."""
    version: str
    operator: str
    line: int
    """In the file, 1-based, like the column."""
    column: int
    edits: tuple[Edit, ...]
    words: str
    """What it changes, for people: "`<` → `<=` in `if (row < M)`"."""
    device_only: bool
    """Whether no host code can depend on it."""

    def apply(self, source: bytes) -> bytes:
        """Return the file with this slip in it."""
        for edit in sorted(self.edits, key=lambda edit: -edit.start):
            source = source[: edit.start] + edit.text.encode() + source[edit.end :]
        return source


def mutants(tree: Node, version: str, anchor: str) -> tuple[Mutant, ...]:
    """Return every mutant of one version of the file `tree`; `anchor` is the version's region.

    Two slips that make the same code are one mutant.
    """
    made: dict[bytes, Mutant] = {tree.source: _none(version)}
    taken: dict[str, int] = {}
    text = tree.source.decode("utf-8", "replace")
    for name in (anchor, anchor + LAUNCH):
        if name not in anchors(text):
            continue
        first, last = line_numbers(text, name)
        for node, change in _changes(tree, first, last):
            mutant = _mutant(node, change, version, name, first - 1, taken)
            made.setdefault(mutant.apply(tree.source), mutant)
    return tuple(sorted(list(made.values())[1:], key=lambda mutant: (mutant.line, mutant.column)))


def _none(version: str) -> Mutant:
    return Mutant("", version, "", 0, 0, (), "", True)


def _changes(tree: Node, first: int, last: int) -> Iterator[tuple[Node, Change]]:
    """Yield what the operators offer on lines `first` to `last`, in the order of the text."""
    lines = [0, *(match.end() for match in re.finditer(b"\n", tree.source))]
    start, end = lines[first - 1], lines[last] if last < len(lines) else len(tree.source)
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if node.end <= start or node.start >= end or _is_apart(node):
            continue
        if start <= node.start and node.end <= end:
            for change in operators.changes(node):
                yield node, change
        waiting += reversed(node.children)


_APART = re.compile(r"preproc_.*|comment|string_.*|static_assert_declaration|parameter_list")


def _is_apart(node: Node) -> bool:
    """Return whether no slip is looked for below `node`: it checks errors, or is no code."""
    if node.broken:
        return True
    if node.kind == "parameter_list":  # `dim3 grid(X, Y)` is parsed as one, and is code
        above = node.within("declaration", "function_definition")
        kind = above.part("type") if above else None
        return kind is None or kind.text != "dim3"
    if node.kind == "call_expression":
        function = node.part("function")
        return function is not None and function.text == "CUDA_CHECK"
    return bool(_APART.fullmatch(node.kind))


def _mutant(
    node: Node, change: Change, version: str, anchor: str, above: int, taken: dict[str, int]
) -> Mutant:
    edit = min(change.edits, key=lambda edit: edit.start)
    before = node.source[: edit.start]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    function = node if node.kind == "function_definition" else node.within("function_definition")
    key = f"{anchor}:{line - above}:{column}:{change.operator}"
    taken[key] = taken.get(key, 0) + 1
    return Mutant(
        id=key if taken[key] == 1 else f"{key}-{taken[key]}",
        version=version,
        operator=change.operator,
        line=line,
        column=column,
        edits=change.edits,
        words=_words(node.source, change, line),
        device_only=function is not None and syntax.is_device_only(function),
    )


def _words(source: bytes, change: Change, line: int) -> str:
    """Return what is changed into what, and in which line of code."""
    if change.operator == "coalescing":
        return "`threadIdx.x` ↔ `threadIdx.y` in the whole kernel"
    pairs = [(_short(source[edit.start : edit.end].decode()), edit.text) for edit in change.edits]
    if len(pairs) > 1:
        said = f"`{pairs[0][0]}` ↔ `{pairs[1][0]}`"
    elif not pairs[0][0]:
        said = f"`{_short(pairs[0][1])}` added"
    elif pairs[0][1] in ("", ";"):
        said = f"`{pairs[0][0]}` removed"
    else:
        said = f"`{pairs[0][0]}` → `{_short(pairs[0][1])}`"
    where = _short(source.split(b"\n")[line - 1].decode("utf-8", "replace"))
    return said if where == pairs[0][0] else f"{said} in `{where}`"


def _short(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= 72 else text[:71] + "…"
