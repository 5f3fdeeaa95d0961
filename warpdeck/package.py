"""Stamped notes become an .apkg, the same bytes on every machine.

Owns: Anki's file format, by way of genanki, of which this is the sole user; the ZIP around
it. Must not know: Markdown, CUDA, where ids and times come from, any path of the project.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import sqlite3
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

import deflate
import genanki
import stream_zip
from genanki.apkg_col import APKG_COL
from genanki.apkg_schema import APKG_SCHEMA

from warpdeck.model import (
    Deck,
    Location,
    NoteType,
    Problem,
    StampedNote,
    StampedNoteType,
    WarpdeckError,
)

_PAGE = 4096
"""Bytes of a database page; SQLite's usual default, but a build of it may choose another."""

_LEVEL = 6
"""libdeflate's: packages of 2,000 and 10,000 notes came out 1.05 times as large as zlib's level 6
makes them, in under half its time; level 7 saves 5 % of the size and takes twice as long."""


def build(decks: Sequence[Deck], note_types: Sequence[StampedNoteType]) -> bytes:
    """Return the .apkg that holds `decks`.

    Equal arguments give equal bytes, whatever the time, time zone, hash seed, umask, Python,
    SQLite or zlib. Note types that no note uses are left out. Raises ValueError where the
    notes and note types do not fit each other: the caller's mistake, not the author's.
    """
    _check(decks, note_types)
    return _zip({"collection.anki2": _database(decks, note_types), "media": b"{}"})


def name_problem(path: PurePath) -> Problem | None:
    """Return the problem of a package file called `path`, None where it has none.

    Anki takes some names for a backup of everything: on opening one it offers to replace the
    learner's whole collection.
    """
    name = path.name.lower()
    if name.endswith(".apkg") and name != "collection.apkg" and not name.startswith("backup-"):
        return None
    return Problem(
        Location(path.as_posix()),
        "package-name",
        f"Anki would not take '{path.name}' for a shared deck but for a backup, or not at all",
        "Give it a name that ends in .apkg, does not begin with 'backup-' and is not "
        "'collection.apkg'.",
    )


def deck_id(name: str) -> int:
    """Return the id of the deck called `name`: 13 digits, like a time of 2001 to 2017.

    Anki matches decks by name and ignores it; it only has to be valid and constant.
    """
    digest = hashlib.sha256(name.encode()).digest()
    return 10**12 + int.from_bytes(digest[:8], "big") % (5 * 10**11)


def _check(decks: Sequence[Deck], note_types: Sequence[StampedNoteType]) -> None:
    """Raise ValueError for what genanki would write and Anki would import as damage."""
    known = {stamped.note_type.id: stamped.note_type for stamped in note_types}
    guids: set[str] = set()
    rows: set[int] = set()
    for deck in decks:
        for stamped in deck.notes:
            _check_note(stamped, known, guids)
            ids = {stamped.note_id + 1 + ordinal for ordinal in stamped.note.ordinals}
            if not rows.isdisjoint(ids):
                raise ValueError(f"{stamped.note.at}: its card ids meet another note's")
            guids.add(stamped.note.guid)
            rows |= ids


def _check_note(stamped: StampedNote, known: dict[int, NoteType], guids: set[str]) -> None:
    """Raise ValueError where the note cannot go into the package."""
    note = stamped.note
    if note.note_type not in known:
        raise ValueError(f"{note.at}: unknown note type {note.note_type}")
    if len(note.fields) != len(known[note.note_type].fields):
        raise ValueError(f"{note.at}: {len(note.fields)} fields, its note type has others")
    if not note.ordinals:
        raise ValueError(f"{note.at}: without a card Anki would hide the note for ever")
    if not known[note.note_type].cloze and max(note.ordinals) >= len(
        known[note.note_type].templates
    ):
        raise ValueError(f"{note.at}: a card without a template")
    if note.guid in guids:
        raise ValueError(f"{note.at}: guid {note.guid} stands twice in the package")


