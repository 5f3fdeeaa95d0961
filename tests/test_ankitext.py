"""Text in a field is shown as it is: Anki, its clozes and MathJax find no syntax in it."""

from __future__ import annotations

import html
import unicodedata

import pytest

from warpdeck import ankitext

SYNTAX = (
    "[sound:a.mp3]",
    "[SOUND:a.mp3]",
    "[anki:play:q:0]",
    "[latex]x[/latex]",
    "[$]x[/$]",
    "[$$]x[/$$]",
    "[[type:Front]]",
    r"\(x\) \[y\]",
    "{{c1::x}}",
    "a::b",
    "<b>&amp;</b>",
)


@pytest.mark.parametrize("text", SYNTAX)
@pytest.mark.parametrize("cloze", [False, True])
@pytest.mark.parametrize("hidden", [False, True])
def test_plain_decodes_to_the_text(text: str, cloze: bool, hidden: bool) -> None:
    assert html.unescape(ankitext.plain(text, cloze=cloze, hidden=hidden)) == text


@pytest.mark.parametrize("text", SYNTAX[:7])
def test_brackets_that_anki_reads_are_entities(text: str) -> None:
    for made in (ankitext.plain(text), ankitext.maths(text), ankitext.guard(text)):
        assert "[" not in made


def test_other_brackets_stay_readable() -> None:
    assert ankitext.plain("a[i] [$x] [sounds]") == "a[i] [$x] [sounds]"


def test_what_each_place_may_not_hold() -> None:
    assert "\\(" not in ankitext.plain(r"\(")
    assert not set("{}") & set(ankitext.plain("{{a}}", cloze=True))
    assert "::" not in ankitext.plain("{{a::b}}", hidden=True)
    assert not set("{}") & set(ankitext.maths("{a}", cloze=True))
    assert ":" not in ankitext.maths("a::b", hidden=True)
    assert ankitext.maths("a\n&lt; b") == "a &lt; b"


@pytest.mark.parametrize(
    "text",
    [
        "e\u0301",
        "\u0338a",
        "\u212b\u2126",
        "\u1100\u1161\u11a8",
        "中e\u0301😀",
        "\x85e\u0301\uffff",
    ],
)
def test_exact_survives_normalising_behind_a_tag(text: str) -> None:
    field = unicodedata.normalize("NFC", f"<code>{ankitext.exact(text)}</code>")
    assert html.unescape(field) == f"<code>{text}</code>"


def test_exact_leaves_normal_text_alone() -> None:
    assert ankitext.exact("é中 <b>") == "é中 <b>"
