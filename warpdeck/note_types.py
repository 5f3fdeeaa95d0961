"""The note types of every deck: fields, templates, style.

Owns: their ids and order, frozen since version 1. Must not know any content.

Anki refuses updates for a note type whose fields or templates were added, removed or
reordered, so decks grow through what is here already: a spare field is renamed and filled
(its id stays), and the spare template of a front-and-back note type makes cards once its
gate field is filled. A cloze note type has one template by nature: its spares are fields.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from warpdeck.model import CardTemplate, Field, Kind, NoteType

BASIC, CLOZE, TYPE = "Basic", "Cloze", "Type"

_SPARES = tuple(f"Spare {number}" for number in range(1, 7))
_FOOT_FIELDS = ("Kind", "Level", "Topic", "Colour", "Sources", "Note ID", "Language")
_FIELDS = {
    BASIC: ("Question", "Context", "Answer", "Reverse", *_FOOT_FIELDS, "Spare Card", *_SPARES),
    CLOZE: ("Text", "Title", "Extra", *_FOOT_FIELDS, *_SPARES),
    TYPE: ("Question", "Context", "Expected", "Answer", *_FOOT_FIELDS, "Spare Card", *_SPARES),
}

_HEAD = (
    '<div class="wd-head"><span class="wd-kind">{{Kind}}</span>'
    '{{#Topic}}<span class="wd-topic">{{Topic}}</span>{{/Topic}}'
    '{{#Level}}<span class="wd-level wd-level-{{Level}}">L{{Level}}</span>{{/Level}}</div>\n'
)
_FOOT = (
    '<div class="wd-foot">{{#Sources}}<div class="wd-sources">{{Sources}}</div>{{/Sources}}'
    '<div class="wd-id">{{Note ID}}</div>'
    '{{#Tags}}<div class="wd-tags">{{Tags}}</div>{{/Tags}}</div>\n'
)
_CONTEXT = '{{#Context}}<div class="wd-context">{{Context}}</div>{{/Context}}\n'
_WHY = '{{#Answer}}<div class="wd-answer">{{Answer}}</div>{{/Answer}}\n'
_ANSWER = '<hr id="answer">\n' + _WHY
# The short answer of a reverse note is a field of its own: it is the second card's question.
_SHORT_ANSWER = '<hr id="answer">\n<div class="wd-answer">{{Reverse}}{{Answer}}</div>\n'


def _card(*parts: str) -> str:
    return '<div class="wd wd-colour-{{Colour}}" lang="{{Language}}">\n' + "".join(parts) + "</div>"


_ASK = '<div class="wd-question">{{Question}}</div>\n'
_BASIC_FRONT = _card(_HEAD, _ASK, _CONTEXT)
_BASIC_BACK = _card(_HEAD, _ASK, _CONTEXT, _SHORT_ANSWER, _FOOT)
_REVERSE_ASK = '<div class="wd-question">{{Reverse}}</div>\n'
_REVERSE_FRONT = "{{#Reverse}}" + _card(_HEAD, _REVERSE_ASK) + "{{/Reverse}}"
_REVERSE_BACK = _card(
    _HEAD,
    _REVERSE_ASK,
    '<hr id="answer">\n<div class="wd-question">{{Question}}</div>\n',
    _WHY,
    _FOOT,
)
_SPARE_ASK = '<div class="wd-question">{{Spare Card}}</div>\n'
_SPARE_FRONT = "{{#Spare Card}}" + _card(_HEAD, _SPARE_ASK) + "{{/Spare Card}}"
_SPARE_BACK = _card(_HEAD, _SPARE_ASK, _ANSWER, _FOOT)
_TYPE_BOX = '<div class="wd-type">{{type:Expected}}</div>\n'
_TYPE_FRONT = _card(_HEAD, _ASK, _CONTEXT, _TYPE_BOX)
_TYPE_BACK = _card(
    _HEAD,
    _ASK,
    _CONTEXT,
    '<hr id="answer">\n',
    _TYPE_BOX,
    _WHY,
    _FOOT,
)
_TITLE = '{{#Title}}<div class="wd-question">{{Title}}</div>{{/Title}}\n'
_CLOZE_TEXT = '<div class="wd-cloze">{{cloze:Text}}</div>\n'
_CLOZE_FRONT = _card(_HEAD, _TITLE, _CLOZE_TEXT)
_EXTRA = '{{#Extra}}<hr id="answer">\n<div class="wd-answer">{{Extra}}</div>{{/Extra}}\n'
_CLOZE_BACK = _card(_HEAD, _TITLE, _CLOZE_TEXT, _EXTRA, _FOOT)

_TEMPLATES = {
    BASIC: (
        ("Question", _BASIC_FRONT, _BASIC_BACK),
        ("Reverse", _REVERSE_FRONT, _REVERSE_BACK),
        ("Spare", _SPARE_FRONT, _SPARE_BACK),
    ),
    CLOZE: (("Cloze", _CLOZE_FRONT, _CLOZE_BACK),),
    TYPE: (("Type", _TYPE_FRONT, _TYPE_BACK), ("Spare", _SPARE_FRONT, _SPARE_BACK)),
}

QUESTION_CARD, REVERSE_CARD = 0, 1
"""Ordinals of the Basic note type's templates."""


def name_for(kind: Kind) -> str:
    """Return which note type a note of `kind` has: BASIC, CLOZE or TYPE."""
    return {Kind.CLOZE: CLOZE, Kind.TYPE: TYPE}.get(kind, BASIC)


@cache
def note_types(project: str) -> dict[str, NoteType]:
    """Return the note types of a project by name (BASIC, CLOZE, TYPE).

    The project's name is in their names and ids: decks of two projects must not fight
    over one note type.
    """
    css = (files("warpdeck") / "styles" / "card.css").read_text("utf-8")
    return {
        name: NoteType(
            id=_number(project, name),
            name=f"{project} {name}",
            fields=tuple(Field(_number(name, "field", field), field) for field in _FIELDS[name]),
            templates=tuple(
                CardTemplate(_number(name, "template", template), template, front, back)
                for template, front, back in _TEMPLATES[name]
            ),
            css=css,
            cloze=name == CLOZE,
        )
        for name in _FIELDS
    }


def _number(*parts: str) -> int:
    """Return an id for ever for `parts`: 13 digits, a moment between 2001 and 2020 in ms.

    A field or template that is renamed one day keeps the id of the name that it began with.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return 1_000_000_000_000 + int.from_bytes(digest[:8], "big") % 600_000_000_000
