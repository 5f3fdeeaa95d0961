"""`new`: begin a project, a topic, a note, a kernel or a host program.

Owns: the first lines of each. Existing text is never changed, only added to.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from warpdeck import atomic, ledger, yamlfile
from warpdeck.commands import COMMANDS
from warpdeck.files import read_text
from warpdeck.lockfile import LOCK
from warpdeck.model import Kind, Location, Problem, UsageError, WarpdeckError
from warpdeck.snippets import did_you_mean
from warpdeck.source import Source, parse_source

_LONGEST = 100
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CITE = "[@KEY#SECTION]"
_BODIES: Mapping[Kind, str] = {
    Kind.QUESTION: "**The answer first.** Then why, the number, the trade-off.",
    Kind.REVERSE: "The short answer.\n\n---\n\nWhy.",
    Kind.CLOZE: "A sentence with a {{c1::blank}} and {{c2::another::a hint}}.",
    Kind.TYPE: "exactText\n\n---\n\nWhy.",
    Kind.CODE: "```cuda\n{{#include FILE.cu:ANCHOR}}\n```\n\nWhat to say while writing it.",
    Kind.BUG: "```cuda\n{{#bug KERNEL:BUG}}\n```\n\n---\n\n"
    "{{#seen KERNEL:BUG}}\n\nWhy, and the fix.",
    Kind.OUTPUT: "```cuda\n{{#include FILE.cu:ANCHOR}}\n```\n\n---\n\n"
    "```text\n{{#output KERNEL:OUTPUT}}\n```\n\nWhy.",
    Kind.LADDER: "```cuda\n{{#include FILE.cu:ANCHOR}}\n```\n\nWhat it removes, what remains.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    things = parser.add_subparsers(title="what to begin", metavar="WHAT", required=True)
    project = things.add_parser("project", help="source/ with its two files, in an empty folder")
    project.add_argument("name", help="never to change: it is part of every note's GUID")
    project.add_argument("--lang", nargs="+", default=["en"], help="as in zh en (default: en)")
    project.set_defaults(begin=_project)
    topic = things.add_parser("topic", help="a folder of source/ with a file per language")
    topic.add_argument("name", help="lower-case letters, digits and `-`")
    topic.set_defaults(begin=_topic)
    note = things.add_parser("note", help="a section at the end of a topic, in each language")
    note.add_argument("topic")
    note.add_argument("id", help="never to change: topic-what-it-asks")
    note.add_argument("--kind", default="question", choices=[kind.value for kind in Kind])
    note.set_defaults(begin=_note)
    kernel = things.add_parser("kernel", help="a folder of kernels/ with a program that passes")
    kernel.add_argument("name", help="lower-case letters and digits")
    kernel.set_defaults(begin=_kernel)
    program = things.add_parser("program", help="a folder of kernels/ with a host program")
    program.add_argument("name", help="lower-case letters, digits and `-`")
    program.add_argument("--python", action="store_true", help="in Python (default: C++)")
    program.set_defaults(begin=_program)


def run(arguments: argparse.Namespace, root: Path) -> list[Problem]:
    """Write the first lines of what was asked for."""
    written: dict[Path, bytes] = arguments.begin(arguments, root)
    atomic.replace_all(written)
    for path in written:
        print(path.relative_to(root).as_posix())
    return []


def _project(arguments: argparse.Namespace, root: Path) -> dict[Path, bytes]:
    name = _checked(arguments.name)
    _must_be_free(root / "source", root)
    templates = files("warpdeck") / "templates"
    languages = ", ".join(dict.fromkeys(arguments.lang))
    project = (templates / "project.yml").read_text("utf-8")
    project = project.replace("NAME", name).replace("LANGUAGES", languages)
    _, problems = yamlfile.parse(project, "--lang", "project")
    if problems:
        raise UsageError(f"{problems[0].message}. {problems[0].hint}")
    return {
        root / "source" / "project.yml": project.encode(),
        root / "source" / "references.yml": (templates / "references.yml").read_bytes(),
    }


def _topic(arguments: argparse.Namespace, root: Path) -> dict[Path, bytes]:
    source = _source(root)
    name = _checked(arguments.name)
    if name in COMMANDS:
        raise UsageError(f"'{name}' is the name of a command: choose another")
    folder = root / "source" / name
    _must_be_free(folder, root)
    order = max((topic.order for topic in source.topics), default=0) + 1
    title = name.replace("-", " ").capitalize()
    languages = source.project.languages
    decks = "".join(
        f'  {code}: "{source.project.name} {code}::{order:02} {title}"\n' for code in languages
    )
    lines = (
        f"# A deck name is fixed for ever once it was published.\ndeck:\n{decks}order: {order}\n"
    )
    texts = {folder / f"{code}.md": f"# {title}\n" for code in languages}
    texts[folder / "topic.yml"] = lines
    return {path: text.encode() for path, text in texts.items()}


def _note(arguments: argparse.Namespace, root: Path) -> dict[Path, bytes]:
    source = _source(root)
    names = [topic.name for topic in source.topics]
    if arguments.topic not in names:
        hint = did_you_mean(arguments.topic, names) or "Begin it with `new topic`."
        raise UsageError(f"unknown topic '{arguments.topic}'. {hint}")
    note_id = _checked(arguments.id)
    _must_be_unused(note_id, source, root)
    kind = Kind(arguments.kind)
    classes = "" if kind is Kind.QUESTION else f" .{kind.value}"
    heading = "" if kind is Kind.CLOZE else "The question? "
    section = f"\n## {heading}{{#{note_id}{classes} .level-1}}\n\n{_BODIES[kind]}\n\n{_CITE}\n"
    written = {}
    for language in source.project.languages:
        path = root / "source" / arguments.topic / f"{language}.md"
        text, problems = read_text(path, path.relative_to(root).as_posix())
        if problems:
            raise WarpdeckError(*problems)
        written[path] = (text.rstrip("\n") + "\n" + section).encode()
    return written


def _kernel(arguments: argparse.Namespace, root: Path) -> dict[Path, bytes]:
    name = _checked(arguments.name)
    if "-" in name or name[0].isdigit():
        raise UsageError("a kernel's name is also a C++ name: a letter first, and no `-`")
    return _operation(name, root, {f"{name}.cu": "kernel.cu", "kernel.yml": "kernel.yml"})


def _program(arguments: argparse.Namespace, root: Path) -> dict[Path, bytes]:
    name = _checked(arguments.name)
    kind = "py" if arguments.python else "cpp"
    # Were the template a .py file, it would be a module of ours.
    template = "program.py.txt" if arguments.python else "program.cpp"
    texts = {f"{name}.{kind}": template, "kernel.yml": f"program-{kind}.yml"}
    return _operation(name, root, texts)


def _operation(name: str, root: Path, texts: Mapping[str, str]) -> dict[Path, bytes]:
    """Return the files of a new folder of kernels/; `texts` is file name → template."""
    folder = root / "kernels" / name
    _must_be_free(folder, root)
    templates = files("warpdeck") / "templates"
    return {
        folder / target: (templates / template).read_text("utf-8").replace("NAME", name).encode()
        for target, template in texts.items()
    }


def _source(root: Path) -> Source:
    """Return the source; problems that leave it readable are for `check` to tell."""
    source, problems = parse_source(root)
    if source is None:
        raise WarpdeckError(*problems)
    return source


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
        raise UsageError(f"'{shown}' is no name: use lower-case letters, digits and single `-`")
    return name


def _must_be_free(folder: Path, root: Path) -> None:
    if folder.exists():
        at = Location(folder.relative_to(root).as_posix())
        raise WarpdeckError(Problem(at, "exists", "this exists already", "Choose another name."))


def _must_be_unused(note_id: str, source: Source, root: Path) -> None:
    for note in source.notes:
        if note.id == note_id:
            raise WarpdeckError(
                Problem(note.at, "duplicate-id", f"id '{note_id}' is taken", "Choose another.")
            )
    for entry in ledger.load(root / LOCK).notes.values():
        if entry.id == note_id:
            message = f"id '{note_id}' belonged to a note that left the deck"
            raise WarpdeckError(
                Problem(Location(LOCK), "id-retired", message, "Choose another: ids are for ever.")
            )
