"""The ledger keeps its promises to learners, and its file keeps the ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from deckkit import BASIC, CLOZE, START, basic, cloze, retired

from warpdeck import ledger
from warpdeck.ledger import DeckName, Ledger, Stamping, stamp
from warpdeck.model import CardTemplate, Field, Location, RenderedNote, WarpdeckError

TYPES = (BASIC, CLOZE)


def stamped(notes: list[RenderedNote], old: Ledger | None = None, now: int = START) -> Stamping:
    result = stamp(old or Ledger(), notes, TYPES, now)
    assert result.problems == ()
    return result


def problem(notes: list[RenderedNote], old: Ledger) -> str:
    (only,) = stamp(old, notes, TYPES, START + 9).problems
    return str(only)


# --- guid ---


def test_guid_never_changes() -> None:
    """If this fails, mend the code, never the test: learners have these guids."""
    assert ledger.guid("warpdeck", "opt-bank-width", "zh") == "je6bvfccmkfwd3l5"
    assert ledger.guid("warpdeck", "opt-bank-width", "en") == "fxhyswej4j5rot4q"


def test_guid_parts_do_not_run_together() -> None:
    assert ledger.guid("a", "b-c", "en") != ledger.guid("a-b", "c", "en")


# --- modification times ---


def test_new_note_gets_now() -> None:
    result = stamped([basic("a")])
    assert [s.mod for s in result.notes] == [START]
    assert [n.id for n in result.changes.new] == ["a"]


def test_equal_note_is_untouched() -> None:
    first = stamped([basic("a"), cloze("b")])
    again = stamped([basic("a"), cloze("b")], first.ledger, START + 1000)
    assert again.notes == first.notes
    assert again.note_types == first.note_types
    assert again.ledger == first.ledger
    assert len(again.changes.unchanged) == 2


@pytest.mark.parametrize(
    "other",
    [basic("a", back="other"), basic("a", tags=("kit", "x"))],
    ids=["fields", "tags"],
)
def test_change_gets_a_greater_mod(other: RenderedNote) -> None:
    first = stamped([basic("a")])
    later = stamped([other], first.ledger, START + 1000)
    assert later.notes[0].mod == START + 1000
    assert later.changes.changed == (other,)


def test_mod_grows_even_where_the_clock_does_not() -> None:
    first = stamped([basic("a")])
    second = stamped([basic("a", back="x")], first.ledger, START)
    back = stamped([basic("a")], second.ledger, START - 5000)
    assert [s.mod for s in (*first.notes, *second.notes, *back.notes)] == [
        START,
        START + 1,
        START + 2,
    ]


def test_move_to_other_topic_keeps_everything_but_the_topic() -> None:
    first = stamped([basic("a", topic="x")])
    moved = stamped([basic("a", topic="y")], first.ledger, START + 9)
    assert (moved.notes[0].mod, moved.notes[0].note_id) == (START, first.notes[0].note_id)
    assert moved.ledger.notes[moved.notes[0].note.guid].topic == "y"


def test_note_type_has_a_mod_of_its_own() -> None:
    first = stamp(Ledger(), [], TYPES, START)
    styled = replace(BASIC, css=".card { color: red; }")
    later = stamp(first.ledger, [], (styled, CLOZE), START + 50)
    assert [t.mod for t in later.note_types] == [START + 50, START]
    assert later.changes.note_types == (styled,)


def test_stamping_a_part_leaves_the_rest() -> None:
    whole = stamped([basic("a", topic="x"), basic("b", topic="y")])
    part = stamped([basic("b", back="new", topic="y")], whole.ledger, START + 5)
    a = ledger.guid("kit", "a", "en")
    assert part.ledger.notes[a] == whole.ledger.notes[a]


def test_release_moves_drafts_alone() -> None:
    old = stamped([basic("a"), basic("b")])
    published = ledger.release(old.ledger, START + 100)
    edited = stamped([basic("a"), basic("b", back="x")], published, START + 200)
    again = ledger.release(edited.ledger, START + 300)
    mods = {e.id: e.mod for e in again.notes.values()}
    assert mods == {"a": START + 100, "b": START + 300}
    assert not any(e.draft for e in again.notes.values())
    assert not any(e.draft for e in again.note_types.values())


def test_release_never_moves_back() -> None:
    old = stamped([basic("a")])
    assert {e.mod for e in ledger.release(old.ledger, START - 100).notes.values()} == {START}


# --- ids ---


def test_ids_are_in_the_past_in_order_and_apart() -> None:
    notes = [basic(f"n{i}") for i in range(300)]
    ids = [s.note_id for s in stamped(notes).notes]
    assert ids == sorted(ids)
    assert max(ids) < (START - 86_000) * 1000
    assert min(ids) > (START - 10 * 86_400) * 1000
    assert min(b - a for a, b in pairwise(ids)) >= 1000


def test_ids_of_more_notes_than_the_week_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_WEEK", 10)
    ids = [s.note_id // 1000 for s in stamped([basic(f"n{i}") for i in range(500)]).notes]
    assert ids == sorted(set(ids))
    assert max(ids) < START - 86_000


def test_taken_second_is_passed_over() -> None:
    first = stamped([basic("a")])
    only = next(iter(first.ledger.notes.values()))
    other = ledger.guid("kit", "b", "en")
    clash = Ledger({only.guid: replace(only, note_id=stamped([basic("b")]).notes[0].note_id)})
    assert stamped([basic("b")], clash).ledger.notes[other].note_id == (
        clash.notes[only.guid].note_id + 1000
    )


# --- positions ---


def dues(result: Stamping) -> dict[str, int]:
    return {s.note.id: s.due for s in result.notes}


def test_positions_follow_the_files_with_gaps() -> None:
    result = dues(stamped([basic("a", topic="x"), basic("b", topic="x"), basic("c", topic="y")]))
    assert result == {"a": 100_000, "b": 100_100, "c": 200_000}


def test_inserted_note_gets_the_midpoint_and_others_keep_theirs() -> None:
    first = stamped([basic("a"), basic("c")])
    second = stamped([basic("a"), basic("b"), basic("c")], first.ledger)
    assert dues(second) == {"a": 100_000, "b": 100_050, "c": 100_100}


def test_appended_and_prepended_notes_stay_with_their_topic() -> None:
    first = stamped([basic("a", topic="x"), basic("z", topic="y")])
    second = stamped(
        [
            basic("a", topic="x"),
            basic("b", topic="x"),
            basic("m", topic="n"),
            basic("y", topic="y"),
            basic("z", topic="y"),
        ],
        first.ledger,
    )
    assert dues(second) == {"a": 100_000, "b": 100_100, "m": 150_050, "y": 199_900, "z": 200_000}


def test_part_build_appends_to_its_own_topic() -> None:
    whole = stamped([basic("a", topic="x"), basic("z", topic="y")])
    part = stamped([basic("a", topic="x"), basic("b", topic="x")], whole.ledger)
    assert dues(part)["b"] == 100_100


def test_positions_without_room_still_keep_the_order() -> None:
    """Ties are the worst that can happen."""
    old = stamped([basic("a"), basic("z")])
    names = ["a", "z"]
    for number in range(12):
        names.insert(1, f"n{number}")
        old = stamped([basic(name) for name in names], old.ledger)
    found = [s.due for s in old.notes]
    assert found == sorted(found)


def test_moved_note_is_no_bound() -> None:
    """`c` was moved up; a note inserted after it must not land before it."""
    first = stamped([basic("a"), basic("b"), basic("c")])
    second = stamped([basic("c"), basic("new"), basic("a"), basic("b")], first.ledger)
    assert dues(second)["new"] == 100_300


def test_retired_note_is_nobodys_neighbour() -> None:
    """It may stand anywhere in the order: its section is gone."""
    first = stamped([basic("a"), basic("b"), basic("c")])
    (entry,) = ledger.missing(first.ledger, {ledger.guid("kit", n, "en") for n in "bc"})
    second = stamped([basic("b"), basic("c"), retired(entry), basic("d")], first.ledger)
    assert dues(second)["d"] == 100_300


def test_languages_are_counted_apart() -> None:
    result = stamped([basic("a"), basic("a", language="zh"), basic("b"), basic("b", language="zh")])
    assert [s.due for s in result.notes] == [100_000, 100_000, 100_100, 100_100]


# --- retirement ---


def test_missing_note_is_retired_once_and_stays_so() -> None:
    first = stamped([basic("a"), cloze("b", (1, 3))])
    present = {ledger.guid("kit", "a", "en")}
    (entry,) = ledger.missing(first.ledger, present)
    assert (entry.id, entry.question, entry.ordinals) == ("b", "What is b?", (0, 2))
    second = stamped([basic("a"), retired(entry)], first.ledger, START + 10)
    assert [n.id for n in second.changes.retired] == ["b"]
    (still,) = ledger.missing(second.ledger, present)
    third = stamped([basic("a"), retired(still)], second.ledger, START + 20)
    assert third.ledger == second.ledger
    assert third.changes.retired == ()
    assert len(third.changes.unchanged) == 2


def test_retired_id_cannot_be_used_again() -> None:
    first = stamped([basic("a")])
    (entry,) = ledger.missing(first.ledger, set())
    gone = stamped([retired(entry)], first.ledger)
    text = problem([basic("a", line=7)], gone.ledger)
    assert text.startswith("source/memory/en.md:7:1: the id 'a' belonged to a note")
    assert entry.guid in text


def test_retired_note_can_be_restored_by_its_line(tmp_path: Path) -> None:
    """The way out that the message names."""
    first = stamped([basic("a")])
    gone = stamped([retired(e) for e in ledger.missing(first.ledger, set())], first.ledger)
    path = tmp_path / "notes.lock"
    path.write_bytes(ledger.dump(gone.ledger).replace(b'"retired":true', b'"retired":false'))
    back = stamped([basic("a")], ledger.load(path, "x"), START)
    assert back.notes[0].mod == gone.notes[0].mod + 1
    assert back.notes[0].note_id == first.notes[0].note_id


# --- broken promises ---


def test_lost_cloze_number_stops_the_build() -> None:
    published = ledger.release(stamped([cloze("a", (1, 2, 4))]).ledger, START)
    text = problem([cloze("a", (1, 3))], published)
    assert "had c2, c4 and has it no more" in text
    assert "new id" in text
    assert "notes.lock" not in text


def test_cloze_number_may_move_to_other_text_and_grow() -> None:
    first = stamped([cloze("a", (1, 2))])
    second = stamped([cloze("a", (2, 3, 1))], first.ledger)
    (entry,) = second.ledger.notes.values()
    assert entry.ordinals == (0, 1, 2)


def test_lost_second_card_stops_the_build() -> None:
    first = stamped([basic("a", reverse="short")])
    text = problem([replace(basic("a"), kind="reverse")], first.ledger)
    assert "card 2" in text
    assert "If nobody has the note yet, remove its line" in text


def test_retired_update_must_keep_the_cards() -> None:
    """Else Empty Cards would delete the learner's."""
    first = stamped([cloze("a", (1, 2))])
    (entry,) = ledger.missing(first.ledger, set())
    assert "c2" in problem([replace(retired(entry), ordinals=(0,))], first.ledger)


