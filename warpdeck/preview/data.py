"""The gallery's data files.

Owns: their names, their form, and that nothing in a note can end one early. Must not know
pages or how cards are made.

They are scripts that hand over one value each, not JSON: a page opened from a disk may load
scripts, but not fetch files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

from warpdeck.preview.cards import Card

FOLDER = "data"
# `<` could end a script or open a comment; the other two end a line of JavaScript in old browsers.
_ESCAPES = (("<", "\\u003c"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


def files(cards: Sequence[Card]) -> dict[str, bytes]:
    """Return path → bytes of the data of `cards`, which come topic by topic.

    For each language: what lists and filters need, what a search needs; and for each topic
    the HTML of its cards.
    """
    made: dict[str, bytes] = {}
    for language in sorted({card.language for card in cards}):
        mine = [card for card in cards if card.language == language]
        made |= _file(f"index.{language}", map(_listed, mine))
        made |= _file(f"search.{language}", _searched(mine))
        for topic, group in groupby(mine, key=lambda card: card.topic):
            made |= _script(f"cards.{topic}.{language}", map(_shown, group))
    return made


def value(name: str, data: Mapping[str, Any]) -> dict[str, bytes]:
    """Return path → bytes of a file that hands over one object."""
    return {f"{FOLDER}/{name}.js": f'warpdeckData("{name}",{_json(data)});\n'.encode()}


def _file(name: str, rows: Iterable[Any]) -> dict[str, bytes]:
    return _script(name, map(_json, rows))


def _script(name: str, rows: Iterable[str]) -> dict[str, bytes]:
    # A row a line: a changed card is a changed line.
    text = ",\n".join(rows)
    return {f"{FOLDER}/{name}.js": f'warpdeckData("{name}",[\n{text}\n]);\n'.encode()}


def _json(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    for char, escape in _ESCAPES:
        text = text.replace(char, escape)
    return text


def _listed(card: Card) -> list[Any]:
    return [card.note, card.ordinal, card.topic, card.kind, card.level, card.title]


def _searched(cards: Iterable[Card]) -> Iterable[list[str]]:
    """Yield note and text; the cards of a note hold the same text."""
    for note, group in groupby(cards, key=lambda card: card.note):
        yield [note, next(group).text.lower()]


@lru_cache(maxsize=1 << 16)
def _shown(card: Card) -> str:
    """Return a card; its answer goes on where the question's HTML ends to be the same.

    Remembered, since a live preview writes all cards of a topic when one has changed.
    """
    same = card.front[: card.alike]
    units = len(same.encode("utf-16-le")) // 2  # JavaScript's length of it
    back = card.back[card.alike :]
    return _json([card.note, card.ordinal, card.front, units, back, card.expected])
