"""A CUDA file as a tree.

Owns: tree-sitter, and the few questions that are asked of every tree. Must not know what is
done with the answers. tree-sitter is loaded at the first parse, so that a machine without it
can do all the rest of `verify`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from warpdeck.model import Location, Problem, WarpdeckError


@dataclass(slots=True, eq=False)
class Node:
    """A piece of syntax, with the names of tree-sitter's CUDA grammar."""

    kind: str
    source: bytes = field(repr=False)
    """The whole file."""
    start: int
    end: int
    """Byte offsets in `source`."""
    named: bool
    broken: bool
    """Whether the parser could make nothing of it."""
    role: str
    """What it is in its parent, like `left`; may be empty."""
    parent: Node | None = field(repr=False)
    children: tuple[Node, ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """Return the code as it stands in the file."""
        return self.source[self.start : self.end].decode("utf-8", "replace")

    def part(self, name: str) -> Node | None:
        """Return the child with the role `name`."""
        return next((child for child in self.children if child.role == name), None)

    def first(self, kind: str) -> Node | None:
        """Return the first child of `kind`."""
        return next((child for child in self.children if child.kind == kind), None)

    def inner(self) -> tuple[Node, ...]:
        """Return the named children: a list's items without brackets and commas."""
        return tuple(child for child in self.children if child.named and child.kind != "comment")

    def above(self) -> Iterator[Node]:
        """Yield parent, grandparent and so on."""
        node = self.parent
        while node:
            yield node
            node = node.parent

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, in the order of the text."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)

    def within(self, *kinds: str) -> Node | None:
        """Return the nearest node of `kinds` above this one."""
        return next((node for node in self.above() if node.kind in kinds), None)


def parse(source: bytes) -> Node:
    """Return the tree of a file. Raises WarpdeckError where tree-sitter is not installed."""
    try:
        import tree_sitter
        import tree_sitter_cuda
    except ImportError as error:
        message = f"mutants need the package {error.name}, which is not installed"
        hint = "Install it: `pip install tree-sitter tree-sitter-cuda`."
        raise WarpdeckError(Problem(Location("kernels"), "no-parser", message, hint)) from None
    language = tree_sitter.Language(tree_sitter_cuda.language())
    tree = tree_sitter.Parser(language).parse(source)
    return _convert(tree.walk(), source, None)


def _convert(cursor: Any, source: bytes, parent: Node | None) -> Node:
    raw = cursor.node
    broken = raw.is_error or raw.is_missing
    named, role = raw.is_named, cursor.field_name or ""
    node = Node(raw.type, source, raw.start_byte, raw.end_byte, named, broken, role, parent)
    children = []
    if cursor.goto_first_child():
        children.append(_convert(cursor, source, node))
        while cursor.goto_next_sibling():
            children.append(_convert(cursor, source, node))
        cursor.goto_parent()
    node.children = tuple(children)
    return node


# --- questions about CUDA code ---------------------------------------------------


def functions(tree: Node) -> Iterator[Node]:
    """Yield every function definition of a file, in order."""
    return (node for node in tree.walk() if node.kind == "function_definition")


def is_kernel(function: Node) -> bool:
    """Return whether it is a `__global__` function."""
    return function.first("__global__") is not None


def is_device_only(function: Node) -> bool:
    """Return whether no host code is made of it."""
    on_device = is_kernel(function) or function.first("__device__") is not None
    return on_device and function.first("__host__") is None


def name_of(declarator: Node | None) -> str:
    """Return the identifier inside a declarator: `x` of `*x[4] = {}`; empty where none is."""
    for node in declarator.walk() if declarator else ():
        if node.kind in ("identifier", "field_identifier"):
            return node.text
    return ""


def declared_type(function: Node | None, name: str) -> str:
    """Return the type with which `function` declares the variable `name`; empty if it does not."""
    for node in function.walk() if function else ():
        if node.kind == "declaration" and (kind := node.part("type")):
            declarators = [child for child in node.children if child.role == "declarator"]
            if name in (name_of(declarator) for declarator in declarators):
                return kind.text
    return ""
