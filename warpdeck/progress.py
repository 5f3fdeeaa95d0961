"""Showing that long work goes on.

Owns: a bar on a terminal, plain lines elsewhere, all on stderr. Must not know what the
work is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TextIO, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Item = TypeVar("Item")

_LINES = 4
"""How many plain lines a stage prints at most: a log should stay readable."""


class Reporter:
    """Says what is done, one stage after another."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to `stream`, standard error by default."""
        self._console = Console(file=stream or sys.stderr, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, markup=False)

    def track(self, title: str, items: Sequence[Item]) -> Iterator[Item]:
        """Yield `items`, showing how many are done."""
        if self._console.is_terminal:
            yield from self._bar(title, items)
        else:
            yield from self._plain(title, items)

    def _bar(self, title: str, items: Sequence[Item]) -> Iterator[Item]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=self._console) as progress:
            task = progress.add_task(title, total=len(items))
            for item in items:
                yield item
                progress.advance(task)

    def _plain(self, title: str, items: Sequence[Item]) -> Iterator[Item]:
        every = max(1, -(-len(items) // _LINES))
        for number, item in enumerate(items, 1):
            yield item
            if number % every == 0 or number == len(items):
                self.say(f"{title}: {number}/{len(items)}")


def counted(number: int, noun: str) -> str:
    """Return `1 note`, `2 notes`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
