"""The real Anki backend in a box: import, study, look inside.

For tests alone. Must not know how warpdeck makes a package.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anki import import_export_pb2 as ie
from anki.collection import Collection
from anki.decks import DeckId

TEMPLATE_ERRORS = (
    "template has a problem",
    "Missing field",
    "unknown field",
    "No cloze",
    "Found '{{",
    "blank on this card",
    "front of this card is blank",
)
"""What Anki writes into a card that it cannot render."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What an import did to each note of the file."""

    new: int
    updated: int
    duplicate: int
    conflicting: int


@dataclass(frozen=True, slots=True)
class Face:
    """A rendered card; `front` and `back` are the HTML of the two sides."""

    guid: str
    ordinal: int
    front: str
    back: str


class AnkiBox:
    """One learner's collection."""

    def __init__(self, folder: Path) -> None:
        """Open the collection in `folder`, a new one if there is none."""
        self.folder = folder
        self.col = Collection(str(folder / "collection.anki2"))
        self.db: Any = self.col.db

    def close(self) -> None:
        """Close the collection."""
        self.col.close()

    def load(self, package: bytes, **options: bool) -> Counts:
        """Import `package` as a click on "Import" does; `options` change single defaults."""
        path = self.folder / "shared.apkg"
        path.write_bytes(package)
        chosen = self.col._backend.get_import_anki_package_presets()
        for name, value in options.items():
            setattr(chosen, name, value)
        request = ie.ImportAnkiPackageRequest(package_path=str(path), options=chosen)
        log = self.col.import_anki_package(request).log
        self.col.models._clear_cache()
        return Counts(len(log.new), len(log.updated), len(log.duplicate), len(log.conflicting))

    # --- studying ---

    def study(self, cards: int, deck: str | None = None) -> int:
        """Answer up to `cards` due cards "Good"; return how many there were."""
        if deck is not None:
            self.col.decks.select(self.col.decks.id_for_name(deck) or DeckId(1))
        done = 0
        while done < cards and (card := self.col.sched.getCard()):
            self.col.sched.answerCard(card, 3)
            done += 1
        return done

    # --- looking ---

    def rows(self) -> dict[str, list[Any]]:
        """Return every scheduling row, card by guid and ordinal, and every review."""
        cards = self.db.all(
            "select n.guid, c.ord, c.id, c.did, c.type, c.queue, c.due, c.ivl, c.factor, c.reps,"
            " c.lapses, c.left, c.odue, c.odid, c.flags, c.data from cards c"
            " join notes n on n.id = c.nid order by n.guid, c.ord"
        )
        return {"cards": cards, "revlog": self.db.all("select * from revlog order by id")}

    def scm(self) -> int:
        """Return the time of the last change that forces a full sync, in milliseconds."""
        return int(self.db.scalar("select scm from col"))

    def guids(self) -> set[str]:
        """Return the guids of all notes."""
        return set(self.db.list("select guid from notes"))

    def fields(self, guid: str) -> list[str]:
        """Return the fields of a note."""
        stored = self.db.scalar("select flds from notes where guid = ?", guid)
        return str(stored).split("\x1f")

    def tags(self, guid: str) -> list[str]:
        """Return the tags of a note."""
        return str(self.db.scalar("select tags from notes where guid = ?", guid)).split()

    def decks(self) -> set[str]:
        """Return the names of all decks but the default one."""
        return {deck.name for deck in self.col.decks.all_names_and_ids()} - {"Default"}

    def deck_of(self, guid: str) -> set[str]:
        """Return the names of the decks that hold a note's cards."""
        ids = self.db.list(
            "select did from cards where nid = (select id from notes where guid = ?)", guid
        )
        return {self.col.decks.name(deck) for deck in ids}

    def orphans(self) -> list[str]:
        """Return the guids of notes without a card: no learner would ever see them."""
        query = "select guid from notes where id not in (select nid from cards) order by guid"
        return list(self.db.list(query))

    def empty_cards(self) -> int:
        """Return how many cards Tools → Empty Cards would delete."""
        report = self.col.get_empty_cards()
        return sum(len(note.card_ids) for note in report.notes)

    def faces(self, query: str = "") -> list[Face]:
        """Render both sides of every card that `query` finds."""
        found = []
        for card_id in self.col.find_cards(query, order="c.id asc"):
            card = self.col.get_card(card_id)
            guid = card.note().guid
            found.append(Face(guid, card.ord, card.question(), card.answer()))
        return found

    def template_errors(self) -> list[str]:
        """Return `guid/ordinal: message` for each side that Anki could not render."""
        pattern = re.compile("|".join(map(re.escape, TEMPLATE_ERRORS)))
        return [
            f"{face.guid}/{face.ordinal}: {match[0]}"
            for face in self.faces()
            for side in (face.front, face.back)
            if (match := pattern.search(side))
        ]


@contextmanager
def fresh() -> Iterator[AnkiBox]:
    """Yield an empty collection that vanishes afterwards."""
    with tempfile.TemporaryDirectory(prefix="ankibox-") as folder:
        box = AnkiBox(Path(folder))
        try:
            yield box
        finally:
            box.close()
