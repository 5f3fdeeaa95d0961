"""Words of a note for which the glossary has another.

Owns: finding them in prose, and saying which word to write. Must not know where the glossary
is read, printing, or the other rules of lint.py.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from warpdeck import markup
from warpdeck.model import Location, Note, Problem, Term

# What is no prose besides code: the target of a link, an address, a tag of HTML, a formula.
_NO_PROSE = re.compile(
    r"\]\([^()\s]*\)|https?://\S+|</?[A-Za-z][^<>\n]*>"
    r"|\$\$.+?\$\$|(?<![\\$])\$(?!\s)[^$\n]+?(?<!\s)\$",
    re.DOTALL,
)
# Marks that may stand in the midst of a word, and are not part of it.
_MARKS = re.compile(
    rf"{markup.CLOZE_OPEN}\d+{markup.CLOZE_OPENED}|[{markup.CLOZE_CLOSE}{markup.PAD}*]"
)


def problems(note: Note, glossary: Sequence[Term]) -> Iterator[Problem]:
    """Yield a problem for each word of `note` that the glossary does not want."""
    words = _words(tuple(glossary), note.language)
    if words is None:
        return
    for text, line in (
        (note.heading, note.at.line),
        (note.front, note.front_line),
        (note.back, note.back_line),
    ):
        for found, index in words.wrong_in(text):
            at = Location(
                note.at.path,
                line + text.count("\n", 0, index),
                index - text.rfind("\n", 0, index),
            )
            message = f"'{found}' is not the glossary's word"
            yield Problem(at, "glossary", message, f"Write '{words.right(found)}'.")


@dataclass(frozen=True, slots=True)
class _Words:
    """The glossary of one language, ready to search with."""

    pattern: re.Pattern[str]
    """Every word of it, right ones too: a wrong word inside a right one is no mistake."""
    instead: dict[str, str]
    """Wrong word, case folded → right word."""

    def wrong_in(self, text: str) -> Iterator[tuple[str, int]]:
        """Yield each wrong word of marked Markdown and the index at which it begins."""
        prose, places = _prose(text)
        folded = _key(prose)
        if not any(word in folded for word in self.instead):
            return  # as in nearly every text, and far quicker than the pattern
        for match in self.pattern.finditer(prose):
            if _key(match[0]) in self.instead:
                yield " ".join(match[0].split()), places(match.start())

    def right(self, wrong: str) -> str:
        """Return the word to write for `wrong`."""
        return self.instead[_key(wrong)]


@lru_cache(maxsize=8)
def _words(glossary: tuple[Term, ...], language: str) -> _Words | None:
    """Return the words of `language`, None where none is unwanted."""
    instead: dict[str, str] = {}
    known: set[str] = set()
    for term in glossary:
        right = dict(term.words).get(language)
        if right is None:
            continue
        known.add(right)
        instead |= {_key(word): right for of, word in term.wrong if of == language}
    if not instead:
        return None
    longest_first = sorted({*known, *instead}, key=lambda word: (-len(word), word))
    return _Words(re.compile("|".join(map(_pattern, longest_first)), re.IGNORECASE), instead)


def _key(word: str) -> str:
    return " ".join(word.split()).casefold()


def _pattern(word: str) -> str:
    """Return a pattern for `word`: whole, where it is written in Latin letters."""
    text = r"\s+".join(map(re.escape, word.split()))
    before = r"(?<![A-Za-z0-9_])" if re.match(r"\w", word, re.ASCII) else ""
    after = r"(?![A-Za-z0-9_])" if re.search(r"\w$", word, re.ASCII) else ""
    return before + text + after


class _Places:
    """Where the characters of a text stood before pieces of it were dropped."""

    def __init__(self, kept: Sequence[tuple[int, str]]) -> None:
        self._origins = [origin for origin, _ in kept]
        self._starts = [0, *accumulate(len(piece) for _, piece in kept)][:-1]

    def __call__(self, index: int) -> int:
        piece = bisect_right(self._starts, index) - 1
        return self._origins[piece] + index - self._starts[piece]


def _prose(text: str) -> tuple[str, _Places]:
    """Return the words of marked Markdown, and where each character of them stands in it."""
    for start, end in markup.code_spans(text):
        text = text[:start] + _blanked(text[start:end]) + text[end:]
    text = _NO_PROSE.sub(lambda match: _blanked(match[0]), text)
    kept, at = [], 0
    for mark in _MARKS.finditer(text):
        if mark.start() > at:
            kept.append((at, text[at : mark.start()]))
        at = mark.end()
    kept.append((at, text[at:]))
    return "".join(piece for _, piece in kept), _Places(kept)


def _blanked(text: str) -> str:
    """Return `text` as characters that are part of no word, as many of them."""
    return re.sub(r"[^\n]", markup.OPEN, text)
