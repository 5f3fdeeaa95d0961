"""The folder source/: project, references, topics, and the notes of every file.

Owns: which files there are, and their YAML. Must not know Markdown (parse.py does), kernels,
HTML or Anki.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from warpdeck import yamlfile
from warpdeck.model import (
    COLOURS,
    Location,
    Note,
    Problem,
    Project,
    Question,
    Reference,
    Term,
    Topic,
)
from warpdeck.parse import HIDES_NOTES, parse_file
from warpdeck.snippets import did_you_mean
from warpdeck.yamlfile import KeyPath, Yaml

QUESTIONS, GLOSSARY = "questions.yml", "glossary.yml"
"""Files that a project may have."""
_FILES = ("project.yml", "references.yml", QUESTIONS, GLOSSARY, "notes.lock", "README.md")
"""What lies beside the topics; a folder of such a name is a slip, not a topic."""

ParseFile = Callable[[Path, str, str, str], tuple[list[Note], list[Problem]]]
"""Parses a file of notes, as `parse_file` does."""


@dataclass(frozen=True, slots=True)
class Source:
    """All of source/, parsed."""

    project: Project
    topics: tuple[Topic, ...]
    """In deck order."""
    references: tuple[Reference, ...]
    notes: tuple[Note, ...]
    """Topic by topic, language by language, in file order."""
    incomplete: frozenset[tuple[str, str]] = frozenset()
    """(topic, language) of files in which a problem hides notes: none is missing there."""
    questions: tuple[Question, ...] = ()
    """In the order of questions.yml; empty where there is none."""
    glossary: tuple[Term, ...] = ()
    drafts: tuple[Note, ...] = ()
    """Notes that are in no deck yet; their ids are taken."""


def parse_source(root: Path, parse: ParseFile = parse_file) -> tuple[Source | None, list[Problem]]:
    """Read everything under `root`/source; `parse` may remember files that have not changed.

    Returns what could be read, None where project.yml or a topic could not, and every
    problem of every file.
    """
    source = root / "source"
    project, problems = _project(source)
    references, found = _references(source)
    problems += found
    languages = project.languages if project else ()
    questions, found = _questions(source, languages)
    problems += found
    glossary, found = _glossary(source, languages)
    problems += found
    topics: list[Topic] = []
    notes: list[Note] = []
    incomplete: set[tuple[str, str]] = set()
    for folder in _topic_folders(source):
        topic, found = _topic(folder, project)
        problems += found
        for language in languages:
            path = folder / f"{language}.md"
            parsed, found = parse(path, _shown(path, root), folder.name, language)
            problems += found
            notes += parsed
            if found and (not parsed or any(p.rule in HIDES_NOTES for p in found)):
                incomplete.add((folder.name, language))
        if topic:
            topics.append(topic)
    if project is None or references is None:
        return None, problems
    if not topics and not problems:
        at = Location("source")
        problems.append(
            Problem(
                at, "no-topic", "there is no topic", "Make one: `uv run build.py new topic NAME`."
            )
        )
    topics.sort(key=lambda topic: (topic.order, topic.name))
    rank = {topic.name: n for n, topic in enumerate(topics)}
    notes.sort(key=lambda note: rank.get(note.topic, len(rank)))
    return Source(
        project,
        tuple(topics),
        references,
        tuple(note for note in notes if not note.draft),
        frozenset(incomplete),
        questions,
        glossary,
        tuple(note for note in notes if note.draft),
    ), problems


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _topic_folders(source: Path) -> list[Path]:
    if not source.is_dir():
        return []
    return sorted(
        path
        for path in source.iterdir()
        if path.is_dir() and path.name[0] not in "._" and path.name not in _FILES
    )


def _project(source: Path) -> tuple[Project | None, list[Problem]]:
    shown = "source/project.yml"
    found, problems = yamlfile.load(source / "project.yml", shown, "project")
    if problems and problems[0].rule == "missing-file":
        hint = "Take that of another project, or run `new project NAME` in an empty folder."
        return None, [Problem(Location(shown), "missing-file", "there is no such file", hint)]
    if found is None:
        return None, problems
    data = found.data
    project = Project(
        name=data["name"],
        languages=tuple(data["languages"]),
        answer_words=data.get("answer_words", 0),
        code_columns=data.get("code_columns", 0),
        download=data.get("download", ""),
        issues=data.get("issues", ""),
    )
    return project, []


def _references(source: Path) -> tuple[tuple[Reference, ...] | None, list[Problem]]:
    found, problems = yamlfile.load(
        source / "references.yml", "source/references.yml", "references"
    )
    if found is None:
        return None, problems
    return tuple(
        Reference(key, entry["title"], entry["url"], entry.get("edition", ""), entry["checked"])
        for key, entry in (found.data or {}).items()
    ), []


def _questions(
    source: Path, languages: Sequence[str]
) -> tuple[tuple[Question, ...], list[Problem]]:
    found, problems = _optional(source, QUESTIONS, "questions")
    if found is None:
        return (), problems
    for name, titles in found.data.items():
        problems += _languages_of(found, titles, languages, name)
    return tuple(
        Question(name, tuple(titles.items())) for name, titles in found.data.items()
    ), problems


def _glossary(source: Path, languages: Sequence[str]) -> tuple[tuple[Term, ...], list[Problem]]:
    found, problems = _optional(source, GLOSSARY, "glossary")
    if found is None:
        return (), problems
    terms = []
    for index, entry in enumerate(found.data):
        words = {language: word for language, word in entry.items() if language != _WRONG}
        wrong = entry.get(_WRONG, {})
        problems += _languages_of(found, words, languages, index)
        problems += _languages_of(found, wrong, tuple(words), index, _WRONG)
        pairs = [(language, word) for language, several in wrong.items() for word in several]
        terms.append(Term(tuple(words.items()), tuple(pairs)))
    return tuple(terms), [*problems, *_twice(terms, found)]


_WRONG = "not"
"""Key of the words of a glossary's entry that no note may use."""


