"""The folder source/: project, references, topics, and the notes of every file.

Owns: which files there are, and their YAML. Must not know Markdown (parse.py does), kernels,
HTML or Anki.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warpdeck import yamlfile
from warpdeck.model import COLOURS, Location, Note, Problem, Project, Reference, Topic
from warpdeck.parse import HIDES_NOTES, parse_file
from warpdeck.snippets import did_you_mean

_FILES = ("project.yml", "references.yml", "notes.lock", "README.md")
"""What lies beside the topics; a folder of such a name is a slip, not a topic."""


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


def parse_source(root: Path) -> tuple[Source | None, list[Problem]]:
    """Read everything under `root`/source.

    Returns what could be read, None where project.yml or a topic could not, and every
    problem of every file.
    """
    source = root / "source"
    project, problems = _project(source)
    references, found = _references(source)
    problems += found
    topics: list[Topic] = []
    notes: list[Note] = []
    incomplete: set[tuple[str, str]] = set()
    for folder in _topic_folders(source):
        topic, found = _topic(folder, project)
        problems += found
        for language in project.languages if project else ():
            path = folder / f"{language}.md"
            parsed, found = parse_file(path, _shown(path, root), folder.name, language)
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
    return Source(project, tuple(topics), references, tuple(notes), frozenset(incomplete)), problems


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
