"""The ledger: what makes a learner's reviews survive every release.

Owns: guids, ids, hashes, modification times, positions, retirement. The file that remembers
them is lockfile.py's. Must not know: Markdown, genanki, how notes look.

Anki matches notes by guid and updates one only if its modification time is greater than the
learner's. So each note keeps a time of its own, which grows exactly when its content changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeVar

from warpdeck.lockfile import ID_ROOM, LOCK, Entry, Ledger, NoteTypeEntry, dump, load
from warpdeck.model import (
    Location,
    NoteType,
    Problem,
    RenderedNote,
    StampedNote,
    StampedNoteType,
)

__all__ = [
    "Changes",
    "DeckName",
    "Entry",
    "Ledger",
    "NoteTypeEntry",
    "Stamping",
    "dump",
    "guid",
    "load",
    "missing",
    "of_another_project",
    "release",
    "stamp",
]

_DAY, _WEEK = 86_400, 7 * 86_400
_GAP = 100
"""Positions left free after each note, for notes to be inserted later."""
_TOPIC_ROOM = 100_000
"""A new topic's positions begin at the next multiple of this, so that topics can grow."""


def guid(project: str, note_id: str, language: str) -> str:
    """Return the GUID of a note: 16 letters and digits.

    Never change this function: another GUID is another note to Anki, and every learner would
    get every note a second time, without its reviews.
    """
    digest = hashlib.sha256("\0".join((project, note_id, language)).encode()).digest()
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    number = int.from_bytes(digest[:10], "big")
    return "".join(alphabet[number >> shift & 31] for shift in range(75, -5, -5))


@dataclass(frozen=True, slots=True)
class DeckName:
    """The deck name that the source asks for."""

    topic: str
    language: str
    name: str
    at: Location


@dataclass(frozen=True, slots=True)
class Changes:
    """What a learner who imports this build will see happen."""

    new: tuple[RenderedNote, ...] = ()
    changed: tuple[RenderedNote, ...] = ()
    unchanged: tuple[RenderedNote, ...] = ()
    """Among them all that were retired before."""
    retired: tuple[RenderedNote, ...] = ()
    """Retired by this build."""
    note_types: tuple[NoteType, ...] = ()
    """New or changed."""


@dataclass(frozen=True, slots=True)
class Stamping:
    """The outcome of `stamp`; with problems, nothing of it may be written."""

    ledger: Ledger
    notes: tuple[StampedNote, ...]
    """As many as were given and in their order, if there are no problems."""
    note_types: tuple[StampedNoteType, ...]
    changes: Changes
    problems: tuple[Problem, ...]


# --- stamping ----------------------------------------------------------------


def stamp(
    ledger: Ledger,
    notes: Sequence[RenderedNote],
    note_types: Sequence[NoteType],
    now: int,
    decks: Iterable[DeckName] = (),
    shown: str = LOCK,
) -> Stamping:
    """Give every note and note type its ids and times, and remember them.

    `notes` stand in the order in which a learner should meet them: topic by topic, as in the
    files. They may be a part of the source; the rest of the ledger stays as it is. `now` is
    in seconds since 1970, `shown` the ledger's path for messages. Raises nothing: what the
    author must mend comes back as problems.
    """
    decks = tuple(decks)
    problems = [
        *_twice(notes),
        *_broken_promises(ledger, notes, {nt.id: nt for nt in note_types}),
        *_renamed_decks(ledger, decks),
        *_changed_schemas(ledger, note_types, shown),
    ]
    first = {note.guid: note for note in reversed(notes)}
    new = [note for guid_, note in first.items() if guid_ not in ledger.notes][::-1]
    ids, dues = _new_ids(ledger, new, now), _new_dues(ledger, notes)
    entries = {
        note.guid: _entry(ledger.notes.get(note.guid), note, now)
        or _new_entry(note, now, ids[note.guid], dues[note.guid])
        for note in notes
    }
    types = {nt.id: _type_entry(ledger.note_types.get(nt.id), nt, now) for nt in note_types}
    return Stamping(
        Ledger(
            {**ledger.notes, **entries},
            {**ledger.note_types, **types},
            {**ledger.decks, **{(deck.topic, deck.language): deck.name for deck in decks}},
        ),
        tuple(_stamped(note, entries[note.guid]) for note in notes),
        tuple(StampedNoteType(nt, types[nt.id].mod) for nt in note_types),
        _changes(ledger, notes, entries, [nt for nt in note_types if _differs(ledger, nt, types)]),
        tuple(sorted(problems)),
    )


