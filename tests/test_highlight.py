"""Whatever code holds, a learner sees it character for character, and of a blank nothing."""

from __future__ import annotations

import random

import pytest
from conftest import Bench, Learner, shown

from warpdeck import highlight
from warpdeck.highlight import Hidden
from warpdeck.markup import RESERVED
from warpdeck.model import Blank, Location
from warpdeck.snippets import SnippetError

# What could be taken for HTML, for Anki's or MathJax's syntax, or changed by normalising.
NASTY = (
    "int x; |float* p|// note|\"str\"|'c'|/* c */|#include <a>|__syncthreads();|std::max|a<b>::c|"
    "\t|  |\n|\n\n|   \n|{{c1::|{{c2::x}}|}}|{{|::|:|{|}|[sound:x]|[latex]|[/latex]|[$]|[/$]|[$$]|"
    "[[type:x]]|[anki:tts lang=en]|{{Question}}|{{cloze:Text}}|{{tts en:Text}}|\\(|\\)|\\[|\\]|\\|"
    "&amp;|&|&#58;|&lt|<script>alert(1)</script>|</pre>|</code>|<!--|-->|<br>|<|>|"
    "e\u0301|\u0338|\u1100\u1161|\u212b|\u2126|\ufb01|😀|👩‍💻|\u200b|\ufeff|\u2028|\u2029|\x85|\x80|\xa0|"
    "𝕏|\U000f0000|\ue000|\ue001|\ue002|\ue007|\uffff|中文|`|```|~~~|$x$|**b**|%|\\n|wdfence"
).split("|")


def nasty(dice: random.Random) -> str:
    """Return code of up to 25 pieces that is not blank."""
    return "".join(dice.choices(NASTY, k=dice.randint(1, 25))) + dice.choice(("x", "x\n", "x \n\n"))


def put(bench: Bench, code: str) -> None:
    text = f"//\n// ANCHOR: n\n{code}\n// ANCHOR_END: n\n"
    (bench.root / "kernels/demo/nasty.cu").write_bytes(text.encode())


def blanks_in(code: str, dice: random.Random) -> list[tuple[int, int, int]]:
    """Choose up to three places of one line each; (start, end, ordinal), apart from each other."""
    found: list[tuple[int, int, int]] = []
    for ordinal in (1, 2, 3):
        start = dice.randrange(len(code))
        end = min(len(code), start + dice.randint(1, 8))
        text = code[start:end]
        near = any(start < stop and begin < end for begin, stop, _ in found)
        plain = not RESERVED.search(text) and "\n" not in text and text == text.strip()
        if plain and not near and text[0] != "@":
            found.append((start, end, ordinal))
    return found


def directive(code: str, start: int, end: int, ordinal: int) -> str | None:
    """Return the line that hides this place, None where no occurrence begins there."""
    text, at, count = code[start:end], -len(code), 0
    while at < start:
        at = code.find(text, max(at, 0) if count == 0 else at + len(text))
        count += 1
    return f"{{{{#blank c{ordinal} @{count} {text}}}}}" if at == start else None


def as_seen(code: str, places: list[tuple[int, int, int]], ordinal: int) -> str:
    """Return `code` with the blanks `ordinal` shown as Anki's box."""
    for start, end, number in sorted(places, reverse=True):
        code = code[:start] + "[...]" + code[end:] if number == ordinal else code
    return code


@pytest.mark.parametrize("seed", range(60))
def test_included_code_is_shown_exactly(bench: Bench, learner: Learner, seed: int) -> None:
    dice = random.Random(seed)
    code, language = nasty(dice), dice.choice(("cuda", "text", "python", "ptx", "bash", ""))
    put(bench, code)
    text = f"```{language}\n{{{{#include demo/nasty.cu:n}}}}\n```"
    (card,) = learner.cards(bench.body(text))
    assert shown(card.back, pre=True) == code


