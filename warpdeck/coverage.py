"""Which notes answer which question of questions.yml.

Owns: matching them by the tag `q::ID`. Must not know how a coverage page looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from warpdeck.model import QUESTION_TAG, Note, Question


@dataclass(frozen=True, slots=True)
class Answered:
    """One question and the notes that claim to answer it."""

    question: Question
    notes: tuple[str, ...]
    """Their ids, in deck order; empty where the question is open."""


def coverage(questions: Iterable[Question], notes: Iterable[Note]) -> tuple[Answered, ...]:
    """Return every question with the ids of its notes; retired notes answer nothing."""
    found: dict[str, dict[str, None]] = {}
    for note in notes:
        for tag in note.tags:
            if tag.startswith(QUESTION_TAG) and not note.retired:
                found.setdefault(tag.removeprefix(QUESTION_TAG), {})[note.id] = None
    return tuple(Answered(question, tuple(found.get(question.id, ()))) for question in questions)