# --- what genanki leaves open, by subclasses ---------------------------------


class _Model(genanki.Model):  # type: ignore[misc]  # genanki is untyped
    """A note type with ids on fields and templates, and a modification time of its own."""

    def __init__(self, stamped: StampedNoteType) -> None:
        """Translate to genanki's dictionaries."""
        note_type = stamped.note_type
        super().__init__(
            note_type.id,
            note_type.name,
            # Without the constant ids Anki would take a rename for a new schema.
            [{"name": field.name, "id": field.id} for field in note_type.fields],
            [
                {"name": t.name, "id": t.id, "qfmt": t.front, "afmt": t.back}
                for t in note_type.templates
            ],
            note_type.css,
            self.CLOZE if note_type.cloze else self.FRONT_BACK,
        )
        self._mod = stamped.mod

    _req: tuple[()] = ()
    """Which fields a card needs: Anki works it out itself, and genanki's guess is slow."""

    def to_json(self, timestamp: float, deck_id: int | None) -> dict[str, Any]:
        """Put the ledger's time in place of the time of the build."""
        stored: dict[str, Any] = super().to_json(self._mod, None)
        return stored


class _Note(genanki.Note):  # type: ignore[misc]  # genanki is untyped
    """A note whose ids, time and cards are given, not made up while writing."""

    def __init__(self, stamped: StampedNote, model: _Model) -> None:
        """Translate to genanki's words."""
        note = stamped.note
        self._plain = _plain(note.fields[0])
        super().__init__(model, list(note.fields), self._plain, note.tags, note.guid, stamped.due)
        self._stamped = stamped

    @property
    def cards(self) -> list[genanki.Card]:
        """Return the cards that Anki will make, not those that genanki's regex finds.

        A retired note brings none. Whoever has it keeps the cards and gets the last update;
        whoever has not gets a note without cards, which no review ever shows. (Suspended
        cards would not do: an import without scheduling makes them new. Check Database, should
        the learner ever run it, gives such notes their cards after all, in the default deck.)
        """
        note = self._stamped.note
        return [] if note.retired else [genanki.Card(ordinal) for ordinal in note.ordinals]

    def _check_invalid_html_tags_in_fields(self) -> None:
        """Stay quiet: genanki's regex takes escaped C++ templates and SVG for bad HTML."""

    def _format_tags(self) -> str:
        """Return the tags between spaces, as Anki does; none at all is the empty string."""
        return f" {' '.join(self.tags)} " if self.tags else ""

    def write_to_db(self, cursor: sqlite3.Cursor, _: float, deck_id: int, __: object) -> None:
        """Write the note's row, then its cards'."""
        note_id = self._stamped.note_id
        ids = iter((note_id, *(note_id + 1 + card.ord for card in self.cards)))
        super().write_to_db(cursor, self._stamped.mod, deck_id, ids)
        # genanki writes 0, which importers before Anki 2.1.55 would have kept: the notes
        # would then never be recognised as duplicates of one another.
        digest = hashlib.sha1(self._plain.encode(), usedforsecurity=False).hexdigest()
        cursor.execute("UPDATE notes SET csum = ? WHERE id = ?", (int(digest[:8], 16), note_id))


class _Deck(genanki.Deck):  # type: ignore[misc]  # genanki is untyped
    """A deck that leaves the learner's description, limits and preset alone."""

    def __init__(self, deck: Deck, models: dict[int, _Model]) -> None:
        """Translate to genanki's words."""
        super().__init__(deck_id(deck.name), deck.name)
        for stamped in deck.notes:
            self.add_note(_Note(stamped, models[stamped.note.note_type]))
            self.add_model(models[stamped.note.note_type])

    def to_json(self) -> dict[str, Any]:
        """Drop the 50 extra reviews a day, which an import with scheduling would bring along."""
        return {**super().to_json(), "extendRev": 0}

    def write_to_db(self, cursor: sqlite3.Cursor, timestamp: float, id_gen: object) -> None:
        """Write the notes; the deck itself is written by the package."""
        for note in self.notes:
            note.write_to_db(cursor, timestamp, self.deck_id, id_gen)


