"""Our own decks, built as a user builds them, in the real Anki."""

from __future__ import annotations

import re

import ankibox
from worktree import Tree


def test_committed_ledger_and_sums_are_those_of_the_source(tree: Tree) -> None:
    before = (tree.folder / "dist" / "SHA256SUMS").read_bytes()
    tree.build("--locked")
    assert (tree.folder / "dist" / "SHA256SUMS").read_bytes() == before


def test_every_package_imports_and_renders(tree: Tree) -> None:
    tree.build("--locked")
    names = tree.packages()
    assert {"warpdeck-zh.apkg", "warpdeck-en.apkg"} < set(names)
    for name in names:
        with ankibox.fresh() as box:
            first = box.load(tree.package(name))
            assert first.new > 0
            assert (first.updated, first.duplicate, first.conflicting) == (0, 0, 0)
            assert box.template_errors() == []
            assert set(box.orphans()) <= set(tree.retired())
            assert box.empty_cards() == 0
            again = box.load(tree.package(name))
            assert (again.new, again.updated, again.conflicting) == (0, 0, 0)
            assert again.duplicate == first.new


def test_one_of_everything_is_the_sum_of_the_topics(tree: Tree, box: ankibox.AnkiBox) -> None:
    tree.build("--locked")
    for name in tree.packages():
        if name.endswith("-zh.apkg") and name != "warpdeck-zh.apkg":
            assert box.load(tree.package(name)).new > 0
    whole = box.load(tree.package("warpdeck-zh.apkg"))
    assert (whole.new, whole.updated, whole.conflicting) == (0, 0, 0)


def test_cloze_numbers_are_those_that_anki_finds(tree: Tree, box: ankibox.AnkiBox) -> None:
    tree.build("--locked")
    box.load(tree.package("warpdeck-en.apkg"))
    found = box.col.find_notes('"note:warpdeck Cloze"')
    assert found
    for note_id in found:
        note = box.col.get_note(note_id)
        numbers = box.col._backend.cloze_numbers_in_note(note._to_backend_note())
        assert sorted(card.ord + 1 for card in note.cards()) == sorted(numbers)


def test_three_edits_and_a_style_change_update_three_notes(
    tree: Tree, box: ankibox.AnkiBox
) -> None:
    tree.build("--locked")
    box.load(tree.package("warpdeck-en.apkg"))
    assert box.study(40, "warpdeck English") > 0
    before, scm = box.rows(), box.scm()
    path = tree.folder / "source" / "memory-hierarchy" / "en.md"
    text, count = re.subn(
        r"^(## [^{\n]+?)( ?\{#)", r"\1 (edited)\2", path.read_text(), count=3, flags=re.M
    )
    assert count == 3
    path.write_text(text)
    css = tree.folder / "warpdeck" / "styles" / "card.css"
    css.write_text(css.read_text() + ".edited { color: red; }\n")
    tree.build()
    counts = box.load(tree.package("warpdeck-en.apkg"))
    assert (counts.new, counts.updated, counts.conflicting) == (0, 3, 0)
    assert box.rows() == before
    assert box.scm() == scm
    ours = [model for model in box.col.models.all() if model["name"].startswith("warpdeck ")]
    assert len(ours) == 3
    assert all(model["css"].endswith(".edited { color: red; }\n") for model in ours)


def test_deleted_section_retires_the_note(tree: Tree, box: ankibox.AnkiBox) -> None:
    tree.build("--locked")
    box.load(tree.package("warpdeck-en.apkg"))
    assert box.study(40, "warpdeck English") > 0
    before, guids = box.rows(), box.guids()
    for language in ("zh", "en"):
        path = tree.folder / "source" / "memory-hierarchy" / f"{language}.md"
        head, first, *rest = re.split(r"^(?=## )", path.read_text(), flags=re.M)
        gone = re.search(r"\{#([\w-]+)", first)
        path.write_text(head + "".join(rest))
    assert gone
    tree.build()
    counts = box.load(tree.package("warpdeck-en.apkg"))
    assert (counts.new, counts.updated, counts.conflicting) == (0, 1, 0)
    assert box.rows() == before
    assert box.guids() == guids
    (retired,) = box.col.find_notes("tag:warpdeck::retired")
    assert gone[1] in "".join(box.col.get_note(retired).fields)
    assert box.template_errors() == []
    tree.build("--locked")
    assert box.load(tree.package("warpdeck-en.apkg")).updated == 0
