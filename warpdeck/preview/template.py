"""Our note types' templates, filled in as Anki fills them in.

Owns: the part of Anki's template language that our note types use. It stands in where Anki's
own backend is not installed; a test compares the two on every card. Must not know notes,
Markdown or the site.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass

from warpdeck.model import NoteType

_TAG = re.compile(r"\{\{([#^/]?)([^{}]+)\}\}")
_EMPTY = re.compile(r"(?:\s|</?(?:br|div) ?/?>)*")
_CLOZE_PARTS = re.compile(r"(\{\{c[0-9]+(?:,[0-9]+)*::|\}\})")
_MATHJAX = re.compile(r"(\\[(\[])(.*?)(\\[)\]])", re.DOTALL)
_HTML_TAG = re.compile(r"<[^>]*>")
_UNESCAPED = frozenset(string.ascii_letters + string.digits)
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


@dataclass(frozen=True, slots=True)
class Face:
    """The two sides of one card, as HTML."""

    front: str
    back: str


def face(note_type: NoteType, fields: Mapping[str, str], ordinal: int) -> Face:
    """Return card `ordinal` (from 0) of a note with `fields`, by name.

    A box to type the answer into is left as `[[type:Field]]`, as Anki's backend leaves it.
    Raises ValueError for what our templates do not use.
    """
    template = note_type.templates[0 if note_type.cloze else ordinal]
    front = _fill(template.front, fields, ordinal + 1, question=True)
    sides = {**fields, "FrontSide": front}
    return Face(front, _fill(template.back, sides, ordinal + 1, question=False))


def cloze(text: str, number: int, *, question: bool) -> str:
    """Return a cloze field as card `number` (from 1) shows it."""
    root = _Blank(())
    open_blanks = [root]
    for piece in _CLOZE_PARTS.split(text):
        if piece.startswith("{{c") and piece.endswith("::"):
            open_blanks.append(_Blank(tuple(map(int, piece[3:-2].split(",")))))
        elif piece == "}}" and len(open_blanks) > 1:
            closed = open_blanks.pop()
            open_blanks[-1].shown += closed.html(number, question=question)
        else:
            open_blanks[-1].add(piece)
    # What follows a blank that is never closed is dropped, as Anki drops it; and MathJax would
    # show the tags of a blank inside a formula.
    return _MATHJAX.sub(lambda m: m[1] + _HTML_TAG.sub("", m[2]) + m[3], root.shown)


class _Blank:
    """A blank while its text is being read; the root is one that hides nothing."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self.numbers = numbers
        self.shown = ""
        self.hint: str | None = None

    def add(self, text: str) -> None:
        if self.numbers:
            text, mark, hint = text.partition("::")
            self.hint = hint if mark else self.hint
        self.shown += text

    def html(self, number: int, *, question: bool) -> str:
        ordinals = ",".join(map(str, self.numbers))
        if number not in self.numbers:
            return f'<span class="cloze-inactive" data-ordinal="{ordinals}">{self.shown}</span>'
        if not question:
            return f'<span class="cloze" data-ordinal="{ordinals}">{self.shown}</span>'
        hint = "..." if self.hint is None else self.hint
        return (
            f'<span class="cloze" data-cloze="{_attribute(self.shown)}" '
            f'data-ordinal="{ordinals}">[{hint}]</span>'
        )


def _attribute(text: str) -> str:
    """Escape all but letters and digits up to U+00FF, as Anki does in `data-cloze`."""
    return "".join(
        char
        if char in _UNESCAPED or ord(char) > 0xFF
        else _NAMED.get(char) or f"&#x{ord(char):02X};"
        for char in text
    )


def _fill(template: str, fields: Mapping[str, str], number: int, *, question: bool) -> str:
    """Return `template` with its fields and conditions in place."""
    shown = [""]
    conditions: list[tuple[str, bool]] = []
    at = 0
    for tag in _TAG.finditer(template):
        shown[-1] += template[at : tag.start()]
        at = tag.end()
        sign, name = tag[1], tag[2].strip()
        if sign in ("#", "^"):
            conditions.append((name, bool(_EMPTY.fullmatch(_value(fields, name))) == (sign == "^")))
            shown.append("")
        elif sign == "/":
            opened, met = conditions.pop() if conditions else ("", False)
            if opened != name:
                raise ValueError(f"{{{{/{name}}}}} closes {{{{#{opened}}}}}")
            inside = shown.pop()
            shown[-1] += inside if met else ""
        else:
            shown[-1] += _replacement(name, fields, number, question=question)
    if conditions:
        raise ValueError(f"{{{{#{conditions[-1][0]}}}}} is not closed")
    return shown[0] + template[at:]


def _replacement(name: str, fields: Mapping[str, str], number: int, *, question: bool) -> str:
    *filters, field = name.split(":")
    text = _value(fields, field)
    if not filters:
        return text
    if filters == ["cloze"]:
        return cloze(text, number, question=question)
    if filters == ["type"]:
        return f"[[type:{field}]]"
    raise ValueError(f"{{{{{name}}}}} is not in our part of the template language")


def _value(fields: Mapping[str, str], name: str) -> str:
    if name not in fields:
        raise ValueError(f"there is no field '{name}'")
    return fields[name]
