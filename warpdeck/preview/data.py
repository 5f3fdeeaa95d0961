"""The gallery's data files.

Owns: their names, their form, and that nothing in a note can end one early. Must not know
pages or how cards are made.

They are scripts that hand over one value each, not JSON: a page opened from a disk may load
scripts, but not fetch files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from warpdeck.preview.cards import Card

FOLDER = "data"
# `<` could end a script or open a comment; the other two end a line of JavaScript in old browsers.
_ESCAPES = str.maketrans({"<": "\\u003c", "\u2028": "\\u2028", "\u2029": "\\u2029"})


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
            made |= _file(f"cards.{topic}.{language}", map(_shown, group))
    return made


def value(name: str, data: Mapping[str, Any]) -> dict[str, bytes]:
    """Return path → bytes of a file that hands over one object."""
    return {f"{FOLDER}/{name}.js": f'warpdeckData("{name}",{_json(data)});\n'.encode()}


def _file(name: str, rows: Iterable[Any]) -> dict[str, bytes]:
    # A row a line: a changed card is a changed line.
    text = ",\n".join(map(_json, rows))
    return {f"{FOLDER}/{name}.js": f'warpdeckData("{name}",[\n{text}\n]);\n'.encode()}


def _json(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.translate(_ESCAPES)


def _listed(card: Card) -> list[Any]:
    return [card.note, card.ordinal, card.topic, card.kind, card.level, card.title]


def _searched(cards: Iterable[Card]) -> Iterable[list[str]]:
    """Yield note and text; the cards of a note hold the same text."""
    for note, group in groupby(cards, key=lambda card: card.note):
        yield [note, next(group).text.lower()]


def _shown(card: Card) -> list[Any]:
    """Return a card; its answer goes on where the question's HTML ends to be the same."""
    same = card.front[: card.alike]
    units = len(same.encode("utf-16-le")) // 2  # JavaScript's length of it
    return [card.note, card.ordinal, card.front, units, card.back[card.alike :], card.expected]
