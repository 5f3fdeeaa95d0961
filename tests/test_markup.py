"""Our marks become tokens, and every line and column stays what it is in the file."""

from __future__ import annotations

import html

import pytest
from conftest import Bench, Learner, fields, shown

from warpdeck import markup
from warpdeck.model import Location


def marked(text: str, line: int = 1) -> tuple[str, markup.Marks]:
    marks = markup.Marks()
    return markup.mark(text, "f.md", line, marks), marks


@pytest.mark.parametrize(
    "text",
    [
        "a {{c1::b::c}} d",
        "{{c1::{{c2::x}} y}}\n[@k#1, p. 2]\n{{#time a:b}} z",
        "![a\nlong\ndescription](figures/x.svg) end",
        "{{c100::中文}} ![x](figures/x.svg) [@k]",
        "no marks",
    ],
)
def test_lines_and_columns_stay(text: str) -> None:
    out, _ = marked(text)
    assert len(out) == len(text)
    assert [n for n, c in enumerate(out) if c == "\n"] == [
        n for n, c in enumerate(text) if c == "\n"
    ]


def test_places_behind_other_marks_are_those_of_the_file() -> None:
    text = "中 {{c1::x}} {{#time a:b}}\n[@k#1] ![y](figures/y.svg) [@j]"
    _, marks = marked(text, line=7)
    assert [d.at for d in marks.directives] == [Location("f.md", 7, 13), Location("f.md", 8, 8)]
    assert [c.at for c in marks.citations] == [Location("f.md", 8, 1), Location("f.md", 8, 28)]


def test_citation_keeps_its_section() -> None:
    _, marks = marked("[@a-b#2.1, p. 3] [@c] [@d.e] x[@f#]")
    assert [(c.key, c.section) for c in marks.citations] == [("a-b", "2.1, p. 3"), ("c", "")]


@pytest.mark.parametrize("text", ["`[@k]`", "``a ` [@k]``", "`{{#time a:b}}`", "`![a](b)`"])
def test_backticks_keep_marks_as_they_are(text: str) -> None:
    out, marks = marked(text)
    assert out == text
    assert not marks.citations and not marks.directives


@pytest.mark.parametrize("text", ["a ` b\n\n[@k] ` c", r"a \` b [@k] ` c"])
def test_a_lone_backtick_hides_nothing(text: str) -> None:
    assert len(marked(text)[1].citations) == 1


@pytest.mark.parametrize(
    ("text", "front", "back"),
    [
        ("{{c1::32}} threads", "[...] threads", "32 threads"),
        ("{{c1::32::a number}} threads", "[a number] threads", "32 threads"),
        ("{{c1::`std::max`}} x", "[...] x", "std::max x"),
        ("{{c1::use `a::b()` here::how}} x", "[how] x", "use a::b() here x"),
        ("`{{c1::f()::two words}}` x", "[two words] x", "f() x"),
        ("{{c1::a ? b : c}}", "[...]", "a ? b : c"),
        ("`f({{c1::{1, 2}}})`", "f([...])", "f({1, 2})"),
        ("`{{c1::int x{};}}`", "[...]", "int x{};"),
        ("{{c1::{{x}}}}", "[...]", "{{x}}"),
        ("{{c1::a **b** c}} **d {{c1::e}}** f", "[...] d [...] f", "a b c d e f"),
        ("{{c1::[text](https://example.org/a::b)}}", "[...]", "text"),
        ("{{c1::[sound:x]}} [sound:y]", "[...] [sound:y]", "[sound:x] [sound:y]"),
        (r"{{c1::\\(x\\)}} \\[y", r"[...] \[y", r"\(x\) \[y"),
        ("{{c1::&amp;}} &lt;", "[...] <", "& <"),
        ("{{c1::a\nb}} c", "[...] c", "a\nb c"),
        ("{{c1::==m==}} _{{c1::i}}_", "[...] [...]", "m i"),
        ("$x^{{c1::10}}$", r"\(x^{[...]}\)", r"\(x^{10}\)"),
        (r"$\frac{{{c1::a}}}{b}$", r"\(\frac{{[...]}}{b}\)", r"\(\frac{{a}}{b}\)"),
        (r"$\frac{{c1::a_{b}}}{c}$", r"\(\frac{[...]}{c}\)", r"\(\frac{a_{b}}{c}\)"),
        (r"{{c1::$\frac{a}{b}$}}", "[...]", r"\(\frac{a}{b}\)"),
        ("{{c1::$a::b$}} x", "[...] x", r"\(a::b\) x"),
        ("$a {{c1::< b::rel}}$", r"\(a {[rel]}\)", r"\(a {< b}\)"),
        ("a }} {{ b {{c1::x}} ::", "a }} {{ b [...] ::", "a }} {{ b x ::"),
        (
            "{{c1::x}} {{Text}} {{#Text}}y{{/Text}}"[:9] + " {{Text}}",
            "[...] {{Text}}",
            "x {{Text}}",
        ),
    ],
)
def test_what_a_learner_sees_of_a_blank(
    bench: Bench, learner: Learner, text: str, front: str, back: str
) -> None:
    (card,) = learner.cards(bench.body(text, ".cloze"))
    assert cloze_text(card.front) == front
    assert cloze_text(card.back) == back


def cloze_text(side: str) -> str:
    """Return what the box with the blanks shows; the hidden text of `data-cloze` is no text."""
    box = side.split('<div class="wd-cloze">')[1].split("</div>\n")[0]
    return shown(box).strip()


def test_nested_blanks_hide_and_show_each_other(bench: Bench, learner: Learner) -> None:
    outer, inner = learner.cards(bench.body("{{c1::a {{c2::b::in}} c::out}} d", ".cloze"))
    assert (cloze_text(outer.front), cloze_text(inner.front)) == ("[out] d", "a [in] c d")
    assert cloze_text(outer.back) == cloze_text(inner.back) == "a b c d"


def test_an_address_inside_a_blank_stays_whole(bench: Bench, learner: Learner) -> None:
    note = bench.body("{{c1::[a](https://example.org/b::c)::hint}}", ".cloze")
    (card,) = learner.cards(note)
    assert '<a href="https://example.org/b::c">a</a>' in html.unescape(card.back)
    assert cloze_text(card.front) == "[hint]"


def test_a_figure_inside_a_blank_neither_leaks_nor_ends_it(bench: Bench, learner: Learner) -> None:
    text = "{{c1::see ![a::b}} {c}](figures/warp.svg) it}} end"
    note = bench.body(text, ".cloze")
    (card,) = learner.cards(note)
    assert "[...]" in card.front and "<svg" not in card.front.split("data-cloze")[0]
    assert "<svg" in card.back and fields(note)["Text"].count("}}") == 1