def test_other_note_type_stops_the_build() -> None:
    first = stamped([basic("a")])
    text = problem([cloze("a")], first.ledger)
    assert "was a question note and is now a cloze note" in text
    assert "Give it a new id" in text


def test_other_kind_of_the_same_note_type_stops_the_build() -> None:
    first = stamped([basic("a")])
    text = problem([replace(basic("a"), kind="code")], first.ledger)
    assert "was a question note and is now a code note" in text
    assert "new id" in text


def test_one_id_twice_names_both_places() -> None:
    text = problem([basic("a", line=3), basic("a", line=9)], Ledger())
    assert text.startswith("source/memory/en.md:9:1: ")
    assert "source/memory/en.md:3:1" in text


def test_renamed_deck_stops_the_build() -> None:
    at = Location("source/memory/topic.yml", 2)
    first = stamp(Ledger(), [], TYPES, START, [DeckName("memory", "en", "CUDA", at)])
    assert first.problems == ()
    second = stamp(first.ledger, [], TYPES, START, [DeckName("memory", "en", "GPU", at)])
    (only,) = second.problems
    assert str(only).startswith("source/memory/topic.yml:2:1: the deck 'CUDA' is now called 'GPU'")


@pytest.mark.parametrize(
    "changed",
    [
        replace(BASIC, fields=(*BASIC.fields, Field(105, "More"))),
        replace(BASIC, fields=BASIC.fields[::-1]),
        replace(BASIC, fields=BASIC.fields[:-1]),
        replace(BASIC, templates=BASIC.templates[:1]),
        replace(BASIC, templates=(CardTemplate(999, "Forward", "a", "b"), *BASIC.templates[1:])),
        replace(BASIC, cloze=True),
    ],
    ids=["field-added", "reordered", "field-removed", "template-removed", "template-id", "cloze"],
)
def test_changed_schema_stops_the_build(changed: object) -> None:
    first = stamp(Ledger(), [], TYPES, START)
    (only,) = stamp(first.ledger, [], (changed, CLOZE), START).problems  # type: ignore[arg-type]
    assert only.rule == "schema-changed"
    assert "kit: basic" in only.message


