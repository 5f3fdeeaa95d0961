"""source/ files become notes; whatever is wrong is named where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Bench, Case, cases, titles

from warpdeck.model import Fence, Kind, Note, Problem
from warpdeck.parse import parse_file, parse_text


def parsed(text: str) -> list[Note]:
    notes, problems = parse_text(text, "f.md", "t", "en")
    assert problems == []
    return notes


def one(body: str, attributes: str = "#x") -> Note:
    (note,) = parsed(f"## Q? {{{attributes}}}\n\n{body}\n")
    return note


def fence(body: str) -> Fence:
    (found,) = one(body).fences
    return found


def words(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


# --- every problem, in one table -----------------------------------------------


@pytest.mark.parametrize("case", cases("samples/bad/notes.md"), ids=titles)
def test_problem_is_named_at_its_place(bench: Bench, case: Case) -> None:
    assert bench.said(case.given) == case.expected.splitlines()
    assert case.expected, "a bad sample has a problem"


@pytest.mark.parametrize(("bom", "ends"), [(b"\xef\xbb\xbf", b"\n"), (b"", b"\r\n"), (b"", b"\r")])
def test_byte_order_mark_and_line_ends_move_nothing(
    tmp_path: Path, bom: bytes, ends: bytes
) -> None:
    text = "---\ntags: [内存]\n---\n# 标题\n\n## 问 {#a .clozee}\n\n`{{c1::std::max}}`\n"
    path = tmp_path / "zh.md"
    path.write_bytes(bom + text.encode().replace(b"\n", ends))
    notes, problems = parse_file(path, "zh.md", "t", "zh")
    assert [(p.at.line, p.at.column, p.rule) for p in problems] == [
        (6, 10, "unknown-class"),
        (8, 2, "cloze-ambiguous"),
    ]
    assert notes[0].tags == ("内存",)


def test_all_problems_come_at_once() -> None:
    text = "## a\n\n## b {#B}\n\n## c {#c .cod}\n\n```\n\n```\n"
    problems = parse_text(text, "f.md", "t", "en")[1]
    assert [(p.at.line, p.rule) for p in problems] == [
        (7, "empty-fence"),
        (1, "no-id"),
        (3, "bad-id"),
        (5, "unknown-class"),
    ]


# --- headings --------------------------------------------------------------------


@pytest.mark.parametrize(
    "heading",
    [
        "What is {a, b}?",
        "What does `{}` do?",
        "`k<<<g, b>>>(std::vector<int>{1})` and `a{#b}`",
        "Why `##` and not `###` ##",
        "1. first - second",
        "$x^{2}$ {y}",
        "$\\{a\\}$",
    ],
)
def test_heading_may_hold_braces_templates_and_backticks(heading: str) -> None:
    (note,) = parsed(f'## {heading} {{#x-1 .code .level-2 tags="a b::c"}}\n\nA.\n')
    assert note.heading.lstrip("\ue007") == heading
    assert (note.id, note.kind, note.level, note.tags) == ("x-1", Kind.CODE, 2, ("a", "b::c"))


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.QUESTION])
def test_class_chooses_the_kind(kind: Kind) -> None:
    assert one("A.", f"#x .{kind.value}").kind is kind


def test_retired_and_front_matter_tags() -> None:
    (note,) = parsed('---\ntags: [a, b]\n---\n## Q? {#x .retired tags="c"}\n\nA.\n')
    assert (note.retired, note.tags, note.at.line) == (True, ("a", "b", "c"), 4)


@pytest.mark.parametrize(
    "shell",
    [
        "```text\n{}\n```",
        "~~~\n{}\n~~~",
        "````text\n```\n{}\n```\n````",
        "~~~\n```\n{}\n~~~",
        "```text\n    ```\n{}\n```",
        "> ```text\n> {}\n> ```",
        "> - a\n>\n>   ```text\n>   {}\n>   ```",
        "- - ```text\n    {}\n    ```",
        "1. a\n\n   ```text\n   {}\n   ```",
        "<!-- a\n{}\n-->",
        "   <!--\n{}\n-->",
    ],
)
@pytest.mark.parametrize("line", ["## b {#y}", "---", "# c", "[@k]", "{{c1::d}}"])
def test_nothing_in_a_fence_or_comment_is_syntax(shell: str, line: str) -> None:
    note = one(shell.format(line))
    assert not note.divided and not note.citations and not note.ordinals


def test_text_behind_a_comment_stays_in_its_column() -> None:
    note = one("<!-- a --> b [@k]\n<!--\n--> c [@j]")
    assert [(c.key, c.at.line, c.at.column) for c in note.citations] == [("k", 3, 14), ("j", 5, 7)]


# --- where the card turns ---------------------------------------------------------


def test_divider() -> None:
    note = one("a\n\n---\n\nb [@k]")
    assert (note.front.strip(), note.divided, note.back_line) == ("a", True, 6)
    assert note.citations[0].at.line == 7
    whole = one("a\n\n***\n\nb")
    assert (whole.front, whole.divided, whole.back_line) == ("", False, 2)


# --- fences -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```\na\n  b  \n\n```", "a\n  b  \n"),
        ("```\n\n\ta\n```", "\n\ta"),
        ("> ```\n> a\n>\n>  b\n>c\n> ```", "a\n\n b\nc"),
        (">```\n>a\n>```", "a"),
        ("> > ```\n> > a\n> > > b\n> > ```", "a\n> b"),
        ("- x\n\n  ```\n  a\n    b\n  ```", "a\n  b"),
        ("- x\n\n  ```\n\ta\n\t\tb\n  ```", "a\n\tb"),
        ("10. x\n\n    ```\n    a\n    ```", "a"),
        ("  ```\n  a\n b\n  ```", "a\nb"),
        ("````\n```\na\n`````", "```\na"),
        ("```\na\n    ```\n```", "a\n    ```"),
        ("```\n中\u2028文\U0001f600\n```", "中\u2028文\U0001f600"),
        ("~~~ text\na ~~~\n~~~~  ", "a ~~~"),
    ],
)
def test_code_of_a_fence_is_exact(text: str, code: str) -> None:
    assert fence(text).code == code


def test_info_string() -> None:
    found = fence("```CUDA {.sketch .b}\nx\n```")
    assert (found.language, found.classes) == ("cuda", ("sketch", "b"))
    assert fence("~~~ a`b\nx\n~~~").language == "a`b"


def test_inline_code_of_three_backticks_is_no_fence() -> None:
    assert one("```x``` y").fences == ()


def test_directive_and_blanks_of_a_fence() -> None:
    note = one(
        "- a\n\n  ```cuda\n  {{#include f.cu:a}}\n  {{#blank c2 @2 x}}}}\n"
        "  {{#blank c1 @all a b }}\n  {{#blank c3 @x}}\n  ```",
        "#x .cloze",
    )
    (found,) = note.fences
    assert found.source and (found.source.name, found.source.argument) == ("include", "f.cu:a")
    assert (found.source.at.line, found.source.at.column) == (6, 3)
    assert [(b.ordinal, b.occurrence, b.text) for b in found.blanks] == [
        (2, 2, "x}}"),
        (1, 0, "a b"),
        (3, None, "@x"),
    ]
    assert note.ordinals == (1, 2, 3)


def test_lines_of_a_note_are_those_of_the_file() -> None:
    text = "a\n\n```text\nb\nc\n```\n\n> ```text\n> d\n> ```\n\n<!--\ne\n-->\n[@k]"
    assert one(text).citations[0].at.line == 17
