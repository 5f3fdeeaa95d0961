"""The note types: pinned for ever, rendered by Anki itself, and without anything remote."""

from __future__ import annotations

import re

import pytest
from ankibox import TEMPLATE_ERRORS
from conftest import Bench, Learner, Side, fields, shown

from warpdeck import note_types
from warpdeck.model import COLOURS, Kind

# Anki matches fields and templates by these ids, and learners' collections hold them. A number
# that changes makes a second note type beside the first one: its notes never update again, and
# their reviews stay with the old ones. Names and looks may change; ids, order and count may not.
PINNED = {
    "Basic": (
        1_030_322_085_809,
        {
            "Question": 1_490_346_986_947,
            "Context": 1_524_244_440_370,
            "Answer": 1_329_458_965_966,
            "Reverse": 1_088_382_633_060,
            "Kind": 1_361_836_574_392,
            "Level": 1_464_811_014_316,
            "Topic": 1_479_622_788_015,
            "Colour": 1_220_783_600_982,
            "Sources": 1_214_494_776_695,
            "Note ID": 1_197_871_199_842,
            "Language": 1_270_956_845_222,
            "Spare Card": 1_283_579_517_016,
            "Spare 1": 1_108_870_442_299,
            "Spare 2": 1_596_423_653_807,
            "Spare 3": 1_103_982_661_284,
            "Spare 4": 1_048_690_174_533,
            "Spare 5": 1_187_857_431_375,
            "Spare 6": 1_369_161_437_332,
        },
        {"Question": 1_569_010_265_648, "Reverse": 1_317_233_250_654, "Spare": 1_426_083_067_833},
    ),
    "Cloze": (
        1_486_187_184_923,
        {
            "Text": 1_403_045_745_607,
            "Title": 1_369_018_868_974,
            "Extra": 1_378_069_451_254,
            "Kind": 1_081_500_865_621,
            "Level": 1_049_468_760_745,
            "Topic": 1_222_420_389_599,
            "Colour": 1_055_282_266_950,
            "Sources": 1_252_583_668_306,
            "Note ID": 1_575_450_124_018,
            "Language": 1_285_253_708_750,
            "Spare 1": 1_132_186_023_852,
            "Spare 2": 1_237_047_727_157,
            "Spare 3": 1_209_814_394_742,
            "Spare 4": 1_171_085_634_157,
            "Spare 5": 1_522_343_657_290,
            "Spare 6": 1_467_453_872_321,
        },
        {"Cloze": 1_073_658_791_132},
    ),
    "Type": (
        1_522_340_988_925,
        {
            "Question": 1_143_347_598_602,
            "Context": 1_243_321_686_660,
            "Expected": 1_155_102_140_006,
            "Answer": 1_125_269_243_841,
            "Kind": 1_589_121_951_314,
            "Level": 1_547_248_519_388,
            "Topic": 1_093_532_807_020,
            "Colour": 1_190_469_401_691,
            "Sources": 1_586_634_418_034,
            "Note ID": 1_524_958_092_074,
            "Language": 1_317_060_026_623,
            "Spare Card": 1_107_540_571_878,
            "Spare 1": 1_189_728_740_332,
            "Spare 2": 1_215_698_159_542,
            "Spare 3": 1_298_241_159_049,
            "Spare 4": 1_048_572_044_675,
            "Spare 5": 1_103_961_010_491,
            "Spare 6": 1_228_230_670_946,
        },
        {"Type": 1_073_587_421_606, "Spare": 1_102_643_980_525},
    ),
}


def test_ids_and_order_never_change() -> None:
    assert identity() == PINNED
    # Dictionaries that are equal may differ in order, and to Anki the order is the schema.
    assert repr(identity()) == repr(PINNED)


def identity() -> dict[str, tuple[int, dict[str, int], dict[str, int]]]:
    return {
        name: (
            kind.id,
            {field.name: field.id for field in kind.fields},
            {template.name: template.id for template in kind.templates},
        )
        for name, kind in note_types.note_types("warpdeck").items()
    }


def test_ids_of_two_projects_differ_and_are_moments_in_the_past() -> None:
    ours, theirs = note_types.note_types("warpdeck"), note_types.note_types("other")
    ids = [kind.id for kind in (*ours.values(), *theirs.values())]
    assert len(set(ids)) == 6 and all(10**12 <= number < 1_600_000_000_000 for number in ids)
    for kind in ours.values():
        parts = [field.id for field in kind.fields] + [card.id for card in kind.templates]
        assert len(set(parts)) == len(parts)


def test_nothing_remote_and_no_script() -> None:
    for kind in note_types.note_types("warpdeck").values():
        texts = [kind.css, *(side for t in kind.templates for side in (t.front, t.back))]
        for text in texts:
            assert not re.search(
                r"//|url\(|@import|@font-face|<script|<link|<img|javascript:", text
            )


