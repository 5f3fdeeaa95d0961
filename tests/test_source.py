"""The folder source/: every file found, every problem of it told."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import PROJECT, write_tree

from warpdeck.lint import lint
from warpdeck.model import Problem
from warpdeck.source import parse_source


def words(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def test_a_good_project_has_no_problem(project: Path) -> None:
    source, problems = parse_source(project)
    assert problems == []
    assert source and lint(source) == []
    assert [(note.language, note.id) for note in source.notes] == [
        (language, name)
        for language in ("zh", "en")
        for name in ("bas-warp-size", "bas-index", "bas-add")
    ]


def test_topics_and_their_notes_come_in_deck_order(project: Path) -> None:
    topic = (
        PROJECT["source/basics/topic.yml"].replace("demo", "first").replace("order: 1", "order: 0")
    )
    files = {"source/zzz/topic.yml": topic.replace("order: 0", "order: 1").replace("01", "00")}
    files |= {f"source/zzz/{c}.md": "## Q? {#z}\n\nA.\n" for c in ("zh", "en")}
    files["source/basics/topic.yml"] = PROJECT["source/basics/topic.yml"].replace("1\n", "2\n")
    write_tree(project, files)
    source, problems = parse_source(project)
    assert problems == [] and source
    assert [t.name for t in source.topics] == ["zzz", "basics"]
    assert [n.topic for n in source.notes] == ["zzz"] * 2 + ["basics"] * 6


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "source/project.yml",
            None,
            "source/project.yml:1:1: there is no such file. Take that of another project, or run "
            "`new project NAME` in an empty folder.",
        ),
        (
            "source/references.yml",
            None,
            "source/references.yml:1:1: there is no such file. Create it.",
        ),
        (
            "source/basics/en.md",
            None,
            "source/basics/en.md:1:1: there is no such file. Write the topic's notes for this "
            "language there, with the same ids.",
        ),
        (
            "source/basics/en.md",
            b"# \xff",
            "source/basics/en.md:1:3: byte 0xff is not UTF-8. Save the file as UTF-8.",
        ),
        (
            "source/basics/topic.yml",
            b"deck: {zh: A}\norder: 1\n",
            "source/basics/topic.yml:1:1: the deck has no name for language 'en'. "
            "Add `en: \u2026` below `deck:`.",
        ),
        (
            "source/basics/topic.yml",
            b"deck:\n  zh: A\n  en: B\n  enn: C\norder: 1\n",
            "source/basics/topic.yml:4:3: unknown language 'enn'. Did you mean 'en'?",
        ),
    ],
)
def test_problem_of_a_project_file(project: Path, name: str, text: bytes | None, said: str) -> None:
    (project / name).unlink() if text is None else (project / name).write_bytes(text)
    assert said in words(parse_source(project)[1])


def test_directory_in_place_of_a_file_and_the_reverse(project: Path) -> None:
    (project / "source/basics/en.md").unlink()
    (project / "source/basics/en.md").mkdir()
    (problem,) = parse_source(project)[1]
    assert (str(problem.at), problem.rule) == ("source/basics/en.md:1:1", "is-directory")


@pytest.mark.parametrize("make", [False, True])
def test_no_source_at_all(tmp_path: Path, make: bool) -> None:
    if make:
        write_tree(tmp_path, {k: v for k, v in PROJECT.items() if k.count("/") == 1})
    problems = parse_source(tmp_path)[1]
    assert [p.rule for p in problems] == (["no-topic"] if make else ["missing-file"] * 2)


def test_hidden_folders_are_no_topics(project: Path) -> None:
    (project / "source/.obsidian").mkdir()
    (project / "source/_drafts").mkdir()
    assert parse_source(project)[1] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"caf\xe9\n", "source/basics/en.md:1:4: byte 0xe9 is not UTF-8"),
        (None, "source/basics/en.md:1:1: there is no such file"),
        (b"## Q? {#bas-add}\n\n```text\nx\n", "source/basics/en.md:3:1: this code fence is never"),
        (b"## Q? {#q}\n\nA. [@guide#1]\n\n## No id\n", "source/basics/en.md:5:1: this note has no"),
    ],
)
def test_broken_file_makes_one_message_not_one_for_each_note(
    project: Path, text: bytes | None, said: str
) -> None:
    path = project / "source" / "basics" / "en.md"
    path.unlink() if text is None else path.write_bytes(text)
    source, problems = parse_source(project)
    assert source
    (first,) = (str(problem) for problem in problems)
    assert first.startswith(said)
    assert [p for p in lint(source) if p.rule == "untranslated" and "en.md" in p.message] == []


@pytest.mark.parametrize(
    "name",
    ["project.yml", "references.yml", "questions.yml", "glossary.yml", "notes.lock", "README.md"],
)
def test_folder_with_the_name_of_a_file_is_no_topic(project: Path, name: str) -> None:
    path = project / "source" / name
    path.unlink(missing_ok=True)
    path.mkdir()
    problems = parse_source(project)[1]
    assert {p.at.path for p in problems} <= {f"source/{name}"}
    assert len(problems) <= 1


def test_questions_and_glossary_are_read(project: Path) -> None:
    write_tree(
        project,
        {
            "source/questions.yml": "H01: { en: Threads, zh: 线程 }\nK1: { en: GEMM }\n",
            "source/glossary.yml": (
                "- { en: kernel, zh: 核函数 }\n"
                "- { en: warp, zh: 线程束, not: { zh: [束], en: [wavefront, warps group] } }\n"
            ),
        },
    )
    source, problems = parse_source(project)
    assert problems == [] and source
    assert [(q.id, dict(q.titles).get("zh")) for q in source.questions] == [
        ("H01", "线程"),
        ("K1", None),
    ]
    kernel, warp = source.glossary
    assert (dict(kernel.words), kernel.wrong) == ({"en": "kernel", "zh": "核函数"}, ())
    assert warp.wrong == (("zh", "束"), ("en", "wavefront"), ("en", "warps group"))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("questions.yml", "H 1: { en: A }", "1:1: H 1: 'H 1' does not match"),
        ("questions.yml", "H1: { en: A }\nH1: { en: B }", "2:1: key 'H1' is here a second time"),
        ("questions.yml", "H1: A", "1:1: H1: 'A' is not of type 'object'. Write the question's"),
        (
            "questions.yml",
            "H1: { zn: A }",
            "1:7: unknown language 'zn'. Known: zh, en.",
        ),
        (
            "glossary.yml",
            "- { en: a, zj: b }",
            "1:12: unknown language 'zj'. Known: zh, en.",
        ),
        (
            "glossary.yml",
            "- { en: a, not: { zh: [b] } }",
            "1:19: unknown language 'zh'. Known: en.",
        ),
        (
            "glossary.yml",
            "- { en: a }\n- { en: b, not: { en: [A] } }",
            "2:24: 'A' is here a second time (first on line 1). Keep one of the two.",
        ),
        ("glossary.yml", "- { en: a, not: [b] }", "1:12: 0.not: ['b'] is not of type 'object'."),
        ("glossary.yml", "- { en: ' a' }", "1:5: 0.en: ' a' does not match"),
        ("glossary.yml", "", "1:1: the file: None is not of type 'array'. Write a list"),
    ],
)
def test_problem_of_questions_or_glossary(project: Path, name: str, text: str, said: str) -> None:
    write_tree(project, {f"source/{name}": f"{text}\n"})
    source, problems = parse_source(project)
    assert source
    (problem,) = words(problems)
    assert problem.startswith(f"source/{name}:{said}")