def of_another_project(ledger: Ledger, project: str) -> Entry | None:
    """Return a note whose guid is not that of `project`: the project's name was changed."""
    entries = ledger.notes.values()
    return next((e for e in entries if guid(project, e.id, e.language) != e.guid), None)


def missing(ledger: Ledger, present: Set[str]) -> tuple[Entry, ...]:
    """Return the notes whose guid is not `present` in the source any more, in deck order.

    `present` holds the guids of all the source, also when only a part of it is built. The
    renderer makes a last update of each, which goes through `stamp` with `retired` set, in
    this build and in all that follow: a learner may skip any number of releases.
    """
    gone = (entry for guid_, entry in ledger.notes.items() if guid_ not in present)
    return tuple(sorted(gone, key=lambda entry: (entry.language, entry.due, entry.guid)))


def release(ledger: Ledger, now: int) -> Ledger:
    """Return the ledger with every draft stamped as published at `now`, in seconds since 1970.

    Not the time of the edit counts: a learner who tagged the note between edit and release
    has a greater modification time than the edit, and Anki would skip the update.
    """
    return replace(
        ledger,
        notes={key: _released(entry, now) for key, entry in ledger.notes.items()},
        note_types={key: _released(entry, now) for key, entry in ledger.note_types.items()},
    )


_AnyEntry = TypeVar("_AnyEntry", Entry, NoteTypeEntry)


def _released(entry: _AnyEntry, now: int) -> _AnyEntry:
    """Return `entry` as published."""
    return replace(entry, mod=max(entry.mod, now), draft=False) if entry.draft else entry


def _entry(old: Entry | None, note: RenderedNote, now: int) -> Entry | None:
    """Return the next entry of a known note, None for a new one."""
    if old is None:
        return None
    digest = _note_hash(note)
    changed = digest != old.hash
    return replace(
        old,
        topic=note.topic,
        kind=note.kind,
        note_type=note.note_type,
        hash=digest,
        mod=max(old.mod + 1, now) if changed else old.mod,
        ordinals=tuple(sorted({*old.ordinals, *note.ordinals})),
        question=note.question,
        draft=old.draft or changed,
        retired=note.retired,
    )


def _new_entry(note: RenderedNote, now: int, note_id: int, due: int) -> Entry:
    """Return the first entry of a note."""
    return Entry(
        guid=note.guid,
        id=note.id,
        language=note.language,
        topic=note.topic,
        kind=note.kind,
        note_type=note.note_type,
        hash=_note_hash(note),
        mod=now,
        note_id=note_id,
        due=due,
        ordinals=tuple(sorted(note.ordinals)),
        question=note.question,
        draft=True,
        retired=note.retired,
    )


def _type_entry(old: NoteTypeEntry | None, note_type: NoteType, now: int) -> NoteTypeEntry:
    """Return the next entry of a note type; one whose schema changed is a problem elsewhere."""
    digest = _type_hash(note_type)
    changed = old is None or old.hash != digest
    return NoteTypeEntry(
        id=note_type.id,
        name=note_type.name,
        hash=digest,
        mod=now if old is None else max(old.mod + 1, now) if changed else old.mod,
        cloze=note_type.cloze,
        fields=tuple((f.id, f.name) for f in note_type.fields),
        templates=tuple((t.id, t.name) for t in note_type.templates),
        draft=changed or (old is not None and old.draft),
    )


def _stamped(note: RenderedNote, entry: Entry) -> StampedNote:
    """Return the note with what the ledger knows of it."""
    return StampedNote(note, entry.note_id, entry.mod, entry.due)


def _note_hash(note: RenderedNote) -> str:
    """Return the hash of all that is written for the learner."""
    return _digest({"fields": note.fields, "tags": note.tags, "note_type": note.note_type})


def _type_hash(note_type: NoteType) -> str:
    """Return the hash of all that Anki stores of a note type."""
    return _digest(
        {
            "name": note_type.name,
            "fields": [(f.id, f.name) for f in note_type.fields],
            "templates": [(t.id, t.name, t.front, t.back) for t in note_type.templates],
            "css": note_type.css,
            "cloze": note_type.cloze,
        }
    )


