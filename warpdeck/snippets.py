"""Anchored regions of code files, and exact edits of them.

Owns: `// ANCHOR: x` … `// ANCHOR_END: x` (mdBook's syntax), nested or overlapping; applying
an `Edit`. Works on text alone. Must not know: Markdown, nvcc, receipts.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from warpdeck.model import Edit, Location, Problem

_ANCHOR = re.compile(r"(?:^|\s)(?://|#|/\*|--|;)\s*ANCHOR:\s*([\w-]+)")
_ANCHOR_END = re.compile(r"(?:^|\s)(?://|#|/\*|--|;)\s*ANCHOR_END:\s*([\w-]+)")


class SnippetError(ValueError):
    """A region or an edit that cannot be had; `message` and `hint` are ready for a Problem."""

    def __init__(self, rule: str, message: str, hint: str) -> None:
        """Hold the three parts of the coming Problem."""
        super().__init__(f"{message}. {hint}")
        self.rule, self.message, self.hint = rule, message, hint

    def at(self, location: Location) -> Problem:
        """Return the Problem at `location`."""
        return Problem(location, self.rule, self.message, self.hint)


def anchors(text: str) -> tuple[str, ...]:
    """Return the names of all anchors of `text`, in order of opening."""
    return tuple(m[1] for line in text.split("\n") if (m := _ANCHOR.search(line)))


def check_anchors(path: str, text: str) -> list[Problem]:
    """Return a problem for each anchor that is unclosed, opened twice, or closed unopened."""
    opened: dict[str, int] = {}
    closed: set[str] = set()
    problems = []
    for number, line in enumerate(text.split("\n"), 1):
        at = Location(path, number, 1)
        if match := _ANCHOR.search(line):
            if match[1] in opened:
                problems.append(
                    Problem(
                        at,
                        "anchor-twice",
                        f"anchor '{match[1]}' opens a second time (first on line "
                        f"{opened[match[1]]})",
                        "Give one of the two another name.",
                    )
                )
            opened.setdefault(match[1], number)
        elif match := _ANCHOR_END.search(line):
            if match[1] not in opened or match[1] in closed:
                hint = did_you_mean(match[1], [name for name in opened if name not in closed])
                problems.append(
                    Problem(
                        at,
                        "anchor-end",
                        f"ANCHOR_END '{match[1]}' closes nothing",
                        hint or f"Open it above with `// ANCHOR: {match[1]}`.",
                    )
                )
            closed.add(match[1])
    for name, number in opened.items():
        if name not in closed:
            problems.append(
                Problem(
                    Location(path, number, 1),
                    "anchor-unclosed",
                    f"anchor '{name}' is never closed",
                    f"Add `// ANCHOR_END: {name}` after its last line.",
                )
            )
    return problems


def region(text: str, anchor: str) -> str:
    """Return the lines between `ANCHOR: anchor` and its end, all marker lines dropped.

    The lines are as in the file, indentation and tabs included; the last one ends
    without a newline. Raises SnippetError where the anchor is unknown or the region empty.
    """
    lines = _lines(text)
    first = next((n for n, ln in enumerate(lines) if _names(_ANCHOR, ln, anchor)), None)
    if first is None:
        raise SnippetError(
            "unknown-anchor",
            f"there is no anchor '{anchor}'",
            did_you_mean(anchor, anchors(text)) or f"Mark it with `// ANCHOR: {anchor}`.",
        )
    inside: list[str] = []
    for line in lines[first + 1 :]:
        if _names(_ANCHOR_END, line, anchor):
            break
        if not (_ANCHOR.search(line) or _ANCHOR_END.search(line)):
            inside.append(line)
    else:
        raise SnippetError(
            "unclosed-anchor",
            f"anchor '{anchor}' is never closed",
            f"Add `// ANCHOR_END: {anchor}` after its last line.",
        )
    code = "".join(inside)
    if not code.strip():
        raise SnippetError(
            "empty-anchor",
            f"anchor '{anchor}' holds no code",
            "Put the marker lines around the code to show.",
        )
    return code.removesuffix("\n").removesuffix("\r")


def line_numbers(text: str, anchor: str) -> tuple[int, int]:
    """Return the first and the last line, 1-based, between `ANCHOR: anchor` and its end.

    Raises SnippetError like `region`.
    """
    region(text, anchor)
    lines = _lines(text)
    first = next(n for n, ln in enumerate(lines) if _names(_ANCHOR, ln, anchor))
    last = next(n for n, ln in enumerate(lines) if n > first and _names(_ANCHOR_END, ln, anchor))
    return first + 2, last


def anchored_lines(text: str) -> list[tuple[int, str]]:
    """Return number (from 1) and text of each line inside an anchor, marker lines left out."""
    opened: set[str] = set()
    inside = []
    for number, line in enumerate(text.split("\n"), 1):
        if match := _ANCHOR.search(line):
            opened.add(match[1])
        elif match := _ANCHOR_END.search(line):
            opened.discard(match[1])
        elif opened:
            inside.append((number, line))
    return inside


def without_markers(text: str) -> str:
    """Return the whole file's text, all marker lines dropped."""
    kept = [line for line in _lines(text) if not (_ANCHOR.search(line) or _ANCHOR_END.search(line))]
    return "".join(kept).removesuffix("\n").removesuffix("\r")


def apply_edits(code: str, edits: Iterable[Edit]) -> str:
    """Return `code` with each edit made, in order.

    Raises SnippetError where `find` does not occur, or occurs more than once.
    """
    for edit in edits:
        count = code.count(edit.find)
        if count != 1:
            raise SnippetError(
                "edit-not-found" if count == 0 else "edit-ambiguous",
                f"`{edit.find}` occurs {count} times in the code that it should change",
                "Copy the text exactly as it stands there, with enough around it to be unique.",
            )
        code = code.replace(edit.find, edit.replace)
    return code


def apply_edits_in_region(text: str, anchor: str, edits: Sequence[Edit]) -> str:
    """Return the whole file `text` with `edits` made inside the region `anchor` alone.

    Marker lines inside the region are dropped. Raises SnippetError like `region` and
    `apply_edits`.
    """
    edited = apply_edits(region(text, anchor), edits)
    first, last = line_numbers(text, anchor)
    lines = _lines(text)
    return "".join(lines[: first - 1]) + edited + "\n" + "".join(lines[last:])


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "Did you mean 'x'?" for the known name nearest to `name`, or an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'?" if near else ""


def _lines(text: str) -> list[str]:
    # Not str.splitlines: a form feed or U+2028 inside code is no line end for a compiler.
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _names(pattern: re.Pattern[str], line: str, anchor: str) -> bool:
    match = pattern.search(line)
    return match is not None and match[1] == anchor
