"""Markdown becomes fields: what is meant is shown, what is dangerous never arrives."""

from __future__ import annotations

import json
import random
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import HERE, Bench, Case, Learner, cases, fields, shown, titles

from warpdeck import markup, parse
from warpdeck.ledger import guid
from warpdeck.model import RenderedNote
from warpdeck.phrases import phrase
from warpdeck.render import Renderer
from warpdeck.resolve import Resolver
from warpdeck.source import parse_source


@pytest.mark.parametrize("case", cases("golden/markdown.md"), ids=titles)
def test_markdown_becomes_html(bench: Bench, case: Case) -> None:
    assert fields(bench.body(case.given))["Answer"] == case.expected.removesuffix("\n")


def test_good_project_renders_without_a_problem(project: Path, learner: Learner) -> None:
    source, _ = parse_source(project)
    assert source
    renderer = Renderer(source, Resolver(project, {}, {}), project)
    for note in source.notes:
        rendered, problems = renderer.render(note)
        assert problems == []
        assert rendered.tags[:2] == (f"demo::{'basics'}", f"demo::kind::{note.kind.value}")
        for card in learner.cards(rendered):
            assert "{{" not in card.front + card.back
    languages = {
        note.language: fields(renderer.render(note)[0])["Language"] for note in source.notes
    }
    assert languages == {"zh": "zh-Hans", "en": "en"}


# --- what a note is to Anki -------------------------------------------------------


def test_content_never_changes_the_guid(bench: Bench) -> None:
    plain = bench.body("a")
    for other in (
        bench.body("b [@k#1]", ".level-3"),
        bench.body("c", '.retired tags="x"'),
        bench.body("{{c1::d}}", ".cloze"),
        bench.clean("# T\n\n## Other? {#x}\n\na\n"),
    ):
        assert other.guid == plain.guid == guid("demo", "x", "en")
    assert guid("demo", "x", "zh") != guid("demo", "y", "en") != plain.guid


def test_guids_are_pinned() -> None:
    """A guid that changes gives every learner every note twice."""
    assert guid("warpdeck", "opt-bank-width", "zh") == "je6bvfccmkfwd3l5"
    assert guid("warpdeck", "opt-bank-width", "en") == "fxhyswej4j5rot4q"


def test_tags_and_plain_question(bench: Bench) -> None:
    note = bench.clean(
        '---\ntags: [mem]\n---\n## Is `a<b>` **so**? {#x .level-2 .retired tags="q::H1"}\n\ny\n'
    )
    assert note.tags == (
        "demo::kind::question",
        "demo::level::2",
        "demo::mem",
        "demo::q::H1",
        "demo::retired",
        "demo::topic::demo",
    )
    assert note.question == "Is a<b> so?"
    assert note.retired and "wd-retired" in fields(note)["Answer"]


def test_question_of_a_cloze_note_is_its_text_without_hints(bench: Bench) -> None:
    note = bench.clean(
        "## {#x .cloze}\n\nA {{c1::warp {{c2::of 32}} threads::hint}} `{{c3::x}}`()\n"
    )
    assert note.question == "A warp of 32 threads x()"
    long = bench.clean(f"## {{#x .cloze}}\n\n{{{{c1::{'word ' * 50}}}}}\n")
    assert len(long.question) == 120 and long.question.endswith("…")


def test_sources_come_once_and_are_escaped(bench: Bench) -> None:
    note = bench.body("a {{c1::b}} [@k#1.2] [@k#1.2] [@k#a {b} & <c>] [@k]", ".cloze")
    link = '<a href="https://example.org/k">Book 2'
    assert fields(note)["Sources"].split("<br>") == [
        f"{link} §1.2</a>",
        f"{link} · a &#123;b&#125; &amp; &lt;c&gt;</a>",
        f"{link}</a>",
    ]


def test_fields_are_in_nfc_but_code_is_as_it_was(bench: Bench, learner: Learner) -> None:
    text = "e\u0301 `e\u0301`\n\n```text\ne\u0301\n```"
    note = bench.body(text)
    assert all(unicodedata.is_normalized("NFC", field) for field in note.fields)
    (card,) = learner.cards(note)
    assert "é é" in shown(card.back) and shown(card.back, pre=True) == "e\u0301"


def test_combining_character_behind_a_tag_does_not_join_it(bench: Bench, learner: Learner) -> None:
    (card,) = learner.cards(bench.body("\u0338a **\u0338b** $\u0338c$"))
    assert "\u0338a \u0338b \\(\u0338c\\)" in shown(card.back)


@pytest.mark.parametrize(
    ("kind", "question", "ordinals"),
    [
        ("question", "Old <b>?", (0,)),
        ("reverse", "Old?", (0, 1)),
        ("type", "Old?", (0,)),
        ("cloze", "Old {{c1::x}} text", (0, 2)),
        ("ladder", "Old?", (0,)),
    ],
)
def test_retired_note_keeps_its_cards(
    bench: Bench, learner: Learner, kind: str, question: str, ordinals: tuple[int, ...]
) -> None:
    renderer = Renderer(bench.source([]), bench.resolver, bench.root)
    note = renderer.retired("x", "en", "demo", kind, question, ordinals)
    for card in learner.cards(note):
        assert question in shown(card.front) or kind == "reverse"
        assert "has left the deck (x)" in shown(card.back)
    assert note.guid == guid("demo", "x", "en")