class _Package(genanki.Package):  # type: ignore[misc]  # genanki is untyped
    """A package that writes each note type once.

    genanki rewrites the note types with each deck, and one that two decks share then stands
    in the JSON twice.
    """

    def write_to_db(self, cursor: sqlite3.Cursor, timestamp: float, id_gen: object) -> None:
        """Write the schema, the collection's one row, then all notes.

        The default preset in that row stays as it is: no import option carries it over, but
        one with presets stops without it ("No such deck config: 1").
        """
        cursor.executescript(APKG_SCHEMA)
        cursor.executescript(APKG_COL)
        models = {str(m.model_id): m for deck in self.decks for m in deck.models.values()}
        stored = json.loads(cursor.execute("SELECT decks FROM col").fetchone()[0])
        stored["1"] |= {"extendNew": 0, "extendRev": 0}
        stored |= {str(deck.deck_id): deck.to_json() for deck in self.decks}
        cursor.execute(
            "UPDATE col SET models = ?, decks = ?",
            (
                json.dumps({key: m.to_json(timestamp, None) for key, m in models.items()}),
                json.dumps(stored),
            ),
        )
        for deck in self.decks:
            deck.write_to_db(cursor, timestamp, id_gen)


_TAG = re.compile(
    r"<!--.*?-->|<style.*?>.*?</style>|<script.*?>.*?</script>|<.*?>", re.IGNORECASE | re.DOTALL
)


def _plain(field: str) -> str:
    """Return the text of a field as Anki sorts and compares by it."""
    return html.unescape(_TAG.sub("", field)).replace("\xa0", " ")


# --- the database ----------------------------------------------------------


def _database(decks: Sequence[Deck], note_types: Sequence[StampedNoteType]) -> bytes:
    """Return collection.anki2."""
    models = {stamped.note_type.id: _Model(stamped) for stamped in note_types}
    package = _Package([_Deck(deck, models) for deck in decks])
    try:
        with tempfile.TemporaryDirectory(prefix="warpdeck-") as folder:
            path = Path(folder) / "collection.anki2"
            _fill(path, package)
            return _canonical(bytearray(path.read_bytes()))
    except (sqlite3.OperationalError, OSError) as error:
        raise WarpdeckError(
            Problem(
                Location(tempfile.gettempdir()),
                "temporary-folder",
                f"a temporary file cannot be written here: {str(error).lower()}",
                "Free some space, or set TMPDIR to another folder.",
            )
        ) from error


