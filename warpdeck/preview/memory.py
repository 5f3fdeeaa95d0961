"""What the last build of the preview made, for the next one.

Owns: when a parsed file, a rendered note and its cards may be used again. Must not know what
they look like, or how changes are noticed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from warpdeck import markup
from warpdeck.model import Location, Note, NoteType, Problem, RenderedNote
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
        self._cards: dict[RenderedNote, tuple[Card, ...]] = {}

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
        rendered: list[RenderedNote] = []
        problems: list[Problem] = []
        for note in notes:
            key = _key(found, note)
            done = before.get(key)
            if done is None:
                done, said = found.renderer.render(note)
                problems += [problem for problem in said if problem.rule != BROKEN_KERNEL]
                if said:
                    key = None  # the places in its problems would grow old
            if key is not None:
                self._notes[key] = done
            rendered.append(replace(done, at=note.at))
        return rendered, problems

    def cards(
        self, notes: Iterable[RenderedNote], types: dict[int, NoteType], render: Renderer
    ) -> list[Card]:
        """Return the cards of `notes`, made anew for notes that have changed."""
        before, self._cards = self._cards, {}
        for note in notes:
            known = replace(note, at=_NOWHERE)
            made = before.get(known)
            if made is None:
                made = cards_of(note, types[note.note_type], render)
            self._cards[known] = made
        return [card for made in self._cards.values() for card in made]


_NOWHERE = Location("")


def _key(found: Workspace, note: Note) -> Any:
    """Return all that decides what `note` looks like, None where a part cannot be had."""
    cited = {citation.key for citation in note.citations}
    references = tuple(r for r in found.source.references if r.key in cited)
    written = _placeless(replace(note, front_line=0, back_line=0))
    try:
        code = tuple(found.resolver.code(fence.source) for fence in note.fences if fence.source)
        filled = tuple(_filled(found, note, directive) for directive in note.directives)
    except SnippetError:
        return None
    return found.source.project, written, references, code, filled


def _filled(found: Workspace, note: Note, directive: Any) -> str:
    if directive.name == markup.FIGURE:
        return found.renderer.figure(note.topic, directive.argument.partition(" ")[0])[0]
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
