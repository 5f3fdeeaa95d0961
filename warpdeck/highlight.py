"""Code becomes highlighted HTML.

Owns: Pygments tokens to `<span class>`, blanks and line marks cut into them. The text shown
is the code, character for character, but for lines left out on purpose. Must not know where
the code comes from, or note types.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, Token, _TokenType
from pygments.util import ClassNotFound

from warpdeck import ankitext
from warpdeck.lines import Lines
from warpdeck.model import Blank
from warpdeck.snippets import SnippetError

# Names and punctuation keep the text's colour: a span around each would double the size
# of a card and show nothing.
_UNMARKED = {"", "n", "p", "w", "nx", "err", "x"}
_PLAIN = {"", "text", "plain", "output", "none"}


@dataclass(frozen=True, slots=True)
class Hidden:
    """Characters `start` to `end` of the code are blank `ordinal`."""

    start: int
    end: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class Marked:
    """Whole lines to set apart; a `label` stands in the place of lines left out."""

    lines: Lines
    css: str
    label: str = ""


def knows(language: str) -> bool:
    """Return whether there is a lexer for `language`."""
    return language in _PLAIN or _lexer(language) is not None


def locate(code: str, blanks: Iterable[Blank]) -> tuple[Hidden, ...]:
    """Return the places of `blanks` in `code`, in order.

    Raises SnippetError where a text is not found, is found more often than the blank
    says, or two blanks overlap.
    """
    found: list[Hidden] = []
    for blank in blanks:
        starts = _occurrences(code, blank.text)
        if blank.occurrence is None and len(starts) != 1:
            raise SnippetError("blank-not-found", *_wrong_count(blank, len(starts)))
        if blank.occurrence is not None and not 0 <= blank.occurrence <= len(starts) > 0:
            raise SnippetError("blank-not-found", *_wrong_count(blank, len(starts)))
        chosen = [starts[blank.occurrence - 1]] if blank.occurrence else starts
        found += [Hidden(s, s + len(blank.text), blank.ordinal) for s in chosen]
    found.sort(key=lambda hidden: hidden.start)
    for one, other in pairwise(found):
        if other.start < one.end:
            raise SnippetError(
                "blank-overlap",
                f"blanks c{one.ordinal} and c{other.ordinal} overlap",
                "Choose texts that do not share characters.",
            )
    return tuple(found)


def to_html(
    code: str,
    language: str,
    hidden: Sequence[Hidden] = (),
    marked: Sequence[Marked] = (),
    *,
    cloze: bool = False,
) -> str:
    """Return the HTML of `code`: spans with Pygments' classes, blanks as Anki's clozes.

    `hidden` and `marked` are in order and do not overlap each other (see `check_marks`).
    `cloze` says that it goes into a cloze field. An unknown language is shown unmarked.
    """
    lexer = _lexer(language)
    tokens = list(_merged(_tokens(lexer, code) if lexer else [(Token.Text, code)]))
    parts: list[str] = []
    position = 0
    for mark in marked:
        lines = mark.lines
        parts += _spans(_between(tokens, position, lines.start), position, hidden, cloze)
        inside = _spans(_between(tokens, lines.start, lines.end), lines.start, hidden, cloze)
        parts += [f'<span class="{mark.css}">', *_labelled(mark, inside, code), "</span>"]
        position = lines.end
    parts += _spans(_between(tokens, position, len(code)), position, hidden, cloze)
    return ankitext.exact("".join(parts))


def check_marks(hidden: Iterable[Hidden], marked: Iterable[Marked]) -> None:
    """Raise SnippetError where a blank stands in, or reaches into, marked lines."""
    for mark in marked:
        for blank in hidden:
            if blank.start < mark.lines.end and mark.lines.start < blank.end:
                message = f"blank c{blank.ordinal} is in lines that the card leaves out"
                raise SnippetError("blank-hidden", message, "Hide other lines, or blank others.")


def _labelled(mark: Marked, inside: list[str], code: str) -> list[str]:
    if not mark.label:
        return inside
    newline = "\n" if code[mark.lines.end - 1 : mark.lines.end] == "\n" else ""
    return [ankitext.plain(mark.label, cloze=True), newline]


def _between(tokens: Iterable[tuple[str, str]], start: int, end: int) -> Iterable[tuple[str, str]]:
    """Yield what lies from `start` to `end` of (class, text) pieces."""
    position = 0
    for css, text in tokens:
        low, high = max(start, position), min(end, position + len(text))
        if low < high:
            yield css, text[low - position : high - position]
        position += len(text)


def _spans(
    tokens: Iterable[tuple[str, str]], position: int, hidden: Sequence[Hidden], cloze: bool
) -> list[str]:
    """Return the HTML of (class, text) pieces that begin at `position` of the code."""
    parts: list[str] = []
    for css, text in tokens:
        for piece, blank, opens, closes in _cut(position, text, hidden):
            parts.append(f"{{{{c{blank.ordinal}::" if blank and opens else "")
            shown = ankitext.plain(piece, cloze=cloze, hidden=blank is not None)
            parts.append(f'<span class="{css}">{shown}</span>' if css else shown)
            parts.append("}}" if closes else "")
        position += len(text)
    return parts


def _tokens(lexer: Lexer, code: str) -> Iterable[tuple[_TokenType, str]]:
    """Yield the tokens of `code`, lexed with a newline at its end and without it again.

    Many lexers know the end of a line comment by its newline alone.
    """
    if code.startswith("\ufeff"):  # Pygments would drop it
        yield Token.Text, code
        return
    left = len(code)
    for kind, value in lexer.get_tokens(code + "\n"):
        yield kind, value[:left]
        left -= len(value)
        if left <= 0:
            return


def _occurrences(code: str, text: str) -> list[int]:
    starts = []
    start = code.find(text)
    while start >= 0:
        starts.append(start)
        start = code.find(text, start + len(text))
    return starts


def _wrong_count(blank: Blank, count: int) -> tuple[str, str]:
    if count == 0:
        return (
            f"blank c{blank.ordinal}: `{blank.text}` is not in this code",
            "Copy the text to hide exactly as it stands in the code now.",
        )
    choices = ", ".join(f"@{n}" for n in range(1, min(count, 4) + 1))
    return (
        f"blank c{blank.ordinal}: `{blank.text}` is in this code {count} times",
        f"Say which: {choices} or @all before the text, or take more of the line.",
    )


def _merged(tokens: Iterable[tuple[_TokenType, str]]) -> Iterable[tuple[str, str]]:
    """Yield (class, text), neighbours of one class in one piece."""
    css, text = "", ""
    for kind, value in tokens:
        if not value:
            continue
        wanted = _css_class(kind)
        if wanted == css:
            text += value
        else:
            if text:
                yield css, text
            css, text = wanted, value
    if text:
        yield css, text


@cache
def _css_class(kind: _TokenType) -> str:
    while kind not in STANDARD_TYPES and kind.parent is not None:
        kind = kind.parent
    css = STANDARD_TYPES.get(kind, "")
    return "" if css in _UNMARKED else css


def _cut(
    position: int, text: str, hidden: Sequence[Hidden]
) -> Iterable[tuple[str, Hidden | None, bool, bool]]:
    """Yield (piece, its blank, whether the blank begins there, whether it ends there)."""
    end = position + len(text)
    at = position
    for blank in hidden:
        start, stop = max(blank.start, at), min(blank.end, end)
        if start >= stop:
            continue
        if start > at:
            yield text[at - position : start - position], None, False, False
        piece = text[start - position : stop - position]
        yield piece, blank, start == blank.start, stop == blank.end
        at = stop
    if at < end:
        yield text[at - position :], None, False, False


@cache
def _lexer(language: str) -> Lexer | None:
    if language in _PLAIN:
        return None
    try:
        # Pygments would add a newline and strip empty lines: the text must stay as it is.
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
