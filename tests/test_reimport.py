"""What learners keep, and get, when they import release after release into the real Anki."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from ankibox import AnkiBox, Counts, fresh
from deckkit import BASIC, CLOZE, Project, basic, cloze

from warpdeck.model import CardTemplate, RenderedNote


@pytest.fixture
def box() -> Iterator[AnkiBox]:
    with fresh() as opened:
        yield opened


def some_notes() -> list[RenderedNote]:
    return [*[basic(f"n{i}") for i in range(8)], basic("r", reverse="short"), cloze("c", (1, 2))]


def study(box: AnkiBox, cards: int = 5) -> None:
    """Review cards in every deck, so that there is something to lose."""
    for deck in sorted(box.decks()):
        box.study(cards, deck)


def studied(box: AnkiBox, package: bytes) -> tuple[dict[str, list[object]], int]:
    """Import, study, and return what must not change afterwards."""
    box.load(package)
    study(box)
    rows = box.rows()
    assert rows["revlog"]
    return rows, box.scm()


# --- single releases ---


def test_first_import_is_all_new_and_second_does_nothing(box: AnkiBox) -> None:
    project = Project()
    first = project.release(some_notes())
    assert box.load(first) == Counts(10, 0, 0, 0)
    assert box.load(first) == Counts(0, 0, 10, 0)
    assert project.release(some_notes()) == first
    assert box.orphans() == []
    assert box.template_errors() == []
    assert box.empty_cards() == 0
    assert box.decks() == {"Kit", "Kit::en", "Kit::en::memory"}


def test_three_changed_notes_and_a_style_update_and_keep_every_review(box: AnkiBox) -> None:
    project = Project()
    notes = some_notes()
    before = studied(box, project.release(notes))
    for at in (0, 3):
        notes[at] = replace(notes[at], fields=(notes[at].fields[0], "better", "", ""))
    notes[9] = cloze("c", (1, 2), extra="better")
    project.types = (replace(BASIC, css=".card { color: green; }"), CLOZE)
    assert box.load(project.release(notes)) == Counts(0, 3, 7, 0)
    assert (box.rows(), box.scm()) == before
    assert box.fields(notes[0].guid)[1] == "better"
    assert "green" in str(box.col.models.by_name("kit: basic"))
    assert {m.name for m in box.col.models.all_names_and_ids()} >= {"kit: basic", "kit: cloze"}
    assert not [m for m in box.col.models.all_names_and_ids() if m.name.endswith("+")]


def test_reader_who_skips_releases_gets_the_last(box: AnkiBox) -> None:
    project = Project()
    notes = some_notes()
    before = studied(box, project.release(notes))
    for text in ("second", "third", "answer"):
        notes[1] = basic("n1", text)
        last = project.release(notes)
    notes[2] = basic("n2", "fourth")
    last = project.release(notes)
    assert box.load(last) == Counts(0, 2, 8, 0)
    assert (box.rows(), box.scm()) == before
    assert box.fields(notes[1].guid)[1] == "answer"


def test_revert_to_old_content_arrives(box: AnkiBox) -> None:
    project = Project()
    for text, counts in (("a", (1, 0, 0, 0)), ("b", (0, 1, 0, 0)), ("a", (0, 1, 0, 0))):
        assert box.load(project.release([basic("n", text)])) == Counts(*counts)
        assert box.fields(basic("n").guid)[1] == text


def test_tag_between_edit_and_release_does_not_block_the_update(box: AnkiBox) -> None:
    """Why mods are those of the release: the learner's tag is newer than the edit."""
    project = Project()
    box.load(project.release([basic("n")]))
    edited = [basic("n", "better")]
    project.build(edited)
    note = box.col.get_note(box.col.find_notes("n")[0])
    note.tags.append("mine")
    box.col.update_note(note)
    box.db.execute("update notes set mod = ?", project.now + 3600)
    assert box.load(project.release(edited)) == Counts(0, 1, 0, 0)


# --- notes that go away ---


def without(notes: list[RenderedNote], *names: str) -> list[RenderedNote]:
    return [note for note in notes if note.id not in names]


def test_removed_notes_get_a_last_update_and_keep_their_cards(box: AnkiBox) -> None:
    project = Project()
    notes = some_notes()
    before = studied(box, project.release(notes))
    second = project.release(without(notes, "n0", "r", "c"))
    assert box.load(second) == Counts(0, 3, 7, 0)
    assert (box.rows(), box.scm()) == before
    assert box.fields(notes[0].guid)[:2] == ["What is n0?", "This note was withdrawn."]
    assert box.tags(notes[0].guid) == ["retired"]
    assert box.template_errors() == []
    assert box.empty_cards() == 0
    assert box.load(project.release(without(notes, "n0", "r", "c"))) == Counts(0, 0, 10, 0)