# --- safety -------------------------------------------------------------------------

# One JSON string a line: many hold line ends.
ATTACKS = [
    json.loads(line) for line in (HERE / "samples/bad/attacks.txt").read_text("utf-8").splitlines()
]
ALLOWED = {
    *"p br hr strong b em i u s del ins mark sub sup small kbd code pre ul ol li dl dt dd".split(),
    *"blockquote table thead tbody tfoot tr th td caption span div a h3 h4 h5 h6 abbr".split(),
}


class _Safe(HTMLParser):
    """Fails at any tag, attribute or address that may not be on a card."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert name in {"href", "class", "style", "colspan", "rowspan", "start", "title"}, name
            if name == "href":
                assert value and re.match(r"(https?|mailto):", value, re.IGNORECASE), value
            if name == "style":
                assert value and re.fullmatch(r"text-align: ?(left|right|center);?", value), value

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def safe(note: RenderedNote) -> None:
    for field in note.fields:
        reader = _Safe(convert_charrefs=True)
        reader.feed(field)
        reader.close()


@pytest.mark.parametrize("attack", ATTACKS)
def test_single_attack_leaves_nothing(bench: Bench, attack: str) -> None:
    for note in bench.render(f"## a {attack.strip()} {{#x}}\n\nb {attack} c\n"):
        safe(note)


@pytest.mark.parametrize("seed", range(150))
def test_mixed_attacks_leave_nothing_and_never_crash(bench: Bench, seed: int) -> None:
    dice = random.Random(seed)
    text = "".join(dice.choices(ATTACKS, k=dice.randint(2, 15)))
    kind = dice.choice(("", " .cloze", " .reverse", " .type"))
    for note in bench.render(f"## a? {{#x{kind}}}\n\n{text}\n"):
        safe(note)


# --- where each part goes ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("", "a\n\n---\n\nb", {"Context": "<p>a</p>", "Answer": "<p>b</p>"}),
        ("", "b", {"Context": "", "Answer": "<p>b</p>"}),
        (".reverse", "a\n\n---\n\nb", {"Reverse": "<p>a</p>", "Answer": "<p>b</p>"}),
        (".reverse", "a", {"Reverse": "<p>a</p>", "Answer": ""}),
        (".type", "`a`\n\n---\n\nb", {"Expected": "a", "Answer": "<p>b</p>"}),
        (".type", "a", {"Expected": "a", "Answer": ""}),
        (".cloze", "{{c1::a}}\n\n---\n\nb", {"Text": "<p>{{c1::a}}</p>", "Extra": "<p>b</p>"}),
        (".cloze", "{{c1::a}}", {"Text": "<p>{{c1::a}}</p>", "Extra": ""}),
    ],
)
def test_parts(bench: Bench, kind: str, text: str, expected: dict[str, str]) -> None:
    found = fields(bench.body(text, kind))
    assert {name: found[name] for name in expected} == expected
    assert "Spare Card" not in found or found["Spare Card"] == ""


def test_figure_is_shared_between_notes_and_read_once(bench: Bench) -> None:
    text = "![a](figures/warp.svg)"
    first = fields(bench.body(text))["Answer"]
    assert first == fields(bench.body(text))["Answer"]
    assert first.startswith('<div class="wd-figure" role="img" aria-label="a"><svg')


def test_problem_of_a_figure_is_named_in_its_own_file(bench: Bench) -> None:
    path = bench.root / "source/demo/figures/bad.svg"
    path.write_text('<svg viewBox="0 0 1 1">\n<script/></svg>')
    bench.render("## Q? {#x}\n\n![a](figures/bad.svg)\n")
    assert [str(p.at) for p in bench.problems] == ["source/demo/figures/bad.svg:2:1"]


@pytest.mark.parametrize("name", markup.CALLOUTS)
def test_callout_without_a_title_gets_one_in_the_language(project: Path, name: str) -> None:
    for language, title in (("zh", phrase(name, "zh")), ("en", phrase(name, "en"))):
        path = project / "source" / "basics" / f"{language}.md"
        path.write_text(f"## Q? {{#x}}\n\nA.\n\n> [!{name.upper()}]\n> Text.\n\n[@guide#1]\n")
        (note,), _ = parse.parse_file(path, "x.md", "basics", language)
        source, _ = parse_source(project)
        assert source
        rendered, problems = Renderer(source, Resolver(project, {}, {}), project).render(note)
        assert problems == []
        assert f'<p class="admonition-title">{title}</p>' in fields(rendered)["Answer"]


def test_sketch_says_on_the_card_that_it_was_not_run(bench: Bench) -> None:
    answer = fields(bench.body("```cuda {.sketch}\nint a;\n```"))["Answer"]
    assert phrase("sketch", "en") in answer
    plain = fields(bench.body("```text\nint a;\n```"))["Answer"]
    assert "wd-proof" not in plain
