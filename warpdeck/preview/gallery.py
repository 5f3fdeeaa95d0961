"""The whole site of a project, made again and again.

Owns: the order read → render → cards → files, and which of them need not be done again.
Must not know where the files go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from warpdeck import note_types, workspace
from warpdeck.model import NoteType, Problem, RenderedNote
from warpdeck.preview import anki_backend, data, pages
from warpdeck.preview.cards import Card, Renderer, own_renderer
from warpdeck.preview.memory import Memory
from warpdeck.progress import Reporter
from warpdeck.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Site:
    """Every file of the site."""

    files: Mapping[str, bytes]
    """Path below the site's folder → bytes."""
    version: str
    """Differs where a file differs."""
    notes: int
    cards: int
    renderer: str
    """What rendered the cards, in words."""


class Gallery:
    """Makes the site of the project at `root`; `with` it, since Anki's backend may be open."""

    def __init__(self, root: Path, *, allow_stale: bool = False, live: bool = False) -> None:
        """With `allow_stale`, code without a fresh receipt is shown as unverified."""
        self._root, self._allow_stale, self._live = root, allow_stale, live
        self._memory = Memory()
        self._anki = ExitStack()
        self._templates: object = None
        self._render: Renderer | None = None

    def __enter__(self) -> Gallery:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close Anki's backend."""
        self._anki.close()

    def make(self, reporter: Reporter | None = None) -> tuple[Site | None, list[Problem]]:
        """Return the site as the project is now, and every problem of it.

        None where too little could be read; a site that comes with problems lacks what they
        name. `reporter` shows the progress.
        """
        note_types.note_types.cache_clear()  # card.css is read again
        found, problems = workspace.read(
            self._root, allow_stale=self._allow_stale, parse=self._memory.parse
        )
        if found is None:
            return None, problems
        live = [note for note in found.source.notes if not note.retired]
        tracked = reporter.track("Rendering notes", live) if reporter else live
        notes, rendering = self._memory.render(found, tracked)
        types = note_types.note_types(found.source.project.name)
        by_id = {note_type.id: note_type for note_type in types.values()}
        cards = self._memory.cards(notes, by_id, self._renderer(by_id))
        return self._site(found, notes, cards, by_id), problems + rendering

    def _renderer(self, types: dict[int, NoteType]) -> Renderer:
        """Return Anki's renderer, ours where Anki is not installed."""
        templates = {number: (t.fields, t.templates) for number, t in types.items()}
        if self._render is None or self._templates != templates:
            self._anki.close()
            anki = self._anki.enter_context(anki_backend.opened(types.values()))
            self._render = anki.face if anki else own_renderer(types)
            self._templates = templates
        return self._render

    def _site(
        self,
        found: Workspace,
        notes: list[RenderedNote],
        cards: list[Card],
        types: Mapping[int, NoteType],
    ) -> Site:
        files = pages.make(found, notes, live=self._live) | data.files(cards)
        # All note types share one style; were there two, a card would be shown with both.
        styles = dict.fromkeys(note_type.css for note_type in types.values())
        files["card.css"] = "\n".join(styles).encode()
        version = _version(files)
        files |= data.value("version", {"version": version})
        return Site(
            files=dict(sorted(files.items())),
            version=version,
            notes=len(notes),
            cards=len(cards),
            renderer=anki_backend.NAME,
        )


def _version(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]
