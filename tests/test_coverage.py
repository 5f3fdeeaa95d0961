"""Which notes answer which question."""

from __future__ import annotations

from warpdeck.coverage import coverage
from warpdeck.model import Note, Question
from warpdeck.parse import parse_text

QUESTIONS = (
    Question("H01", (("en", "Threads"),)),
    Question("H02", (("en", "Memory"),)),
    Question("H03", (("en", "Chips"),)),
)


def notes(text: str, language: str = "en") -> list[Note]:
    return parse_text(text, f"source/t/{language}.md", "t", language)[0]


def test_a_note_answers_several_and_is_named_once() -> None:
    text = '## A {#a tags="q::H02 x"}\n\na\n\n## B {#b tags="q::H01 q::H02"}\n\nb\n'
    found = coverage(QUESTIONS, [*notes(text), *notes(text, "zh")])
    assert [(answer.question.id, answer.notes) for answer in found] == [
        ("H01", ("b",)),
        ("H02", ("a", "b")),
        ("H03", ()),
    ]


def test_retired_notes_and_other_tags_answer_nothing() -> None:
    text = '## A {#a .retired tags="q::H01"}\n\na\n\n## B {#b tags="H02 qq::H02 q::H020"}\n\nb\n'
    assert [answer.notes for answer in coverage(QUESTIONS, notes(text))] == [(), (), ()]


def test_a_tag_of_the_front_matter_counts_for_every_note() -> None:
    text = '---\ntags: ["q::H03"]\n---\n## A {#a}\n\na\n\n## B {#b}\n\nb\n'
    assert coverage(QUESTIONS, notes(text))[2].notes == ("a", "b")
