"""YAML files: each problem with its line, column and a hint."""

from __future__ import annotations

import pytest

from warpdeck.yamlfile import parse

TOPIC = "deck: {zh: A}\norder: 1\n"


def said(text: str, schema: str = "topic", line: int = 1) -> list[str]:
    found, problems = parse(text, "f", schema, line)
    assert (found is None) == bool(problems)
    return sorted(map(str, problems))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TOPIC + "ordre: 2\n", "f:3:1: unknown key 'ordre'. Did you mean 'order'?"),
        (TOPIC + "x: 2\n", "f:3:1: unknown key 'x'. Known keys: deck, order, colour, description."),
        ("# c\ndeck: {zh: A}\n", "f:2:1: key 'order' is missing. Add `order: …`."),
        (
            TOPIC + "order: 2\n",
            "f:3:1: key 'order' is here a second time (first on line 2). Keep one of the two.",
        ),
        (
            "deck: {zh: 1}\norder: 1\n",
            "f:1:8: deck.zh: 1 is not of type 'string'. Put it in quotes.",
        ),
        (
            "deck: {zh: A}\norder: one\n",
            "f:2:1: order: 'one' is not of type 'integer'. Write a whole number.",
        ),
        ("deck: {zh: A}\norder: 0\n", "f:2:1: order: 0 is less than the minimum of 1. Change it."),
        (
            "",
            "f:1:1: the file: None is not of type 'object'. Write lines of the form `key: value`.",
        ),
        (
            "- a\n",
            "f:1:1: the file: ['a'] is not of type 'object'. Write lines of the form `key: value`.",
        ),
        (
            'deck: {zh: "a\\x1fb"}\norder: 1\n',
            "f:1:12: character U+001F cannot be shown on a card. Remove its escape.",
        ),
        (
            'deck: {zh: A}\norder: 1\ndescription: {zh: "\\ud800"}\n',
            "f:3:19: character U+D800 cannot be shown on a card. Remove its escape.",
        ),
        ("deck: {zh: A\norder: 1\n", "f:2:6: not YAML: expected ',' or '}', but got ':'."),
        ("deck:\n\tzh: A\n", "f:2:1: not YAML: found character '\\t' that cannot start any token."),
        ("中: &a [*a]\n", "f:1:8: not YAML: aliases are not allowed here."),
        (
            "a: !!python/object:x y\n",
            "f:1:4: not YAML: could not determine a constructor for the tag",
        ),
        ("a: b\n---\nc: d\n", "f:2:1: not YAML: but found another document."),
        ("a: b\nc: \u0080\n", "f:2:4: not YAML: character U+0080 is not allowed. Remove it."),
        ("a: " + "[" * 3000 + "]" * 3000, "f:1:1: not YAML: nested too deeply. Flatten it."),
        ("{a: b}: c\n", "f:1:1: not YAML: found unhashable key."),
    ],
)
def test_problem_has_its_place_and_hint(text: str, expected: str) -> None:
    assert any(problem.startswith(expected) for problem in said(text)), said(text)


def test_lines_are_counted_from_the_given_one() -> None:
    assert said("tags: [a, b c]", "frontmatter", 7) == [
        "f:7:11: tags.1: 'b c' does not match '^[^\\\\s\"]+$'. Write a tag without spaces."
    ]


def test_dates_and_norwegian_are_text() -> None:
    found, problems = parse(
        "a: {title: T, url: https://e.org, checked: 2026-01-31}", "f", "references"
    )
    assert problems == [] and found and found.data["a"]["checked"] == "2026-01-31"
    found, problems = parse("name: x\nlanguages: [no, en]\n", "f", "project")
    assert problems == [] and found and found.data["languages"] == ["no", "en"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: Warp\nlanguages: [en]",
            "f:1:1: name: 'Warp' does not match '^[a-z][a-z0-9-]*$'. Write lower-case",
        ),
        ('name: "warp\\n"\nlanguages: [en]', "f:1:1: name: 'warp\\n' does not match"),
        (
            "name: warp\nlanguages: [en, en]",
            "f:2:1: languages: ['en', 'en'] has non-unique elements. Change it.",
        ),
        ("name: warp\nlanguages: [en]\nanswer_words: -1", "f:3:1: answer_words: -1 is less than"),
    ],
)
def test_project_schema(text: str, expected: str) -> None:
    (problem,) = said(text, "project")
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a.b: {title: T, url: https://e.org, checked: '2026-01-31'}",
            "f:1:1: a.b: 'a.b' does not match",
        ),
        (
            "a:\n  title: T\n  url: http://e.org\n  checked: 2026-01-31",
            "f:3:3: a.url: 'http://e.org' does not match",
        ),
        (
            "a:\n  title: T\n  url: https://e.org\n  checked: yesterday",
            "f:4:3: a.checked: 'yesterday' does not",
        ),
        (
            "a:\n  title: T\n  url: https://e.org\n  checked: 2026-01-31\n  editon: x",
            "f:5:3: unknown key 'editon'. Did you mean 'edition'?",
        ),
        (
            "a:\n  title: T\n  url: https://e.org\n  checked: 2026-01-31\n  edition: 13.1",
            "f:5:3: a.edition: 13.1 is not of type 'string'. Put it in quotes.",
        ),
    ],
)
def test_references_schema(text: str, expected: str) -> None:
    (problem,) = said(text, "references")
    assert problem.startswith(expected)


def test_place_of_a_value_or_of_what_is_around_it() -> None:
    found, _ = parse("deck:\n  zh: A\norder: 1\n", "f", "topic")
    assert found
    assert (found.at("deck", "zh").line, found.at("deck", "en").line, found.at().line) == (2, 1, 1)
