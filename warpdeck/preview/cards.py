"""A rendered note becomes the cards of the gallery.

Owns: what the gallery knows of a card. Must not know files, pages or how to serve.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from warpdeck.model import NoteType, RenderedNote
from warpdeck.preview import template
from warpdeck.preview.maths import to_mathml
from warpdeck.preview.template import Face

_TYPE_BOX = re.compile(r"\[\[type:([^\]]+)\]\]")
_INPUT = (
    '<input id="typeans" type="text" autocomplete="off" autocapitalize="off" spellcheck="false">'
)
_HIDDEN = re.compile(r"<(svg|style)\b.*?</\1>", re.DOTALL)
_INLINE = re.compile(r"</?(?:span|code|strong|em|b|i|a|mark|sub|sup)\b[^>]*>")
_TAG = re.compile(r"<[^>]*>")
_TITLE_LENGTH = 140
# What names a card in a list: the field that each template asks with.
_ASKED = {0: "Question", 1: "Reverse", 2: "Spare Card"}

Renderer = Callable[[RenderedNote, int], Face]
"""Makes both sides of a note's card, from 0."""


@dataclass(frozen=True, slots=True)
class Card:
    """One card, its HTML ready for a page."""

    note: str
    """The note's id."""
    ordinal: int
    language: str
    topic: str
    kind: str
    level: int
    """1 to 3, 0 where the note has none."""
    title: str
    """Plain text of the question, for lists."""
    front: str
    back: str
    alike: int
    """Of how many characters both begin with."""
    expected: str
    """Plain text of what is to be typed, empty on other cards."""
    text: str
    """Plain text of question and answer, to search in."""


def own_renderer(note_types: Mapping[int, NoteType]) -> Renderer:
    """Return the renderer that needs no Anki; `note_types` are by id."""

    def render(note: RenderedNote, ordinal: int) -> Face:
        note_type = note_types[note.note_type]
        fields = {**_fields(note, note_type), "Tags": " ".join(note.tags)}
        return template.face(note_type, fields, ordinal)

    return render


def cards_of(note: RenderedNote, note_type: NoteType, render: Renderer) -> tuple[Card, ...]:
    """Return the cards of `note`."""
    return tuple(_card(note, note_type, ordinal, render) for ordinal in note.ordinals)


def plain(shown: str) -> str:
    """Return the words of HTML as one line, without those inside figures."""
    text = html.unescape(_TAG.sub(" ", _INLINE.sub("", _HIDDEN.sub(" ", shown))))
    return " ".join(text.split())


def _card(note: RenderedNote, note_type: NoteType, ordinal: int, render: Renderer) -> Card:
    fields = _fields(note, note_type)
    made = render(note, ordinal)
    typed = _TYPE_BOX.search(made.front)
    expected = plain(fields[typed[1]]) if typed else ""
    answer = f'<code id="typeans">{html.escape(expected, quote=False)}</code>'
    front = to_mathml(_TYPE_BOX.sub(_INPUT, made.front))
    back = to_mathml(_TYPE_BOX.sub(lambda _: answer, made.back))
    return Card(
        note=note.id,
        ordinal=ordinal,
        language=note.language,
        topic=note.topic,
        kind=note.kind,
        level=int(fields["Level"] or 0),
        title=_title(fields, note_type, ordinal),
        front=front,
        back=back,
        alike=_alike(front, back),
        expected=expected,
        text=plain(_TYPE_BOX.sub(lambda _: answer, made.back)),
    )


def _alike(one: str, other: str) -> int:
    """Return of how many characters both texts begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _title(fields: Mapping[str, str], note_type: NoteType, ordinal: int) -> str:
    if note_type.cloze:
        asked = template.cloze(fields["Text"], ordinal + 1, question=True)
        asked = f"{fields['Title']} {asked}"
    else:
        # A type-in note type has no Reverse: its second template is the spare.
        names = [name for name in _ASKED.values() if name in fields]
        asked = fields[names[ordinal]]
    text = plain(asked).replace("\\(", "").replace("\\)", "")
    return text if len(text) <= _TITLE_LENGTH else text[: _TITLE_LENGTH - 1] + "…"


def _fields(note: RenderedNote, note_type: NoteType) -> dict[str, str]:
    names: Sequence[str] = [field.name for field in note_type.fields]
    return dict(zip(names, note.fields, strict=True))