def _digest(data: object) -> str:
    """Return the sha256 of `data` as canonical JSON; 128 bits of it are plenty."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _differs(ledger: Ledger, note_type: NoteType, now: Mapping[int, NoteTypeEntry]) -> bool:
    """Return whether a note type is new or changed."""
    old = ledger.note_types.get(note_type.id)
    return old is None or old.hash != now[note_type.id].hash


def _changes(
    ledger: Ledger,
    notes: Sequence[RenderedNote],
    entries: Mapping[str, Entry],
    note_types: Sequence[NoteType],
) -> Changes:
    """Sort the notes by what happened to them."""
    sorts: dict[str, list[RenderedNote]] = {}
    for note in notes:
        old = ledger.notes.get(note.guid)
        if old is None:
            sort = "new"
        elif note.retired and not old.retired:
            sort = "retired"
        else:
            sort = "unchanged" if old.hash == entries[note.guid].hash else "changed"
        sorts.setdefault(sort, []).append(note)
    return Changes(**{k: tuple(v) for k, v in sorts.items()}, note_types=tuple(note_types))


# --- ids and positions, assigned once ------------------------------------------


def _new_ids(ledger: Ledger, new: Sequence[RenderedNote], now: int) -> dict[str, int]:
    """Return an id for each of `new`: a second of the week before yesterday.

    Anki shows the id as the date on which a note was created and wants it in the past. Within
    the week the notes keep their order; the hash decides where in its share of it each lies,
    so that two branches that both add notes rarely take the same second.
    """
    taken = {entry.note_id // ID_ROOM for entry in ledger.notes.values()}
    span = max(_WEEK, 4 * len(new))
    start = max(1, now - _DAY - span)
    ids = {}
    for number, note in enumerate(new):
        share = span // len(new)
        jitter = int.from_bytes(hashlib.sha256(note.guid.encode()).digest()[:8], "big") % share
        second = start + number * share + jitter
        while second in taken:
            second += 1
        taken.add(second)
        ids[note.guid] = second * ID_ROOM
    return ids


@dataclass(frozen=True, slots=True)
class _Place:
    """A note that has its position."""

    due: int
    topic: str


def _new_dues(ledger: Ledger, notes: Sequence[RenderedNote]) -> dict[str, int]:
    """Return a position for each new note; those that are known keep theirs.

    Languages are counted apart: nobody learns from both decks at once.
    """
    dues: dict[str, int] = {}
    for language in dict.fromkeys(note.language for note in notes):
        known = {e.guid: e.due for e in ledger.notes.values() if e.language == language}
        # A retired note stands anywhere in the order, so it is nobody's neighbour.
        sequence = [
            note
            for note in notes
            if note.language == language and not (note.retired and note.guid in known)
        ]
        dues |= _dues_of(sequence, known)
    return dues


def _dues_of(sequence: Sequence[RenderedNote], known: Mapping[str, int]) -> dict[str, int]:
    """Return positions for the unknown notes of one language's `sequence`."""
    dues: dict[str, int] = {}
    left: _Place | None = None
    last = max(known.values(), default=0)
    end = 0
    for (is_known, topic), run in groupby(sequence, lambda n: (n.guid in known, n.topic)):
        notes = list(run)
        end += len(notes)
        if is_known:
            left = _Place(known[notes[-1].guid], topic)
            continue
        right = _next_place(sequence[end:], known, left.due if left else 0)
        for note, due in zip(notes, _spread(len(notes), topic, left, right, last), strict=True):
            dues[note.guid] = due
            left = _Place(due, topic)
            last = max(last, due)
    return dues


def _next_place(
    rest: Sequence[RenderedNote], known: Mapping[str, int], above: int
) -> _Place | None:
    """Return the next known note that comes later for the learner too.

    One that the author moved down here kept its early position and is no bound.
    """
    for note in rest:
        if known.get(note.guid, 0) > above:
            return _Place(known[note.guid], note.topic)
    return None


