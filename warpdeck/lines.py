"""Whole lines of a snippet that a card marks as changed or leaves out.

Owns: finding them, as character ranges that end with their newline (the last line of the
code has none). Works on text alone. Must not know Markdown, HTML or where code comes from.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from warpdeck.model import Hide
from warpdeck.snippets import SnippetError

REWRITTEN = 0.75
"""Share of changed lines above which code counts as new."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Characters `start` to `end` of the code, `count` whole lines."""

    start: int
    end: int
    count: int


def changed(before: str, code: str) -> tuple[Lines, ...]:
    """Return the lines of `code` that `before` does not have; indentation does not count.

    Lines that were only taken away leave nothing to mark, and neither does code that was
    rewritten: marks on more than REWRITTEN of its lines would say nothing.
    """
    old, new = ([line.strip() for line in text.split("\n")] for text in (before, code))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    runs = [(low, high) for tag, _, _, low, high in matcher.get_opcodes() if tag != "equal"]
    starts = _starts(code)
    trimmed = [_without_empty(new, low, high) for low, high in runs]
    found = tuple(_range(starts, low, high) for low, high in trimmed if low < high)
    return found if sum(run.count for run in found) <= REWRITTEN * len(new) else ()


def hidden(code: str, hides: Iterable[Hide]) -> tuple[Lines, ...]:
    """Return the lines that `hides` name, in order.

    Raises SnippetError where a text is on no line or on several, where the last line stands
    above the first, where two hides overlap, and where nothing would be left to see.
    """
    found: list[Lines] = []
    starts = _starts(code)
    lines = code.split("\n")
    for hide in hides:
        first, last = _only(lines, hide.first), _only(lines, hide.last)
        if last < first:
            message = f"`{hide.last}` stands above `{hide.first}`"
            raise SnippetError("hide-order", message, "Name the upper line first.")
        found.append(_range(starts, first, last + 1))
    found.sort(key=lambda lines: lines.start)
    if any(other.start < one.end for one, other in pairwise(found)):
        raise SnippetError("hide-overlap", "two hides overlap", "Make one of them.")
    if sum(one.count for one in found) == len(lines):
        raise SnippetError("hide-all", "no line of this code is left", "Hide fewer lines.")
    return tuple(found)


def _starts(code: str) -> list[int]:
    """Return where each line begins, and the end of the code."""
    lengths = [len(line) + 1 for line in code.split("\n")]
    return [0, *accumulate(lengths[:-1]), len(code)]


def _range(starts: list[int], first: int, after: int) -> Lines:
    return Lines(starts[first], starts[after], after - first)


def _without_empty(lines: list[str], low: int, high: int) -> tuple[int, int]:
    while low < high and not lines[low]:
        low += 1
    while low < high and not lines[high - 1]:
        high -= 1
    return low, high


def _only(lines: list[str], text: str) -> int:
    """Return the number of the one line that holds `text`."""
    found = [number for number, line in enumerate(lines) if text in line]
    if len(found) == 1:
        return found[0]
    message = f"hide: `{text}` is on {len(found) or 'no'} line{'s' * (len(found) > 1)} of this code"
    hint = "Copy text that stands on exactly one line of it."
    raise SnippetError("hide-not-found", message, hint)