def test_new_learner_sees_nothing_of_retired_notes(box: AnkiBox) -> None:
    project = Project()
    notes = some_notes()
    project.release(notes)
    box.load(project.release(without(notes, "n0", "c")))
    assert set(box.orphans()) == {notes[0].guid, notes[9].guid}
    assert {row[0] for row in box.rows()["cards"]} == {n.guid for n in notes[1:9]}
    assert box.study(100, "Kit") > 0
    assert not {notes[0].guid, notes[9].guid} & {face.guid for face in box.faces()}


def test_learner_who_deleted_a_retired_note_does_not_get_it_to_review_again(box: AnkiBox) -> None:
    project = Project()
    notes = some_notes()
    box.load(project.release(notes))
    second = project.release(without(notes, "n0"))
    box.load(second)
    box.col.remove_notes(box.col.find_notes("tag:retired"))
    box.load(second)
    assert notes[0].guid not in {row[0] for row in box.rows()["cards"]}


def test_restored_note_gives_its_cards_to_learners_old_and_new(box: AnkiBox) -> None:
    project = Project()
    notes = some_notes()
    before = studied(box, project.release(notes))
    gone = project.release(without(notes, "n0"))
    box.load(gone)
    guid = notes[0].guid
    entry = replace(project.ledger.notes[guid], retired=False)
    project.ledger = replace(project.ledger, notes={**project.ledger.notes, guid: entry})
    back = project.release(notes)
    assert box.load(back) == Counts(0, 1, 9, 0)
    assert (box.rows(), box.scm()) == before
    with fresh() as other:
        other.load(gone)
        other.load(back)
        assert other.orphans() == []
        assert len(other.rows()["cards"]) == len(before[0]["cards"])


# --- notes that grow or move ---


def test_moved_note_stays_in_the_learners_deck(box: AnkiBox) -> None:
    project = Project()
    before = studied(box, project.release([basic("a"), basic("b")]))
    assert box.load(project.release([basic("a", topic="other"), basic("b")])) == Counts(0, 0, 2, 0)
    assert (box.rows(), box.scm()) == before
    assert box.deck_of(basic("a").guid) == {"Kit::en::memory"}


def test_new_cloze_number_adds_one_card(box: AnkiBox) -> None:
    project = Project()
    rows, scm = studied(box, project.release([cloze("c", (1, 2)), basic("a")]))
    assert box.load(project.release([cloze("c", (1, 2, 4)), basic("a")])) == Counts(0, 1, 1, 0)
    cards = [row for row in box.rows()["cards"] if row not in rows["cards"]]
    assert [row[:2] for row in cards] == [[cloze("c").guid, 3]]
    assert (len(box.rows()["cards"]), box.rows()["revlog"]) == (4, rows["revlog"])
    assert box.scm() == scm
    assert box.empty_cards() == 0


def test_spare_field_and_template_are_the_way_to_grow(box: AnkiBox) -> None:
    """Renaming the spare ones and filling one note's adds one card, without a full sync."""
    project = Project()
    rows, scm = studied(box, project.release([basic("a"), basic("b")]))
    fields = (*BASIC.fields[:3], replace(BASIC.fields[3], name="Figure"))
    shown = CardTemplate(113, "Figure", "{{#Figure}}{{Figure}}{{/Figure}}", "{{Back}}")
    project.types = (replace(BASIC, fields=fields, templates=(*BASIC.templates[:2], shown)), CLOZE)
    assert box.load(project.release([basic("a", spare="<svg/>x"), basic("b")])) == Counts(
        0, 1, 1, 0
    )
    cards = [row for row in box.rows()["cards"] if row not in rows["cards"]]
    assert [row[:2] for row in cards] == [[basic("a").guid, 2]]
    assert box.rows()["revlog"] == rows["revlog"]
    assert box.scm() == scm
    stored = box.col.models.by_name("kit: basic")
    assert stored is not None
    assert [f["name"] for f in stored["flds"]] == ["Front", "Back", "Reverse", "Figure"]
    assert box.template_errors() == []


# --- several packages ---


def test_two_languages_side_by_side(box: AnkiBox) -> None:
    project = Project()
    en = [basic("a"), cloze("c")]
    zh = [basic("a", language="zh"), basic("b", language="zh")]
    assert box.load(project.release(en + zh)) == Counts(4, 0, 0, 0)
    assert box.deck_of(zh[0].guid) == {"Kit::zh::memory"}
    assert box.deck_of(en[0].guid) == {"Kit::en::memory"}


