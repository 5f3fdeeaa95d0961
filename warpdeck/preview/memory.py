"""What the last build of the preview made, for the next one.

Owns: when a parsed file, a rendered note and its cards may be used again. Must not know what
they look like, or how changes are noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from warpdeck import markup
from warpdeck.model import Directive, Location, Note, NoteType, Problem, RenderedNote
from warpdeck.parse import parse_file
from warpdeck.preview.cards import Card, Renderer, cards_of
from warpdeck.resolve import BROKEN_KERNEL
from warpdeck.snippets import SnippetError
from warpdeck.workspace import Workspace

_Parsed = tuple[list[Note], list[Problem]]


class Memory:
    """Remembers one project; what a build did not use is forgotten after it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._files: dict[Path, tuple[bytes, _Parsed]] = {}
        self._notes: dict[Any, RenderedNote] = {}
        self._seen: dict[int, _Seen] = {}
        self._around = b""
        self._cards: dict[Any, tuple[Card, ...]] = {}

    def parse(self, path: Path, shown: str, topic: str, language: str) -> _Parsed:
        """Parse like `parse_file`, but not again what has the same bytes as before."""
        try:
            data = path.read_bytes()
        except OSError:  # parse_file says what is wrong
            return parse_file(path, shown, topic, language)
        known = self._files.get(path)
        if known is None or known[0] != data:
            known = self._files[path] = (data, parse_file(path, shown, topic, language))
        notes, problems = known[1]
        return list(notes), list(problems)

    def render(
        self, found: Workspace, notes: Iterable[Note]
    ) -> tuple[list[RenderedNote], list[Problem]]:
        """Render `notes`, but none again of which text, code, figures and sources are the same."""
        before, self._notes = self._notes, {}
        around = _around(found)
        seen, self._seen = self._seen if around == self._around else {}, {}
        self._around = around
        rendered: list[RenderedNote] = []
        problems: list[Problem] = []
        for note in notes:
            known = seen.get(id(note))
            # The note itself, out of a file that has not changed, among files that have not.
            if known and known.note is note:
                key, done = known.key, known.done
            else:
                key = _key(found, note)
                done, said = self._rendered(found, note, before.get(key))
                problems += said
                if said:
                    key = None  # the places in its problems would grow old
            if key is not None:
                self._notes[key] = done
                self._seen[id(note)] = _Seen(note, key, done)
            rendered.append(done)
        return rendered, problems

    def _rendered(
        self, found: Workspace, note: Note, known: RenderedNote | None
    ) -> tuple[RenderedNote, list[Problem]]:
        if known is not None:
            return replace(known, at=note.at), []
        done, said = found.renderer.render(note)
        return done, [problem for problem in said if problem.rule != BROKEN_KERNEL]

    def cards(
        self, notes: Iterable[RenderedNote], types: dict[int, NoteType], render: Renderer
    ) -> list[Card]:
        """Return the cards of `notes`, made anew for notes that have changed."""
        before, self._cards = self._cards, {}
        for note in notes:
            # All that a card shows; where the note stands is not.
            key = (note.guid, note.topic, note.kind, note.fields, note.ordinals)
            made = before.get(key)
            if made is None:
                made = cards_of(note, types[note.note_type], render)
            self._cards[key] = made
        return [card for made in self._cards.values() for card in made]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A note of the last build; kept, so that no other can have its `id()`."""

    note: Note
    key: Any
    done: RenderedNote


def _around(found: Workspace) -> bytes:
    """Return a hash of every file that a note's HTML may depend on beside its own."""
    source = found.root / "source"
    paths = [source / "project.yml", source / "references.yml", *source.glob("*/figures/*")]
    paths += (found.root / "kernels").rglob("*")
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.digest()


def _key(found: Workspace, note: Note) -> Any:
    """Return all that decides what `note` looks like, None where a part cannot be had."""
    cited = {citation.key for citation in note.citations}
    references = tuple(r for r in found.source.references if r.key in cited)
    written = _placeless(replace(note, front_line=0, back_line=0))
    try:
        code = tuple(found.resolver.code(fence.source) for fence in note.fences if fence.source)
        filled = tuple(_filled(found, note, directive) for directive in note.directives)
    except (SnippetError, OSError):
        return None
    return found.source.project, written, references, code, filled


def _filled(found: Workspace, note: Note, directive: Directive) -> str | bytes:
    if directive.name == markup.FIGURE:
        name = directive.argument.partition(" ")[0]
        return (found.root / "source" / note.topic / name).read_bytes()
    return found.resolver.figure(directive)


def _placeless(value: Any) -> Any:
    """Return `value` as tuples without its places: lines move when others are written."""
    if isinstance(value, Location):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(_placeless(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple):
        return tuple(_placeless(item) for item in value)
    return value