def _spread(
    count: int, topic: str, left: _Place | None, right: _Place | None, last: int
) -> list[int]:
    """Return positions for `count` new notes of one topic between two known ones.

    `last` is the greatest position so far, after which a new topic at the end begins.
    """
    appended = left is not None and left.topic == topic
    if right is None:
        if left is None or not appended:
            left = _Place((last // _TOPIC_ROOM + 1) * _TOPIC_ROOM - _GAP, topic)
        return [left.due + _GAP * (i + 1) for i in range(count)]
    low = left.due if left else 0
    room = right.due - low
    step = min(_GAP, room // (count + 1))
    if appended and right.topic != topic and step:
        return [low + step * (i + 1) for i in range(count)]
    if not appended and right.topic == topic and step:
        return [right.due - step * (count - i) for i in range(count)]
    return [low + room * (i + 1) // (count + 1) for i in range(count)]


# --- promises to learners --------------------------------------------------------


def _twice(notes: Sequence[RenderedNote]) -> list[Problem]:
    """Return a problem for each note whose guid another one has: Anki would make two notes."""
    first: dict[str, RenderedNote] = {}
    problems = []
    for note in notes:
        other = first.setdefault(note.guid, note)
        if other is not note:
            what = f"the id '{note.id}' stands a second time (first at {other.at})"
            problems.append(
                Problem(note.at, "id-twice", what, "Give one of the two notes another id.")
            )
    return problems


def _broken_promises(
    ledger: Ledger, notes: Sequence[RenderedNote], note_types: Mapping[int, NoteType]
) -> list[Problem]:
    """Return a problem for each note that would cost learners its reviews."""
    problems = []
    for note in notes:
        if (old := ledger.notes.get(note.guid)) is None:
            continue
        if old.retired and not note.retired:
            problems.append(_used_again(note))
        elif old.kind != note.kind:
            problems.append(_other_kind(note, old))
        elif lost := sorted({*old.ordinals} - {*note.ordinals}):
            note_type = note_types.get(note.note_type)
            problems.append(_lost_cards(note, old, lost, note_type is not None and note_type.cloze))
    return problems


def _used_again(note: RenderedNote) -> Problem:
    return Problem(
        note.at,
        "id-retired",
        f"the id '{note.id}' belonged to a note that was retired",
        'Give this note a new id. To bring back the very same note, write "retired":false '
        f"on its line ('{note.guid}') of notes.lock.",
    )


def _other_kind(note: RenderedNote, old: Entry) -> Problem:
    # Another note type would even stop its updates: Anki never changes that of a guid.
    return Problem(
        note.at,
        "kind-changed",
        f"'{note.id}' was a {old.kind} note and is now a {note.kind} note; its learners' reviews "
        "are of another card",
        f"Give it a new id; the old one will be retired. Or make it a {old.kind} note again."
        f"{_unpublished(old)}",
    )


def _lost_cards(note: RenderedNote, old: Entry, lost: Sequence[int], cloze: bool) -> Problem:
    names = ", ".join(f"c{ordinal + 1}" if cloze else f"card {ordinal + 1}" for ordinal in lost)
    put_back = (
        f"Put {names} back, around other text if you like"
        if cloze
        else "Put back what that card shows"
    )
    return Problem(
        note.at,
        "card-lost",
        f"'{note.id}' had {names} and has it no more; learners would lose its reviews",
        f"{put_back}; or give the note a new id, and the old one will be retired."
        f"{_unpublished(old)}",
    )


def _unpublished(old: Entry) -> str:
    """Return the way out that only a note without learners has."""
    if not old.draft:
        return ""
    return f" If nobody has the note yet, remove its line ('{old.guid}') from notes.lock instead."


def _renamed_decks(ledger: Ledger, decks: Sequence[DeckName]) -> list[Problem]:
    """Return a problem for each deck with another name than before."""
    return [
        Problem(
            deck.at,
            "deck-renamed",
            f"the deck '{old}' is now called '{deck.name}'; Anki matches decks by name, so "
            "learners would keep their cards in the old one and get new cards in another",
            f"Call it '{old}' again; or, if nobody has it yet, remove its line "
            f"('{deck.topic}/{deck.language}') from notes.lock.",
        )
        for deck in decks
        if (old := ledger.decks.get((deck.topic, deck.language), deck.name)) != deck.name
    ]


def _changed_schemas(ledger: Ledger, note_types: Sequence[NoteType], shown: str) -> list[Problem]:
    """Return a problem for each note type whose fields or templates are others than before."""
    problems = []
    for note_type in note_types:
        old = ledger.note_types.get(note_type.id)
        if old is None:
            continue
        for what, before, after in (
            ("fields", old.fields, [(f.id, f.name) for f in note_type.fields]),
            ("templates", old.templates, [(t.id, t.name) for t in note_type.templates]),
            ("cloze", ((int(old.cloze), ""),), [(int(note_type.cloze), "")]),
        ):
            if [i for i, _ in before] != [i for i, _ in after]:
                problems.append(_schema(note_type, what, before, after, shown))
    return problems


def _schema(
    note_type: NoteType,
    what: str,
    before: Sequence[tuple[int, str]],
    after: Sequence[tuple[int, str]],
    shown: str,
) -> Problem:
    was, now = (", ".join(f"{name} ({id_})" for id_, name in x) for x in (before, after))
    return Problem(
        Location(shown),
        "schema-changed",
        f"the {what} of note type '{note_type.name}' were {was} and are now {now}; Anki would "
        "refuse every update of its notes",
        "Put the same ids back in the same order; to grow, rename and fill a spare field or "
        f"template. If nobody has its notes yet, remove its line ('{note_type.id}') instead.",
    )