def _fill(path: Path, package: _Package) -> None:
    """Write the database of `package` to `path`."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"PRAGMA page_size = {_PAGE}; PRAGMA auto_vacuum = 0; PRAGMA encoding = 'UTF-8';"
            # The file lives for a moment; its safety against power loss costs seconds.
            "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;"
        )
        package.write_to_db(connection.cursor(), 0, None)
        connection.commit()
        # Puts rows, and the pages that hold them, into the order of their keys, so that
        # the layout does not depend on the order of writing.
        connection.execute("VACUUM")


def _canonical(image: bytearray) -> bytes:
    """Blank the bytes of a database file that say nothing but differ between machines."""
    # The change counter and the counter at which the version below was noted must agree;
    # then the number of the SQLite version that wrote last.
    image[24:28] = image[92:96] = struct.pack(">I", 1)
    image[96:100] = struct.pack(">I", 3_040_000)
    for start in range(0, len(image), _PAGE):
        page = memoryview(image)[start : start + _PAGE]
        _blank_unused(page, 100 if start == 0 else 0)
    return bytes(image)


_INDEX_INNER, _TABLE_INNER, _INDEX_LEAF, _TABLE_LEAF = 2, 5, 10, 13
"""Kinds of b-tree page. An overflow page begins with 0, and SQLite zeroes its unused end."""


def _blank_unused(page: memoryview, at: int) -> None:
    """Zero what a b-tree page, with its header at `at`, holds beside its cells.

    SQLite leaves there whatever was in the page's memory before, which depends on its
    version; VACUUM and secure_delete do not help.
    """
    kind = page[at]
    if kind not in (_INDEX_INNER, _TABLE_INNER, _INDEX_LEAF, _TABLE_LEAF):
        return
    free, count, content, fragments = struct.unpack_from(">HHHB", page, at + 1)
    pointers = at + (8 if kind in (_INDEX_LEAF, _TABLE_LEAF) else 12)
    used = pointers + 2 * count
    page[used:content] = bytes(content - used)
    if free or fragments:
        cells = struct.unpack_from(f">{count}H", page, pointers)
        spans = [(cell, _cell_end(page, cell, kind)) for cell in cells]
        _keep_only(page, content, sorted([*spans, *_free_headers(page, free)]))


def _keep_only(page: memoryview, start: int, spans: Sequence[tuple[int, int]]) -> None:
    """Zero the page from `start` on but for `spans`, which are sorted."""
    for begin, end in (*spans, (_PAGE, _PAGE)):
        if start < begin:
            page[start:begin] = bytes(begin - start)
        start = max(start, end)


def _free_headers(page: memoryview, free: int) -> Iterator[tuple[int, int]]:
    """Yield the four bytes of each free block that SQLite reads: the next one, its own size."""
    while free:
        yield free, free + 4
        (free,) = struct.unpack_from(">H", page, free)


def _cell_end(page: memoryview, cell: int, kind: int) -> int:
    """Return where the cell that begins at `cell` ends, by SQLite's file format, section 1.6."""
    at = cell + (4 if kind in (_INDEX_INNER, _TABLE_INNER) else 0)
    payload, at = _varint(page, at)
    if kind == _TABLE_INNER:
        return at
    most = (_PAGE - 12) * 64 // 255 - 23
    if kind == _TABLE_LEAF:
        _, at = _varint(page, at)
        most = _PAGE - 35
    if payload > most:
        # The rest lies in overflow pages, whose first one four more bytes name.
        least = (_PAGE - 12) * 32 // 255 - 23
        some = least + (payload - least) % (_PAGE - 4)
        payload = (some if some <= most else least) + 4
    return max(at + payload, cell + 4)


def _varint(page: memoryview, at: int) -> tuple[int, int]:
    """Return a variable-length number and where it ends."""
    value = 0
    for length in range(1, 9):
        byte = page[at + length - 1]
        value = value << 7 | byte & 127
        if byte < 128:
            return value, at + length
    return value << 8 | page[at + 8], at + 9


# --- the ZIP ---------------------------------------------------------------


class _Deflate:
    """A zlib-like compressor object over libdeflate, which compresses in one piece.

    zlib's output differs between its versions and its forks; the pinned wheel's does not.
    """

    def __init__(self) -> None:
        """Begin a member."""
        self._parts: list[bytes] = []

    def compress(self, data: bytes) -> bytes:
        """Keep `data` for the end."""
        self._parts.append(data)
        return b""

    def flush(self) -> bytes:
        """Return the whole member, compressed."""
        return bytes(deflate.deflate_compress(b"".join(self._parts), _LEVEL))


def _zip(members: dict[str, bytes]) -> bytes:
    """Return a ZIP of `members` with fixed times and permissions."""
    # The earliest time a ZIP can hold; extended ones would be in seconds of the local zone.
    # A compressor made here is all that stream_zip asks for, though it declares zlib's own.
    compressor: Any = _Deflate
    entries: Iterator[Any] = (
        (name, datetime(1980, 1, 1), 0o100644, stream_zip.ZIP_32, (data,))
        for name, data in members.items()
    )
    return b"".join(
        stream_zip.stream_zip(entries, get_compressobj=compressor, extended_timestamps=False)
    )
