"""Rules over all notes of a project; those of one note are in samples/bad/notes.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import PROJECT, write_tree

from warpdeck.lint import count_words, lint
from warpdeck.model import Problem
from warpdeck.source import parse_source


def problems(project: Path, **files: str) -> list[Problem]:
    names = {
        "zh": "source/basics/zh.md",
        "en": "source/basics/en.md",
        "topic": "source/basics/topic.yml",
    }
    write_tree(project, {names.get(key, key): text for key, text in files.items()})
    source, found = parse_source(project)
    assert found == [] and source
    return lint(source, ("check",))


def said(project: Path, **files: str) -> list[str]:
    return [str(problem) for problem in problems(project, **files)]


NOTE = "## {} {{#{}}}\n\nA. [@guide#1]\n\n"


def note(question: str, name: str) -> str:
    return NOTE.format(question, name)


def test_good_project(project: Path) -> None:
    assert said(project) == []


def test_duplicate_id_in_one_file_and_across_topics(project: Path) -> None:
    files = {f"source/other/{code}.md": note("Other?", "b") for code in ("zh", "en")}
    files["source/other/topic.yml"] = (
        PROJECT["source/basics/topic.yml"].replace("01", "02").replace("order: 1", "order: 2")
    )
    write_tree(project, files)
    both = note("One?", "a") + note("Two?", "b")
    assert said(project, zh=both, en=both + note("Three?", "a")) == [
        "source/basics/en.md:9:1: id 'a' is taken (first at source/basics/en.md:1). "
        "Give one of the two another id; keep the one that was published.",
        "source/other/zh.md:1:1: id 'b' is taken (first at source/basics/zh.md:5). "
        "Give one of the two another id; keep the one that was published.",
        "source/other/en.md:1:1: id 'b' is taken (first at source/basics/en.md:5). "
        "Give one of the two another id; keep the one that was published.",
    ]


def test_a_draft_is_in_no_deck_but_keeps_its_id_and_is_looked_at(project: Path) -> None:
    draft = "## Later? {#later .draft}\n\nA. [@nowhere#1]\n\n"
    both = note("One?", "a") + draft
    found = said(project, zh=both, en=both)
    assert [line.partition(". ")[0] for line in found] == [
        "source/basics/zh.md:7:4: unknown reference 'nowhere'",
        "source/basics/en.md:7:4: unknown reference 'nowhere'",
    ]
    source, _ = parse_source(project)
    assert source and {n.id for n in source.notes} == {"a"}
    assert [n.id for n in source.drafts] == ["later", "later"]
    (message,) = said(project, zh=both, en=note("One?", "a") + note("Later?", "later"))[1:]
    assert "has .draft" in message


def test_note_in_one_language_only(project: Path) -> None:
    assert said(
        project, zh=note("一?", "a") + note("二?", "b"), en=note("One?", "a") + note("C?", "c")
    ) == [
        "source/basics/zh.md:5:1: note 'b' is not in en.md. "
        "Write it in source/basics/en.md under the same id.",
        "source/basics/en.md:5:1: note 'c' is not in zh.md. "
        "Write it in source/basics/zh.md under the same id.",
    ]


@pytest.mark.parametrize(
    ("zh", "en", "what"),
    [
        ("{#a .code}\n\nx", "{#a}\n\nx", "kind 'question' here and 'code' in"),
        ("{#a .level-1}\n\nx", "{#a .level-3}\n\nx", "level 3 here and 1 in"),
        ("{#a .retired}\n\nx", "{#a}\n\nx", ".retired false here and true in"),
        (
            "{#a .cloze}\n\n{{c1::x}}",
            "{#a .cloze}\n\n{{c1::x}} {{c3::y}}",
            "cloze numbers 1, 3 here and 1 in",
        ),
    ],
)
def test_translations_agree(project: Path, zh: str, en: str, what: str) -> None:
    end = " [@guide#1]\n"
    (problem,) = said(project, zh=f"\n## Q? {zh}{end}", en=f"## Q? {en}{end}")
    assert (
        problem
        == f"source/basics/en.md:1:1: 'a' has {what} source/basics/zh.md:2. Make them agree."
    )


def test_same_question_twice(project: Path) -> None:
    text = note("What  IS it?", "a") + note("what is it?", "b")
    assert [p.rule for p in problems(project, zh=text, en=text)] == ["duplicate-question"] * 2
    shown = text.replace("{#b}\n\n", "{#b}\n\n> shown first\n\n---\n\n")
    assert problems(project, zh=shown, en=shown) == [], "what is shown makes it another question"


def test_no_citation(project: Path) -> None:
    text = "## Q? {#a}\n\nA. `[@guide]`\n"
    assert said(project, zh=text, en=text)[0] == (
        "source/basics/zh.md:1:1: note 'a' cites nothing. "
        "Add [@key#section] of a primary source from source/references.yml."
    )


def test_long_answer_and_wide_code(project: Path) -> None:
    text = (
        f"## Q? {{#a}}\n\nx [@guide]\n\n---\n\n{'word ' * 121}\n\n```text\nok\n{'中' * 73}\n```\n"
    )
    wide = "11:73: this line of code has 73 columns, more than 72. Break it: a phone would scroll."
    found = said(project, zh=text, en=text)
    assert {f"source/basics/{code}.md:{wide}" for code in ("zh", "en")} < set(found)
    long = "source/basics/zh.md:6:1: the answer of 'a' has 1"
    assert any(problem.startswith(long) for problem in found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("two words", 2),
        ("`std::max` [link here](https://a.b/c)", 4),
        ("字" * 200, 120),
        ("> [!NOTE]\n> a", 1),
        ("```wdfence\n12\n```\na", 1),
        ("wdfence is a word", 4),
        ("a \ue0000\ue001\ue007\ue007 \ue0021\ue003\ue007b\ue004\ue007", 2),
        ("bank-conflict-free don't", 2),
    ],
)
def test_words(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("demo 中文::01 基础", "deck 'demo 中文::01 基础' is also that of basics (zh)"),
        ("DEMO 中文::01 基础", "deck 'DEMO 中文::01 基础' is also that of basics (zh)"),
        ("A:: B", "deck 'A:: B' has an empty or padded part"),
        ("A::", "deck 'A::' has an empty or padded part"),
    ],
)
def test_deck_names(project: Path, name: str, message: str) -> None:
    topic = f'deck:\n  zh: demo 中文::01 基础\n  en: "{name}"\norder: 1\n'
    (problem,) = problems(project, topic=topic)
    assert (str(problem.at), problem.message) == ("source/basics/topic.yml:1:1", message)


@pytest.mark.parametrize(
    ("name", "words"), [("check", "the name of a command"), ("Big Topic", "cannot name")]
)
def test_topic_names(project: Path, name: str, words: str) -> None:
    (project / "source/basics").rename(project / "source" / name)
    (problem,) = said(project)
    assert problem.startswith(f"source/{name}/topic.yml:1:1: '{name}'") and words in problem


@pytest.mark.parametrize(
    ("fence", "said"),
    [
        ("python", ["unverified-code"]),
        ("py", ["unverified-code"]),
        ("python {.sketch}", []),
        ("text", []),
        ("mlir", ["fence-language"]),
    ],
)
def test_python_that_nothing_ran_is_told_or_a_sketch(
    project: Path, fence: str, said: list[str]
) -> None:
    text = f"## Q? {{#a}}\n\nx [@guide]\n\n```{fence}\nprint(1)\n```\n"
    assert [problem.rule for problem in problems(project, zh=text, en=text)] == said * 2


@pytest.mark.parametrize(
    "text",
    [
        "- a\n\n    of the item\n\n    - nested\n\n        of the nested item\n\n    again",
        "1. a\n\n   - b\n\n     c\n\n       d",
        "- a\n\n    ```text\n    b\n\n    c\n    ```\n\n    d",
        "    ```text\n    b\n    ```",
        "A line\n    and its continuation.",
        "$$\n    x\n$$",
        "> - a\n>\n>     b",
        "| a |\n|---|\n    | b |",
    ],
)
def test_indentation_that_is_no_code(project: Path, text: str) -> None:
    note_text = f"## Q? {{#a}}\n\nx [@guide]\n\n{text}\n"
    assert said(project, zh=note_text, en=note_text) == []


# --- questions ----------------------------------------------------------------


QUESTIONS = "H01: { en: Threads, zh: 线程 }\nH02: { en: Memory, zh: 存储 }\n"


def test_tag_of_no_question_is_told_where_it_stands(project: Path) -> None:
    write_tree(project, {"source/questions.yml": QUESTIONS})
    text = '---\ntags: [a, "q::H03"]\n---\n## Q? {#a tags="x q::h02 q::H01"}\n\nA. [@guide#1]\n'
    english = [problem for problem in said(project, zh=text, en=text) if "/en.md" in problem]
    assert english == [
        "source/basics/en.md:2:11: there is no question 'H03'. Did you mean 'H02'?",
        "source/basics/en.md:4:19: there is no question 'h02'. Did you mean 'H02'?",
    ]


def test_without_a_list_of_questions_any_tag_will_do(project: Path) -> None:
    text = '## Q? {#a tags="q::H99"}\n\nA. [@guide#1]\n'
    assert said(project, zh=text, en=text) == []


def test_translations_answer_the_same_questions(project: Path) -> None:
    text = '## Q? {#a tags="q::H01 x"}\n\nA. [@guide#1]\n'
    (problem,) = said(project, zh=text, en=text.replace("q::H01 ", ""))
    assert "'a' has questions none here and q::H01 in source/basics/zh.md:1" in problem