def test_renamed_field_and_template_are_an_edit() -> None:
    first = stamp(Ledger(), [], TYPES, START)
    fields = (*BASIC.fields[:-1], replace(BASIC.fields[-1], name="Figure"))
    renamed = replace(BASIC, fields=fields, templates=BASIC.templates)
    second = stamp(first.ledger, [], (renamed, CLOZE), START)
    assert second.problems == ()
    assert second.note_types[0].mod == START + 1


def test_all_problems_come_at_once() -> None:
    first = stamped([basic("a"), cloze("b", (1, 2))])
    result = stamp(first.ledger, [cloze("a"), cloze("b", (1,)), cloze("b", (1, 2))], TYPES, START)
    assert {p.rule for p in result.problems} == {"kind-changed", "card-lost", "id-twice"}


# --- the file ---


def full() -> Ledger:
    at = Location("x")
    notes = [basic("a"), cloze("银行", (1, 4)), basic("a", language="zh")]
    return stamp(Ledger(), notes, TYPES, START, [DeckName("memory", "zh", "存储", at)]).ledger


def loaded(path: Path, text: bytes) -> Ledger:
    path.write_bytes(text)
    return ledger.load(path, "source/notes.lock")


def failure(path: Path, text: bytes) -> str:
    with pytest.raises(WarpdeckError) as caught:
        loaded(path, text)
    assert path.read_bytes() == text
    return str(caught.value)


