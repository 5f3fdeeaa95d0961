"""Lines of code that a card marks as changed or leaves out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import Bench, Learner, fields, shown
from test_resolve import KERNEL, RECEIPT

from warpdeck import lines
from warpdeck.model import Hide, Location
from warpdeck.resolve import Resolver
from warpdeck.snippets import SnippetError

CODE = "zero\none\n\ntwo one\nthree"


def hide(first: str, last: str = "") -> Hide:
    return Hide(first, last or first, Location("f"))


def texts(code: str, found: tuple[lines.Lines, ...]) -> list[str]:
    for one in found:
        assert one.count == code[one.start : one.end].removesuffix("\n").count("\n") + 1
    return [code[one.start : one.end] for one in found]


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        ("a\nb\nc", "a\nx\nc", ["x\n"]),
        ("a\nb", "a\nb\nc", ["c"]),
        ("a\nb", "a\n    b", []),  # indentation alone
        ("a\nb\nc", "a\nc", []),  # what is gone cannot be marked
        ("a\nb", "a\n\n\nx\n\nb", ["x\n"]),  # empty lines around it are no change
        ("a\nb\nc", "x\nb\ny", ["x\n", "y"]),
        ("a\nb", "a\nx\ny\nz", ["x\ny\nz"]),
        ("a\nb", "a\nw\nx\ny\nz", []),  # rewritten
        ("a", "a", []),
    ],
)
def test_changed_lines(before: str, after: str, marked: list[str]) -> None:
    assert texts(after, lines.changed(before, after)) == marked


@pytest.mark.parametrize(
    ("hides", "gone"),
    [
        ([], []),
        ([hide("zero")], ["zero\n"]),
        ([hide("two", "three")], ["two one\nthree"]),
        ([hide("three"), hide("zero")], ["zero\n", "three"]),
    ],
)
def test_hidden_lines(hides: list[Hide], gone: list[str]) -> None:
    assert texts(CODE, lines.hidden(CODE, hides)) == gone


@pytest.mark.parametrize(
    ("hides", "rule", "message"),
    [
        ([hide("four")], "hide-not-found", "`four` is on no line of"),
        ([hide("one")], "hide-not-found", "`one` is on 2 lines of"),
        ([hide("three", "two")], "hide-order", "`two` stands above `three`"),
        ([hide("zero", "two"), hide("two", "three")], "hide-overlap", "two hides overlap"),
        ([hide("zero", "two"), hide("three")], "hide-all", "no line"),
    ],
)
def test_hides_that_name_no_lines(hides: list[Hide], rule: str, message: str) -> None:
    with pytest.raises(SnippetError) as caught:
        lines.hidden(CODE, hides)
    assert caught.value.rule == rule and message in caught.value.message


HIDING = "```cuda\n{{#include demo.cu:all}}\n{{#hide int i ... B[i]}}\n%s```"


def test_card_says_how_many_lines_it_leaves_out(bench: Bench, learner: Learner) -> None:
    (card,) = learner.cards(bench.body(HIDING % ""))
    code = shown(card.back, pre=True)
    assert "⋯ lines left out: 3\n}" in code and "B[i]" not in code


def test_blank_beside_hidden_lines_and_in_them(bench: Bench, learner: Learner) -> None:
    note = bench.body(HIDING % "{{#blank c1 __global__}}\n", ".cloze")
    (card,) = learner.cards(note)
    assert shown(card.front, pre=True).startswith("[...] void")
    said = bench.said("## Q? {#x .cloze}\n\n" + HIDING % "{{#blank c1 threadIdx.x}}\n")
    assert said[0].startswith("5:1 blank-hidden: blank c1 is in lines that the card leaves out")


def test_hide_that_is_no_longer_found(bench: Bench) -> None:
    text = HIDING.replace("int i", "int j") % ""
    (said,) = bench.said(f"## Q? {{#x}}\n\n{text}\n")
    assert said.startswith("5:1 hide-not-found: hide: `int j` is on no line of this code. Copy")
    (said,) = bench.said("## Q? {#x}\n\n```cuda\n{{#include demo.cu:all}}\n{{#hide a ... }}\n```\n")
    assert said.startswith("5:1 hide-syntax: ")


STEP = "```cuda\n{{#include demo.cu:index}}\n```"


def test_ladder_marks_what_its_step_changed(bench: Bench) -> None:
    steps = (KERNEL.steps[1], KERNEL.steps[0])
    kernel = replace(KERNEL, steps=steps, limit="none")
    bench.resolver = Resolver(bench.root, {"demo": kernel}, {"demo": RECEIPT})
    all_of_it = fields(bench.body(STEP.replace(":index", ":all"), ".ladder"))["Answer"]
    assert all_of_it.count('class="wd-new"') == 2 and "changed from “index”" in all_of_it
    for kind, code in ((".ladder", STEP), (".code", STEP.replace(":index", ":all"))):
        assert "wd-new" not in fields(bench.body(code, kind))["Answer"]


def test_no_step_is_a_change_of_the_limit(bench: Bench) -> None:
    bench.resolver = Resolver(bench.root, {"demo": KERNEL}, {"demo": RECEIPT})
    assert KERNEL.limit == KERNEL.steps[0].name
    answer = fields(bench.body(STEP, ".ladder"))["Answer"]
    assert "wd-new" not in answer and "wd-legend" not in answer
