"""source/notes.lock: what the ledger remembers, and the file that it is kept in.

Owns: the entries, the JSON, everything that can be wrong with it. Must not know: by which
rules an entry changes (ledger.py), Markdown, genanki.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from warpdeck.files import UNSHOWABLE, read_text
from warpdeck.model import Kind, Location, Problem, WarpdeckError

LOCK = "source/notes.lock"
"""The file's usual path, for messages."""

ID_ROOM = 1000
"""Milliseconds of the past that a note owns: its own id and its cards' ids lie in them."""

_FORMAT = 1
_NOTICE = "Written by the build and committed with it; do not edit. Lines are never removed."

# --- what the ledger holds ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """What is remembered of one note for ever."""

    guid: str
    id: str
    language: str
    topic: str
    kind: str
    note_type: int
    hash: str
    mod: int
    """Seconds since 1970; grows with each change."""
    note_id: int
    """Milliseconds since 1970, in the past; a multiple of 1000."""
    due: int
    """Position among new cards."""
    ordinals: tuple[int, ...]
    """Every card that was ever shipped, 0-based, sorted."""
    question: str
    """Plain text: names the note once its section is gone from the source."""
    draft: bool
    """Changed since the last `release`."""
    retired: bool


@dataclass(frozen=True, slots=True)
class NoteTypeEntry:
    """What is remembered of one note type."""

    id: int
    name: str
    hash: str
    mod: int
    cloze: bool
    fields: tuple[tuple[int, str], ...]
    """(id, name) in order; the ids and their order are frozen."""
    templates: tuple[tuple[int, str], ...]
    """(id, name) in order; the ids and their order are frozen."""
    draft: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is remembered; the default is that of a project without a release."""

    notes: Mapping[str, Entry] = field(default_factory=dict)
    """By guid."""
    note_types: Mapping[int, NoteTypeEntry] = field(default_factory=dict)
    """By id."""
    decks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(topic, language) → deck name."""


# --- the file --------------------------------------------------------------------


def dump(ledger: Ledger) -> bytes:
    """Return the ledger as JSON, one entry a line.

    Notes are sorted by guid, a hash: the notes that two branches add seldom meet in it, so
    that git merges them.
    """
    sections: dict[str, dict[str, Any]] = {
        "decks": {f"{t}/{lang}": name for (t, lang), name in sorted(ledger.decks.items())},
        "note_types": {str(key): _plain(e) for key, e in sorted(ledger.note_types.items())},
        "notes": {key: _plain(entry) for key, entry in sorted(ledger.notes.items())},
    }
    parts = [f'"format": {_FORMAT}', f'"notice": {_json(_NOTICE)}']
    for name, section in sections.items():
        lines = ",\n".join(f"{_json(key)}: {_json(value)}" for key, value in section.items())
        parts.append(f'"{name}": {{\n{lines}\n}}' if lines else f'"{name}": {{}}')
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def load(path: Path, shown: str = LOCK) -> Ledger:
    """Return the ledger in `path`, an empty one if there is no such file.

    `shown` is the path for messages. Raises WarpdeckError where the file is anything but what
    `dump` wrote: to guess could cost learners their reviews.
    """
    if not path.exists():
        return Ledger()
    text, problems = read_text(path, shown)
    problems = problems or _conflicts(text, shown)
    if problems:
        raise WarpdeckError(*problems)
    return _read(text, shown)


def _plain(entry: Entry | NoteTypeEntry) -> dict[str, Any]:
    """Return what stands on the entry's line, without the key before it."""
    specification = _NOTE if isinstance(entry, Entry) else _NOTE_TYPE
    return {name: getattr(entry, name) for name in specification}


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _json(value: object) -> str:
    """Return `value` on one line; other line separators than `\\n` would split it in editors."""
    return _encode(value).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


_MARKER = re.compile(r"^(<{7} |={7}$|>{7} |\|{7} )", re.MULTILINE)


def _conflicts(text: str, shown: str) -> list[Problem]:
    """Return a problem for the first mark of an unfinished merge."""
    mark = _MARKER.search(text)
    if mark is None:
        return []
    hint = (
        "Keep the lines of both sides and remove the marks; where both have a line for the "
        'same note, keep the one with the greater "mod". Then build again.'
    )
    line = text.count("\n", 0, mark.start()) + 1
    return [Problem(Location(shown, line), "lock-conflict", "an unfinished merge", hint)]


def _read(text: str, shown: str) -> Ledger:
    """Return the ledger that `text` holds; raises WarpdeckError."""
    try:
        data = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        at = Location(shown, error.lineno, error.colno)
        raise WarpdeckError(_malformed(at, f"not JSON: {error.msg.lower()}")) from error
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets without end
        raise WarpdeckError(_malformed(Location(shown), "not a ledger")) from None
    reader = _Reader(text, shown)
    ledger = reader.ledger(data)
    if reader.problems:
        raise WarpdeckError(*reader.problems)
    return ledger


def _malformed(at: Location, message: str) -> Problem:
    hint = f"Take the last good one back with 'git checkout HEAD -- {at.path}', then build again."
    return Problem(at, "lock-malformed", message, hint)