def test_file_comes_back_as_it_was(tmp_path: Path) -> None:
    for each in (Ledger(), full()):
        text = ledger.dump(each)
        assert loaded(tmp_path / "l", text) == each
        assert ledger.dump(loaded(tmp_path / "l", text)) == text
        json.loads(text)


def test_missing_file_is_an_empty_ledger(tmp_path: Path) -> None:
    assert ledger.load(tmp_path / "none", "x") == Ledger()


def test_file_does_not_depend_on_the_order_of_stamping() -> None:
    notes = [basic("a"), basic("b"), cloze("c")]
    one = stamped(notes).ledger
    other = Ledger(
        dict(reversed(list(one.notes.items()))), dict(reversed(list(one.note_types.items())))
    )
    assert ledger.dump(one) == ledger.dump(other)


def test_one_line_per_entry() -> None:
    lines = ledger.dump(full()).decode().splitlines()
    assert sum('"question":' in line for line in lines) == 3
    assert all(line.count('"question":') <= 1 for line in lines)


def test_line_separators_stay_inside_the_line() -> None:
    entry = replace(next(iter(full().notes.values())), question="a\u2028b\u2029c\nd")
    text = ledger.dump(Ledger({entry.guid: entry})).decode()
    assert sum("question" in line for line in text.splitlines()) == 1