def _twice(terms: Sequence[Term], found: Yaml) -> Iterator[Problem]:
    """Yield a problem for each word that the glossary already chose, or refused."""
    first: dict[tuple[str, str], Location] = {}
    for language, word, keys in _places(terms):
        at = found.at(*keys)
        other = first.setdefault((language, word.casefold()), at)
        if other is not at:
            what = f"'{word}' is here a second time (first on line {other.line})"
            yield Problem(at, "twice", what, "Keep one of the two.")


def _places(terms: Sequence[Term]) -> Iterator[tuple[str, str, KeyPath]]:
    """Yield each word of the glossary with its language and where it stands."""
    for index, term in enumerate(terms):
        yield from ((language, word, (index, language)) for language, word in term.words)
        counts: Counter[str] = Counter()
        for language, word in term.wrong:
            yield language, word, (index, _WRONG, language, counts[language])
            counts[language] += 1


def _optional(source: Path, name: str, schema: str) -> tuple[Yaml | None, list[Problem]]:
    """Read a file that need not be there."""
    found, problems = yamlfile.load(source / name, f"source/{name}", schema)
    if problems and problems[0].rule == "missing-file":
        return None, []
    return found, problems


def _languages_of(
    found: Yaml, given: Iterable[str], languages: Sequence[str], *keys: str | int
) -> Iterator[Problem]:
    """Yield a problem for each language of `given` that is none of `languages`."""
    for language in given:
        if languages and language not in languages:
            hint = did_you_mean(language, languages) or f"Known: {', '.join(languages)}."
            at = found.at(*keys, language)
            yield Problem(at, "unknown-key", f"unknown language '{language}'", hint)


def _topic(folder: Path, project: Project | None) -> tuple[Topic | None, list[Problem]]:
    shown = f"source/{folder.name}/topic.yml"
    found, problems = yamlfile.load(folder / "topic.yml", shown, "topic")
    if found is None:
        return None, problems
    for language in project.languages if project else ():
        if language not in found.data["deck"]:
            problems.append(
                Problem(
                    found.at("deck"),
                    "missing-key",
                    f"the deck has no name for language '{language}'",
                    f"Add `{language}: …` below `deck:`.",
                )
            )
    for language in found.data["deck"]:
        if project and language not in project.languages:
            hint = did_you_mean(language, project.languages) or "Add it to source/project.yml."
            at = found.at("deck", language)
            problems.append(Problem(at, "unknown-key", f"unknown language '{language}'", hint))
    topic = Topic(
        name=folder.name,
        decks=tuple(found.data["deck"].items()),
        order=found.data["order"],
        description=tuple(found.data.get("description", {}).items()),
        colour=found.data.get("colour", (found.data["order"] - 1) % COLOURS + 1),
    )
    return topic, problems