class _Pairs(dict[str, Any]):
    """A JSON object that remembers which keys stood in it twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        """Take the pairs as they stand in the file."""
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs) if len(self) < len(pairs) else {}
        self.twice = [key for key, count in counts.items() if count > 1]


_Check = tuple[str, Callable[[Any], bool]]


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63  # what SQLite can store


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not UNSHOWABLE.search(value)


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(p, list) and len(p) == 2 and _is_count(p[0]) and _is_text(p[1]) for p in value
    )


def _is_ordinals(value: Any) -> bool:
    if not (isinstance(value, list) and value and all(map(_is_count, value))):
        return False
    return value == sorted({*value}) and value[-1] < _MOST_CARDS


_MOST_CARDS = 500
"""Anki makes no more cards of one note."""
_KINDS = {kind.value for kind in Kind}

_TEXT: _Check = ("a text", _is_text)
_KIND: _Check = ("a kind of note", lambda value: isinstance(value, str) and value in _KINDS)
_COUNT: _Check = ("a number", _is_count)
_FLAG: _Check = ("true or false", lambda value: isinstance(value, bool))
_IDS: _Check = ("pairs of id and name", _is_pairs)
_ORDINALS: _Check = ("ascending numbers", _is_ordinals)

_NOTE: dict[str, _Check] = {
    "id": _TEXT,
    "language": _TEXT,
    "topic": _TEXT,
    "kind": _KIND,
    "note_type": _COUNT,
    "hash": _TEXT,
    "mod": _COUNT,
    "note_id": _COUNT,
    "due": _COUNT,
    "ordinals": _ORDINALS,
    "question": _TEXT,
    "draft": _FLAG,
    "retired": _FLAG,
}
_NOTE_TYPE: dict[str, _Check] = {
    "name": _TEXT,
    "hash": _TEXT,
    "mod": _COUNT,
    "cloze": _FLAG,
    "fields": _IDS,
    "templates": _IDS,
    "draft": _FLAG,
}


class _Reader:
    """Checks the parsed file part by part and gathers every problem."""

    def __init__(self, text: str, shown: str) -> None:
        """Hold the text for the positions of what is wrong in it."""
        self.problems: list[Problem] = []
        self._text, self._shown = text, shown

    def ledger(self, data: Any) -> Ledger:
        """Return the ledger; it is of use only if there are no problems."""
        if not isinstance(data, _Pairs) or not self._format(data):
            if not self.problems:
                self._say("", "not a ledger")
            return Ledger()
        sections = [self._section(data, name) for name in ("decks", "note_types", "notes")]
        return Ledger(
            decks=dict(self._decks(sections[0])),
            note_types=dict(self._note_types(sections[1])),
            notes=self._notes(sections[2]),
        )

    def _say(self, key: str, message: str) -> None:
        """Note a problem on the last line that begins with `key`."""
        lines = [m.start() for m in re.finditer(rf"^\s*{re.escape(_json(key))}", self._text, re.M)]
        line = self._text.count("\n", 0, lines[-1]) + 1 if lines else 1
        self.problems.append(_malformed(Location(self._shown, line), message))

    def _format(self, data: _Pairs) -> bool:
        """Return whether the file is of the format that this program writes."""
        found = data.get("format")
        if found == _FORMAT:
            return True
        if _is_count(found):
            message = f"format {found}, this warpdeck knows {_FORMAT}"
            at = Location(self._shown)
            hint = "Use the warpdeck that wrote it, or a newer one."
            self.problems.append(Problem(at, "lock-format", message, hint))
        return False

    def _section(self, data: _Pairs, name: str) -> _Pairs:
        """Return one of the file's three objects, empty if it is something else."""
        section = data.get(name)
        if not isinstance(section, _Pairs):
            self._say(name, f"no object '{name}'")
            return _Pairs([])
        for key in section.twice:
            self._say(key, f"two lines for '{key}' in '{name}'")
        return section

    def _decks(self, section: _Pairs) -> Iterable[tuple[tuple[str, str], str]]:
        """Yield (topic, language) and deck name."""
        for key, name in section.items():
            topic, slash, language = key.rpartition("/")
            if slash and _is_text(key) and _is_text(name):
                yield (topic, language), name
            else:
                self._say(key, f"'{key}' is not a topic, a '/', a language and a deck name")

    def _note_types(self, section: _Pairs) -> Iterable[tuple[int, NoteTypeEntry]]:
        """Yield id and entry."""
        for key, value in section.items():
            if not re.fullmatch(r"[0-9]{1,18}", key):
                self._say(key, f"'{key}' is not the id of a note type")
            elif self._fits(key, value, _NOTE_TYPE):
                pairs = {name: tuple(map(tuple, value[name])) for name in ("fields", "templates")}
                yield int(key), NoteTypeEntry(id=int(key), **{**value, **pairs})

    def _notes(self, section: _Pairs) -> dict[str, Entry]:
        """Return the notes by guid."""
        notes: dict[str, Entry] = {}
        owners: dict[int, str] = {}
        for key, value in section.items():
            if not self._fits(key, value, _NOTE):
                continue
            entry = Entry(guid=key, **{**value, "ordinals": tuple(value["ordinals"])})
            notes[key] = entry
            other = owners.setdefault(entry.note_id // ID_ROOM, key)
            if other != key:
                self._same_id(key, other, entry.note_id)
        return notes

    def _same_id(self, key: str, other: str, note_id: int) -> None:
        """Note that two branches chose one id for two notes."""
        self._say(key, f"'{key}' and '{other}' have the same note_id {note_id}")
        hint = "Remove the line of the one that was added last; the next build gives it another id."
        self.problems[-1] = replace(self.problems[-1], rule="lock-note-id", hint=hint)

    def _fits(self, key: str, value: Any, specification: Mapping[str, _Check]) -> bool:
        """Return whether `value` has exactly the parts that it should have."""
        if not isinstance(value, _Pairs):
            self._say(key, f"'{key}' is not an object")
            return False
        count = len(self.problems)
        for name in sorted(specification.keys() ^ value.keys()):
            self._say(
                key, f"'{key}' {'lacks' if name in specification else 'has an unknown'} '{name}'"
            )
        for name, (wanted, check) in specification.items():
            if name in value and not check(value[name]):
                self._say(key, f"'{name}' of '{key}' is not {wanted}")
        return len(self.problems) == count