def test_unfinished_merge_names_its_line(tmp_path: Path) -> None:
    text = ledger.dump(full()).replace(b'"notes": {\n', b'"notes": {\n<<<<<<< HEAD\n')
    said = failure(tmp_path / "l", text)
    line = text.decode().splitlines().index("<<<<<<< HEAD") + 1
    assert said.startswith(f"source/notes.lock:{line}:1: an unfinished merge")


def break_note(**parts: object) -> bytes:
    data = json.loads(ledger.dump(full()))
    key = sorted(data["notes"])[1]
    data["notes"][key] = {**data["notes"][key], **parts}
    return json.dumps(data, indent=1).encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "source/notes.lock:1:1: not JSON"),
        (b'{"format": 1,\n "notes": }', "source/notes.lock:2:11: not JSON"),
        (b"[]", "not a ledger"),
        (b"{}", "not a ledger"),
        (b"[" * 100_000, "not a ledger"),
        (b'{"format": 2}', "format 2, this warpdeck knows 1"),
        (b'{"format": 1}', "no object 'notes'"),
        (b"\xff", "not UTF-8"),
        (break_note(mod="1"), "'mod' of '"),
        (break_note(mod=True), "is not a number"),
        (break_note(mod=-1), "is not a number"),
        (break_note(due=1 << 63), "is not a number"),
        (b'{"format": ' + b"9" * 5000 + b"}", "not a ledger"),
        (break_note(question="a\x1fb"), "'question' of '"),
        (break_note(topic="\ud800"), "is not a text"),
        (break_note(kind="poem"), "is not a kind of note"),
        (break_note(ordinals=[]), "is not ascending numbers"),
        (break_note(ordinals=[500]), "is not ascending numbers"),
        (
            b'{"format":1,"decks":{},"note_types":{"' + b"9" * 5000 + b'":{}},"notes":{}}',
            "is not the id",
        ),
        (break_note(retired=0), "is not true or false"),
        (break_note(ordinals=[1, 0]), "is not ascending numbers"),
        (break_note(extra=1), "has an unknown 'extra'"),
        (
            b'{"format":1,"decks":{"memory":"x"},"note_types":{},"notes":{}}',
            "'memory' is not a topic",
        ),
        (b'{"format":1,"decks":{},"note_types":{"x":{}},"notes":{}}', "'x' is not the id"),
        (b'{"format":1,"decks":{},"note_types":{},"notes":{"g":[]}}', "'g' is not an object"),
        (b'{"format":1,"decks":{},"note_types":{},"notes":{"g":{}}}', "'g' lacks 'mod'"),
    ],
)
def test_malformed_file_is_a_problem_and_stays(tmp_path: Path, text: bytes, said: str) -> None:
    assert said in failure(tmp_path / "l", text)


def test_two_lines_for_one_note_name_the_second(tmp_path: Path) -> None:
    lines = ledger.dump(full()).decode().splitlines()
    at = next(i for i, line in enumerate(lines) if '"question"' in line and line.endswith(","))
    text = "\n".join([*lines[: at + 1], *lines[at:]]).encode()
    said = failure(tmp_path / "l", text)
    assert said.startswith(f"source/notes.lock:{at + 2}:1: two lines for")


def test_two_notes_with_one_id_name_the_way_out(tmp_path: Path) -> None:
    a, b, *rest = full().notes.values()
    clash = Ledger({e.guid: e for e in (a, replace(b, note_id=a.note_id), *rest)})
    said = failure(tmp_path / "l", ledger.dump(clash))
    assert "have the same note_id" in said
    assert "Remove the line" in said


def test_ten_thousand_notes_are_cheap(tmp_path: Path) -> None:
    """Seconds would be felt at each build; this takes a fraction of one."""
    notes = [basic(f"n{i}", back="x" * 2000) for i in range(10_000)]
    first = stamped(notes)
    text = ledger.dump(first.ledger)
    again = loaded(tmp_path / "l", text)
    assert stamped(notes, again, START + 5).ledger == first.ledger
