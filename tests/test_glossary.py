"""Words that the glossary does not want are found in prose, and nowhere else."""

from __future__ import annotations

import pytest

from warpdeck import glossary
from warpdeck.model import Term
from warpdeck.parse import parse_text

TERMS = (
    Term((("en", "shared memory"), ("zh", "共享内存")), (("zh", "共享存储器"), ("zh", "共享存储"))),
    Term((("en", "ridge point"), ("zh", "屋脊点")), (("zh", "脊点"),)),
    Term((("en", "quantisation"), ("zh", "量化")), (("en", "quantization"),)),
    Term((("en", "all-reduce"), ("zh", "全归约")), (("en", "all reduce"), ("zh", "all reduce"))),
    Term((("en", "behaviour"),), (("en", "behavior"),)),
)
PATH = "source/demo/x.md"


def said(text: str, language: str = "zh", heading: str = "Q?", classes: str = "") -> list[str]:
    notes, problems = parse_text(f"## {heading} {{#x {classes}}}\n\n{text}\n", PATH, "t", language)
    assert problems == []
    return [str(problem) for note in notes for problem in glossary.problems(note, TERMS)]


def test_place_and_the_word_to_write() -> None:
    assert said("一个线程块的\n共享存储器。") == [
        f"{PATH}:4:1: '共享存储器' is not the glossary's word. Write '共享内存'."
    ]


def test_heading_front_and_back() -> None:
    found = said("用共享存储\n\n---\n\n是共享存储器", heading="共享存储器？")
    assert [problem.split(": ")[0] for problem in found] == [
        f"{PATH}:1:4",
        f"{PATH}:3:2",
        f"{PATH}:7:2",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "`共享存储器` 与 ``a ` 共享存储器``",
        "[见](https://example.org/共享存储器)，https://example.org/共享存储器",
        "事实。[@k#共享存储器]",
        "```text\n共享存储器\n```",
        "$x_{共享存储器}$",
        "{{#time a:共享存储器}}",
        '<span title="共享存储器">x</span>',
        "在屋脊点左侧",
        "这是 all_reduce 与 xall reduce",
    ],
)
def test_no_mistake(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("**共享**存储器", 3),
        ("a [@k#1] `b` 共享存储器", 14),
        ("{{c1::共享}}存储器", 7),
        ("屋脊点不是脊点", 6),
        ("小于 a < b 的共享存储器 c > d", 11),
    ],
)
def test_marks_hide_no_word_and_move_no_column(text: str, column: int) -> None:
    classes = ".cloze" if "{{c" in text else ""
    (problem,) = said(text, classes=classes)
    assert problem.startswith(f"{PATH}:3:{column}: ")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Quantization is", 1),
        ("prequantization or quantizations", 0),
        ("an all\nreduce", 1),
        ("quantisation `quantization` behaviour", 0),
        ("Behavior", 1),
        ("共享存储器", 0),
    ],
)
def test_words_in_latin_letters_are_whole(text: str, count: int) -> None:
    assert len(said(text, "en")) == count


def test_language_without_words_of_its_own() -> None:
    assert said("共享存储器 quantization", "de") == []