def test_topic_then_everything_makes_no_duplicates(box: AnkiBox) -> None:
    project = Project()
    notes = [basic("a", topic="x"), basic("b", topic="y"), cloze("c", topic="x")]
    everything = project.release(notes)
    topic = project.build(notes, only="x")
    assert box.load(topic) == Counts(2, 0, 0, 0)
    study(box)
    reviews = box.rows()["revlog"]
    assert box.load(everything) == Counts(1, 0, 2, 0)
    assert box.load(topic) == Counts(0, 0, 2, 0)
    assert box.rows()["revlog"] == reviews
    assert box.decks() == {"Kit", "Kit::en", "Kit::en::x", "Kit::en::y"}


@pytest.mark.parametrize(
    "options",
    [
        {"with_deck_configs": True},
        {"with_scheduling": True},
        {"with_scheduling": True, "with_deck_configs": True},
        {"merge_notetypes": True},
    ],
    ids=lambda options: "+".join(options),
)
def test_other_import_options_do_no_harm(box: AnkiBox, options: dict[str, bool]) -> None:
    """The learner's preset, limits and reviews survive boxes that were ticked by mistake."""
    project = Project()
    notes = some_notes()
    before = studied(box, project.release(notes))
    deck_id = box.col.decks.id_for_name("Kit::en::memory")
    assert deck_id is not None
    preset = box.col.decks.add_config("mine")
    deck = box.col.decks.get(deck_id)
    assert deck is not None
    deck |= {"conf": preset["id"], "desc": "my notes", "newLimit": 3}
    box.col.decks.save(deck)
    settings = [box.col.decks.get(deck_id), box.col.decks.all_config()]
    notes[0] = basic("n0", "better")
    assert box.load(project.release(notes), **options) == Counts(0, 1, 9, 0)
    assert (box.rows(), box.scm()) == before
    assert [box.col.decks.get(deck_id), box.col.decks.all_config()] == settings


# --- a long history ---


def step(rng: random.Random, notes: list[RenderedNote], release: int) -> list[RenderedNote]:
    """Return the source after some weeks of work: edits, reverts, additions, deletions."""
    edited = [
        replace(n, fields=(n.fields[0], rng.choice("abc"), *n.fields[2:]))
        if n.note_type == BASIC.id and rng.random() < 0.3
        else n
        for n in notes
    ]
    kept = [n for n in edited if rng.random() > 0.05]
    added = [basic(f"r{release}-{i}", topic=rng.choice("xy")) for i in range(rng.randrange(4))]
    if rng.random() < 0.5:
        added.append(cloze(f"c{release}", tuple(range(1, rng.randrange(2, 5)))))
    rng.shuffle(kept)
    return kept + added


def restyle(rng: random.Random, project: Project) -> None:
    if rng.random() < 0.4:
        css = f".card {{ width: {rng.randrange(900)}px; }}"
        project.types = (replace(project.types[0], css=css), project.types[1])


def take(box: AnkiBox, package: bytes, project: Project) -> Counts:
    """Import, and check that no card was lost or rescheduled."""
    before, scm = box.rows(), box.scm()
    counts = box.load(package)
    after = {(row[0], row[1]): row for row in box.rows()["cards"]}
    assert all(after[row[0], row[1]] == row for row in before["cards"])
    assert box.rows()["revlog"] == before["revlog"]
    assert counts.conflicting == 0
    assert not project.stamping or box.scm() == scm or not before["cards"]
    retired = {g for g, entry in project.ledger.notes.items() if entry.retired}
    assert set(box.orphans()) <= retired
    assert box.template_errors() == []
    assert box.empty_cards() == 0
    study(box, 3)
    return counts


@pytest.mark.parametrize("seed", [1, 2])
def test_twelve_random_releases(seed: int) -> None:
    """One learner takes each release, another every third or so; both end with the same."""
    rng = random.Random(seed)
    project = Project()
    notes = [*some_notes(), *[basic(f"y{i}", topic="y") for i in range(5)]]
    with fresh() as eager, fresh() as lazy:
        for release in range(12):
            package = project.release(notes)
            changes = project.changes
            counts = take(eager, package, project)
            updated = len(changes.changed) + len(changes.retired)
            assert (counts.new, counts.updated) == (len(changes.new), updated)
            assert eager.load(package).duplicate == len(project.ledger.notes)
            if release in (0, 3, 4, 8, 11):
                known = lazy.guids()
                late = take(lazy, package, project)
                assert late.new == len(project.ledger.notes.keys() - known)
            notes = step(rng, notes, release)
            restyle(rng, project)
        for guid in project.ledger.notes:
            assert eager.fields(guid) == lazy.fields(guid)
            assert eager.tags(guid) == lazy.tags(guid)
