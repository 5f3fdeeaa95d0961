"""Our own marks inside Markdown: blanks, citations, directives.

Owns: finding `{{c1::…}}`, `[@key#section]`, `{{#name argument}}` and figures in prose and replacing
each by a token that Markdown and the sanitizer carry through untouched. Must not know
Markdown, HTML, or what a directive means.

Tokens are private-use characters: U+E000 n U+E001 is directive or fence n; U+E002 n U+E003
opens cloze n, U+E004 closes it, U+E005 stands before its hint. U+E007 fills the room of what
a token replaces, so that a column in the text stays the column in the file.
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
PAD = "\ue007"
"""Fills up a token to the length of what it stands for; `unpadded` drops it."""
RESERVED = re.compile("[\ue000-\ue007]")

CALLOUTS = ("note", "tip", "important", "warning", "caution", "question")
"""What may stand in `> [!…]`; each has its look in card.css and its word in phrases.py."""

DIRECTIVE = re.compile(r"\{\{#([\w-]+)[ \t]*([^\n]*?)\}\}")
FIGURE = "figure"
"""Name of the directive that `![what it shows](path)` becomes."""
_FIGURE = re.compile(r"!\[([^\]]*)\]\(\s*([^)\s]*)(?:\s+\"[^\"]*\")?\s*\)")
_CITATION = re.compile(r"\[@([\w-]+)(?:#([^\]\n;@]+))?\]")
_CITATION_TYPO = re.compile(r"(?<!\\)\[@(?![\w-]+(?:#[^\]\n;@]+)?\])")
_CLOZE = re.compile(r"\{\{c([0-9]+)::")
_CLOZE_TYPO = re.compile(r"\{\{C\d+::|\{\{[cC]\d+(?:,[\d,]+::|:(?!:)|\}\}| )")
# Like Markdown's, it ends within its paragraph.
_CODE_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)((?:(?!\n[ \t]*\n).)+?)(?<!`)\1(?!`)", re.DOTALL)
_MATHS = re.compile(r"(?<![\\$])\$(?!\s)[^$\n]+?(?<!\s)\$")
_LINK_TARGET = re.compile(r"\]\([^()\s]*\)")
# What follows `::` and reads as code: one word, or anything with a sign that code alone has.
_CODE_HINT = re.compile(r"[A-Za-z_~][!-~]*|[ -~]*[(<\[{;=&*][ -~]*")


def token(number: int) -> str:
    """Return the token of directive or fence `number`."""
    return f"{OPEN}{number}{CLOSE}"


def unpadded(text: str) -> str:
    """Return marked text as Markdown should see it, without the fillers."""
    return text.replace(PAD, "")


def code_spans(text: str) -> list[tuple[int, int]]:
    """Return where `text` stands in backticks."""
    return [match.span() for match in _CODE_SPAN.finditer(text)]


def _padded(token: str, original: str) -> str:
    # A description of a figure may run over several lines: they must still count.
    first, *others = original.split("\n")
    return "\n".join((token + PAD * (len(first) - len(token)), *(PAD * len(ln) for ln in others)))


@dataclass(slots=True)
class Marks:
    """What was found in a note's prose so far."""

    directives: list[Directive] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    ordinals: set[int] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def mark(text: str, path: str, line: int, marks: Marks) -> str:
    """Return `text` with tokens for its marks, and add what was found to `marks`.

    `line` is the line in the file `path` of the first line of `text`. What is returned has
    its lines and columns, see `unpadded`.
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
        return _padded("", match[0])

    def refuse(match: re.Match[str]) -> str:
        message, hint = "`[@` begins no citation here", "Write [@key] or [@key#section], one each."
        where = at(match.start(), text)
        marks.problems.append(Problem(where, "citation-syntax", message, hint))
        return match[0]

    _outside_code(_CITATION_TYPO, refuse, text)
    return _outside_code(_CITATION, take, text)


def _take_directives(text: str, at: _At, marks: Marks) -> str:
    def take(match: re.Match[str]) -> str:
        where = at(match.start(), text)
        marks.directives.append(Directive(match[1], match[2].strip(), where))
        return _padded(token(len(marks.directives) - 1), match[0])

    return _outside_code(DIRECTIVE, take, text)


def _take_figures(text: str, at: _At, marks: Marks) -> str:
    def take(match: re.Match[str]) -> str:
        where = at(match.start(), text)
        alt = " ".join(unpadded(match[1]).split())
        marks.directives.append(Directive(FIGURE, f"{match[2]} {alt}", where))
        return _padded(token(len(marks.directives) - 1), match[0])

    return _outside_code(_FIGURE, take, text)


def _outside_code(pattern: re.Pattern[str], take: Callable[[re.Match[str]], str], text: str) -> str:
    spans = code_spans(text)

    def replace(match: re.Match[str]) -> str:
        inside = any(start <= match.start() < end for start, end in spans)
        return match[0] if inside else take(match)

    return pattern.sub(replace, text)


@dataclass(slots=True)
class _Open:
    """A cloze that is still open while scanning."""

    start: int
    in_code: bool
    """Whether it opens inside backticks."""
    braces: int = 0
    """Single braces opened inside and not closed: `}}` may belong to them."""
    out: int = 0
    """Where its text begins in the output."""
    hint: int | None = None
    """Where its last `::` stands in the output."""


def _take_clozes(text: str, at: _At, marks: Marks) -> str:
    scan = _Scan(text, at, marks, code_spans(text))
    for typo in _CLOZE_TYPO.finditer(text):
        message, hint = f"`{typo[0]}` is no blank", "Write {{c1::text}}, one number and two colons."
        scan.problem(typo.start(), "cloze-syntax", message, hint)
    if not _CLOZE.search(text):
        return text
    index = 0
    while index < len(text):
        index = scan.step(index)
    for opened in scan.stack:
        message, hint = (
            "this blank is never closed",
            "End it with }} and pair the braces inside it.",
        )
        scan.problem(opened.start, "cloze-unclosed", message, hint)
    return "".join(scan.out)


@dataclass(slots=True)
class _Scan:
    """Reads clozes from left to right."""

    text: str
    at: _At
    marks: Marks
    code: list[tuple[int, int]]
    """Where the code spans of `text` lie."""
    out: list[str] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)

    def problem(self, index: int, rule: str, message: str, hint: str) -> None:
        self.marks.problems.append(Problem(self.at(index, self.text), rule, message, hint))

    def step(self, index: int) -> int:
        """Consume one mark or character at `index`; return the index after it."""
        if opening := _CLOZE.match(self.text, index):
            return self.open(opening)
        if self.stack:
            return self.step_inside(index)
        self.out.append(self.text[index])
        return index + 1

    def open(self, opening: re.Match[str]) -> int:
        index, number = opening.start(), int(opening[1][:9])
        if number == 0 or number > 499:
            message = f"blank number {number} is out of range"
            self.problem(index, "cloze-number", message, "Number blanks from 1 to 499.")
        self.marks.ordinals.add(number)
        self.out.append(_padded(f"{CLOZE_OPEN}{number}{CLOZE_OPENED}", opening[0]))
        in_code = any(start <= index < end for start, end in self.code)
        self.stack.append(_Open(index, in_code, out=len(self.out)))
        return opening.end()

    def step_inside(self, index: int) -> int:
        opened, text = self.stack[-1], self.text
        for literal in (_CODE_SPAN, _MATHS, _FIGURE, _LINK_TARGET):
            span = literal.match(text, index)
            # `::` and braces in code, maths or an address that lies whole inside are plain text.
            if span and not _CLOZE.search(span[0]):
                self.out.append(span[0])
                return span.end()
        if text.startswith("}}", index) and opened.braces == 0:
            self.close()
            return index + 2
        if text.startswith("::", index):
            opened.hint = len(self.out)
            self.out.append("::")
            return index + 2
        opened.braces = max(0, opened.braces + {"{": 1, "}": -1}.get(text[index], 0))
        self.out.append(text[index])
        return index + 1

    def close(self) -> None:
        opened = self.stack.pop()
        body = "".join(self.out[opened.out : opened.hint])
        if not body.strip():
            hint = "Write the text to hide: {{c1::text}}."
            self.problem(opened.start, "cloze-empty", "this blank hides nothing", hint)
        if opened.hint is not None:
            after = "".join(self.out[opened.hint + 1 :])
            if opened.in_code and _CODE_HINT.fullmatch(after):
                self.ambiguous(opened, after)
            self.out[opened.hint] = _padded(CLOZE_HINT, "::")
        self.out.append(_padded(CLOZE_CLOSE, "}}"))

    def ambiguous(self, opened: _Open, after: str) -> None:
        """Report `{{c1::std::max}}` in backticks: Anki would show `max` as the hint."""
        hint = "Put the braces around the backticks: {{c1::`code`}}, or {{c1::`code`::hint}}."
        message = f"`::{unpadded(after)}` could be code or a hint"
        self.problem(opened.start, "cloze-ambiguous", message, hint)