def test_every_class_of_a_template_has_a_style_or_is_a_hook() -> None:
    css = note_types.note_types("warpdeck")["Basic"].css
    assert css.count("{") == css.count("}")
    night = set(re.findall(r"--wd-[\w-]+(?=:)", css.split(".night_mode .card {")[1].split("}")[0]))
    day = set(re.findall(r"--wd-[\w-]+(?=:)", css.split(".card {")[1].split("}")[0]))
    assert night == day, "each colour has its night"
    assert set(re.findall(r"var\((--wd-[\w-]+)\)", css)) <= day
    by_day = re.findall(r"^\.wd-colour-(\d+) ", css, re.MULTILINE)
    by_night = re.findall(
        r"^\.nightMode \.wd-colour-(\d+), \.night_mode \.wd-colour-\1 ", css, re.MULTILINE
    )
    assert by_day == by_night == [str(number) for number in range(1, COLOURS + 1)]


BODIES = {
    Kind.QUESTION: "shown\n\n---\n\nanswer",
    Kind.REVERSE: "short\n\n---\n\nanswer",
    Kind.CLOZE: "{{c1::a}} {{c2::b}}\n\n---\n\nanswer",
    Kind.TYPE: "`cudaMalloc`()\n\n---\n\nanswer",
    Kind.CODE: "```text\ncode\n```\n\n---\n\nanswer",
    Kind.BUG: "```text\ncode\n```\n\n---\n\nanswer",
    Kind.OUTPUT: "```text\ncode\n```\n\n---\n\nanswer",
}


def cards(bench: Bench, learner: Learner, kind: Kind) -> list[Side]:
    attributes = "" if kind is Kind.QUESTION else f".{kind.value}"
    return learner.cards(bench.body(f"{BODIES[kind]} [@k#1]", f"{attributes} .level-2"))


@pytest.mark.parametrize("kind", list(BODIES))
def test_every_kind_renders_both_sides(bench: Bench, learner: Learner, kind: Kind) -> None:
    made = cards(bench, learner, kind)
    assert len(made) == (2 if kind in (Kind.REVERSE, Kind.CLOZE) else 1)
    for card in made:
        for side in (card.front, card.back):
            assert not any(error in side for error in TEMPLATE_ERRORS)
            assert "{{" not in side and "L2" in shown(side)
        assert "answer" in shown(card.back) and "answer" not in shown(card.front)
        assert 'href="https://example.org/k"' in card.back and "https" not in card.front
        assert "demo::level::2" in shown(card.back) and "demo::" not in shown(card.front)
        for side in (card.front, card.back):
            assert 'class="wd wd-colour-1"' in side and ">Demo<" in side


def test_an_empty_field_shows_nothing_of_itself(bench: Bench, learner: Learner) -> None:
    (card,) = learner.cards(bench.body("short", ".type"))
    empty = re.compile(r"<(\w+)(?: [^>]*)?>\s*</\1>")
    assert not empty.findall(card.front) and not empty.findall(card.back)
    assert '"wd-level' not in card.back and '"wd-sources' not in card.back


def test_front_and_back_of_a_reverse_note(bench: Bench, learner: Learner) -> None:
    forward, backward = cards(bench, learner, Kind.REVERSE)
    assert "Question?" in shown(forward.front) and "short" not in shown(forward.front)
    assert "short" in shown(forward.back)
    assert "short" in shown(backward.front) and "Question?" not in shown(backward.front)
    assert "Question?" in shown(backward.back)


def test_text_to_type_is_exact(bench: Bench, learner: Learner) -> None:
    for text, typed in (
        ("`cudaMalloc`()", "cudaMalloc()"),
        ("`k<<<g, b>>>()`", "k<<<g, b>>>()"),
        ("`a[i] && b::c`", "a[i] && b::c"),
        ("x" * 150, "x" * 150),
        ("**--maxrregcount** 32", "--maxrregcount 32"),
    ):
        note = bench.body(text, ".type")
        assert shown(fields(note)["Expected"]) == typed
        assert "[[type:Expected]]" in learner.cards(note)[0].front


@pytest.mark.parametrize("kind", [Kind.QUESTION, Kind.TYPE])
def test_spare_card_waits_for_its_field(bench: Bench, learner: Learner, kind: Kind) -> None:
    assert len(cards(bench, learner, kind)) == 1
    note = learner.col.get_note(learner.col.find_notes("", order="n.id desc")[0])
    note["Spare Card"] = "x"
    learner.col.update_note(note)
    assert [card.template()["name"] for card in note.cards()][1:] == ["Spare"]


def test_question_has_no_card_backwards(bench: Bench, learner: Learner) -> None:
    (card,) = cards(bench, learner, Kind.QUESTION)
    assert card.ordinal == note_types.QUESTION_CARD