@pytest.mark.parametrize("seed", range(60))
def test_blanks_hide_exactly_their_text(bench: Bench, learner: Learner, seed: int) -> None:
    dice = random.Random(1000 + seed)
    code = nasty(dice)
    put(bench, code)
    chosen = [(p, d) for p in blanks_in(code, dice) if (d := directive(code, *p))]
    last = (code.rindex("x"), code.rindex("x") + 1, 1)
    chosen = chosen or [(last, directive(code, *last) or "")]
    places = [place for place, _ in chosen]
    lines = "\n".join(line for _, line in chosen)
    text = f"```cuda\n{{{{#include demo/nasty.cu:n}}}}\n{lines}\n```"
    for card in learner.cards(bench.body(text, ".cloze")):
        assert shown(card.front, pre=True) == as_seen(code, places, card.ordinal + 1)
        assert shown(card.back, pre=True) == code


@pytest.mark.parametrize("seed", range(60))
def test_literal_code_is_shown_exactly(bench: Bench, learner: Learner, seed: int) -> None:
    dice = random.Random(2000 + seed)
    code = nasty(dice)
    for reserved in ("\ue000", "\ue001", "\ue002", "\ue007"):
        code = code.replace(reserved, "")
    prefix = dice.choice(("", "> ", "  ")) if not code.startswith("\n") else ""
    body = "\n".join(f"{prefix}{line}" for line in ("~~~~~text", *code.split("\n"), "~~~~~"))
    item = "- item\n\n" if prefix == "  " else ""
    (card,) = learner.cards(bench.body(item + body))
    assert shown(card.back, pre=True) == code


@pytest.mark.parametrize("code", ["\nx", "\n\n x\n\n", "\u0338x", "\ufeffx", "x\n", "\tx  "])
@pytest.mark.parametrize("kind", ["", ".cloze"])
def test_edges_of_code_survive(bench: Bench, learner: Learner, code: str, kind: str) -> None:
    put(bench, code)
    extra = "{{#blank c1 x}}\n" if kind else ""
    text = f"```cuda\n{{{{#include demo/nasty.cu:n}}}}\n{extra}```"
    (card,) = learner.cards(bench.body(text, kind))
    assert shown(card.back, pre=True) == code


def test_blank_across_tokens_and_lines_of_a_comment(bench: Bench, learner: Learner) -> None:
    text = (
        "```cuda\n{{#include demo.cu:all}}\n{{#blank c1 blockIdx.x * blockDim.x}}\n"
        "{{#blank c2 @all threadIdx}}\n{{#blank c1 B[i] = A[i];}}\n```"
    )
    one, two = learner.cards(bench.body(text, ".cloze"))
    assert "int i = [...] + threadIdx.x;" in shown(one.front, pre=True)
    assert "    [...]\n}" in shown(one.front, pre=True)
    assert "blockDim.x + [...].x;" in shown(two.front, pre=True)


def test_tokens_get_classes_and_blanks_get_cut_in() -> None:
    html = highlight.to_html(
        "int f(); // a::b", "cuda", (Hidden(0, 3, 1), Hidden(9, 16, 2)), cloze=True
    )
    assert html == (
        '{{c1::<span class="kt">int</span>}} <span class="nf">f</span>(); '
        '{{c2::<span class="c1">// a&#58;&#58;b</span>}}'
    )


def test_unknown_language_is_plain_and_known_ones_are_known() -> None:
    assert highlight.to_html("int <x>", "nope") == "int &lt;x&gt;"
    assert all(map(highlight.knows, ("", "text", "cuda", "ptx", "python", "output")))
    assert not highlight.knows("pyhton")


def blank(text: str, occurrence: int | None = None, ordinal: int = 1) -> Blank:
    return Blank(ordinal, occurrence, text, Location("f"))


def test_occurrences() -> None:
    code = "aa a aa"
    assert highlight.locate(code, [blank("aa", 2)]) == (Hidden(5, 7, 1),)
    assert len(highlight.locate(code, [blank("aa", 0)])) == 2
    assert highlight.locate(code, [blank(" a ", None, 2), blank("aa", 1)])[0] == Hidden(0, 2, 1)


@pytest.mark.parametrize(
    ("blanks", "rule"),
    [
        ([blank("b")], "blank-not-found"),
        ([blank("b", 0)], "blank-not-found"),
        ([blank("aa")], "blank-not-found"),
        ([blank("aa", 3)], "blank-not-found"),
        ([blank("aa", 1), blank("a a")], "blank-overlap"),
    ],
)
def test_blank_that_names_no_place(blanks: list[Blank], rule: str) -> None:
    with pytest.raises(SnippetError) as caught:
        highlight.locate("aa a aa", blanks)
    assert caught.value.rule == rule
