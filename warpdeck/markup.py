"""Our own marks inside Markdown: blanks, citations, directives.

Owns: finding `{{c1::…}}`, `[@key#section]`, `{{#name argument}}` and figures in prose and replacing
each by a token that Markdown and the sanitizer carry through untouched. Must not know
Markdown, HTML, or what a directive means.

Tokens are private-use characters: U+E000 n U+E001 is directive or fence n; U+E002 n U+E003
opens cloze n, U+E004 closes it, U+E005 stands before its hint.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from warpdeck.model import Citation, Directive, Location, Problem

OPEN, CLOSE = "\ue000", "\ue001"
CLOZE_OPEN, CLOZE_OPENED, CLOZE_CLOSE, CLOZE_HINT = "\ue002", "\ue003", "\ue004", "\ue005"
TOKEN = re.compile(f"{OPEN}(\\d+){CLOSE}")
CLOZE_TOKEN = re.compile(f"{CLOZE_OPEN}(\\d+){CLOZE_OPENED}")
INLINE = "\ue006"
"""Stands before a heading, so that Markdown takes none for a list or a quote."""
RESERVED = re.compile("[\ue000-\ue006]")

DIRECTIVE = re.compile(r"\{\{#([\w-]+)[ \t]*([^\n]*?)\}\}")
FIGURE = "figure"
"""Name of the directive that `![what it shows](path)` becomes."""
_FIGURE = re.compile(r"!\[([^\]]*)\]\(\s*([^)\s]*)(?:\s+\"[^\"]*\")?\s*\)")
_CITATION = re.compile(r"\[@([\w-]+)(?:#([^\]\n]+))?\]")
_CLOZE = re.compile(r"\{\{c(\d+)::")
_CLOZE_TYPO = re.compile(r"\{\{[cC]\d+(?:,[\d,]+::|:(?!:)|\}\}| )")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_MATHS = re.compile(r"(?<![\\$])\$(?!\s)[^$\n]+?(?<!\s)\$")


def token(number: int) -> str:
    """Return the token of directive or fence `number`."""
    return f"{OPEN}{number}{CLOSE}"


@dataclass(slots=True)
class Marks:
    """What was found in a note's prose so far."""

    directives: list[Directive] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    ordinals: set[int] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def mark(text: str, path: str, line: int, marks: Marks) -> str:
    """Return `text` with tokens for its marks, and add what was found to `marks`.

    `line` is the line in the file `path` of the first line of `text`.
    """

    def at(index: int, of: str) -> Location:
        newline = of.rfind("\n", 0, index)
        return Location(path, line + of.count("\n", 0, index), index - newline)

    text = _take_clozes(text, at, marks)
    text = _take_directives(text, at, marks)
    text = _take_figures(text, at, marks)
    return _take_citations(text, at, marks)


_At = Callable[[int, str], Location]


def _take_citations(text: str, at: _At, marks: Marks) -> str:
    def take(match: re.Match[str]) -> str:
        section = (match[2] or "").strip()
        marks.citations.append(Citation(match[1], section, at(match.start(), text)))
        return ""

    return _outside_code(_CITATION, take, text)


def _take_directives(text: str, at: _At, marks: Marks) -> str:
    def take(match: re.Match[str]) -> str:
        where = at(match.start(), text)
        marks.directives.append(Directive(match[1], match[2].strip(), where))
        return token(len(marks.directives) - 1)

    return _outside_code(DIRECTIVE, take, text)


def _take_figures(text: str, at: _At, marks: Marks) -> str:
    def take(match: re.Match[str]) -> str:
        where = at(match.start(), text)
        marks.directives.append(Directive(FIGURE, f"{match[2]} {match[1].strip()}", where))
        return token(len(marks.directives) - 1)

    return _outside_code(_FIGURE, take, text)


def _outside_code(pattern: re.Pattern[str], take: Callable[[re.Match[str]], str], text: str) -> str:
    spans = [match.span() for match in _CODE_SPAN.finditer(text)]

    def replace(match: re.Match[str]) -> str:
        inside = any(start <= match.start() < end for start, end in spans)
        return match[0] if inside else take(match)

    return pattern.sub(replace, text)


@dataclass(slots=True)
class _Open:
    """A cloze that is still open while scanning."""

    start: int
    braces: int = 0
    """Single braces opened inside and not closed: `}}` may belong to them."""
    out: int = 0
    """Where its text begins in the output."""
    hint: int | None = None
    """Where its last `::` stands in the output."""


def _take_clozes(text: str, at: _At, marks: Marks) -> str:
    for typo in _CLOZE_TYPO.finditer(text):
        marks.problems.append(
            Problem(
                at(typo.start(), text),
                "cloze-syntax",
                f"`{typo[0]}` is no blank",
                "Write {{c1::text}}, one number and two colons.",
            )
        )
    if not _CLOZE.search(text):
        return text
    out: list[str] = []
    stack: list[_Open] = []
    index = 0
    while index < len(text):
        index = _step(text, index, out, stack, at, marks)
    for opened in stack:
        marks.problems.append(
            Problem(
                at(opened.start, text),
                "cloze-unclosed",
                "this blank is never closed",
                "End it with }} and pair the braces inside it.",
            )
        )
    return "".join(out)


def _step(text: str, index: int, out: list[str], stack: list[_Open], at: _At, marks: Marks) -> int:
    """Consume one mark or character at `index`; return the index after it."""
    if opening := _CLOZE.match(text, index):
        number = int(opening[1])
        if number == 0 or number > 499:
            marks.problems.append(
                Problem(
                    at(index, text),
                    "cloze-number",
                    f"blank number {number} is out of range",
                    "Number blanks from 1 to 499.",
                )
            )
        marks.ordinals.add(number)
        out.append(f"{CLOZE_OPEN}{number}{CLOZE_OPENED}")
        stack.append(_Open(index, out=len(out)))
        return opening.end()
    if stack:
        return _step_inside(text, index, out, stack, at, marks)
    out.append(text[index])
    return index + 1


def _step_inside(
    text: str, index: int, out: list[str], stack: list[_Open], at: _At, marks: Marks
) -> int:
    opened = stack[-1]
    for literal in (_CODE_SPAN, _MATHS):
        span = literal.match(text, index)
        # `::` and braces in code or maths that lies whole inside the blank are plain text.
        if span and not _CLOZE.search(span[0]):
            out.append(span[0])
            return span.end()
    if text.startswith("}}", index) and opened.braces == 0:
        _close(out, stack, at(opened.start, text), marks)
        return index + 2
    if text.startswith("::", index):
        opened.hint = len(out)
        out.append("::")
        return index + 2
    opened.braces = max(0, opened.braces + {"{": 1, "}": -1}.get(text[index], 0))
    out.append(text[index])
    return index + 1


def _close(out: list[str], stack: list[_Open], at: Location, marks: Marks) -> None:
    opened = stack.pop()
    if opened.hint is not None:
        out[opened.hint] = CLOZE_HINT
    body = "".join(out[opened.out : opened.hint])
    if not body.strip():
        hint = "Write the text to hide: {{c1::text}}."
        marks.problems.append(Problem(at, "cloze-empty", "this blank hides nothing", hint))
    out.append(CLOZE_CLOSE)
