"""Anki's own renderer, where it is installed.

Owns: the package `anki`, of which this is the sole user. Must not know the site. Nothing is
kept: the collection lies in a temporary folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from warpdeck.model import NoteType, RenderedNote
from warpdeck.preview.template import Face

collection: ModuleType | None
try:
    from anki import buildinfo, collection
except ImportError:  # it is a tool for development, not for building decks
    collection = None

NAME = f"Anki {buildinfo.version}" if collection else "warpdeck's own renderer"
"""What renders the cards, in words."""


class AnkiRenderer:
    """Renders cards in an empty collection that has our note types."""

    def __init__(self, col: Any, note_types: Iterable[NoteType]) -> None:
        """Add `note_types` to `col`, an open collection."""
        self._col = col
        self._types = {note_type.id: self._add(note_type) for note_type in note_types}

    def face(self, note: RenderedNote, ordinal: int) -> Face:
        """Return both sides of card `ordinal` (from 0) of `note`."""
        made = self._col.new_note(self._types[note.note_type])
        made.fields, made.tags = list(note.fields), list(note.tags)
        shown = made.ephemeral_card(ordinal, fill_empty=False).render_output()
        return Face(shown.question_text, shown.answer_text)

    def _add(self, note_type: NoteType) -> Any:
        models = self._col.models
        made = models.new(note_type.name)
        made.update(type=int(note_type.cloze), css=note_type.css, flds=[], tmpls=[])
        for field in note_type.fields:
            models.add_field(made, models.new_field(field.name))
        for template in note_type.templates:
            card = models.new_template(template.name)
            card.update(qfmt=template.front, afmt=template.back)
            models.add_template(made, card)
        models.add(made)
        return models.get(made["id"])


@contextmanager
def opened(note_types: Iterable[NoteType]) -> Iterator[AnkiRenderer | None]:
    """Yield Anki's renderer with `note_types`, None where Anki is not installed."""
    if collection is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="warpdeck-anki-") as folder:
        col = collection.Collection(str(Path(folder) / "collection.anki2"))
        try:
            yield AnkiRenderer(col, note_types)
        finally:
            col.close()
