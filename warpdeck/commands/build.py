"""`build`: source/ and kernels/ become dist/.

Owns: which decks go into which file, and that nothing on disk changes unless everything
could be made.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from warpdeck import atomic, ledger, note_types, package, workspace
from warpdeck.ledger import Changes, DeckName, Ledger
from warpdeck.lockfile import LOCK
from warpdeck.model import (
    Deck,
    Location,
    Problem,
    RenderedNote,
    StampedNote,
    StampedNoteType,
    UsageError,
)
from warpdeck.progress import Reporter, counted
from warpdeck.snippets import did_you_mean
from warpdeck.workspace import Workspace

_SUM = re.compile(r"([0-9a-f]{64})  (\S+\.apkg)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help="build these topics alone")
    parser.add_argument("--lang", metavar="LANGUAGE", help="build this language alone")
    parser.add_argument(
        "--locked",
        action="store_true",
        help="fail where the ledger would change, instead of changing it (for CI)",
    )
    parser.add_argument(
        "--allow-stale",
        action="store_true",
        help='build without fresh receipts; those cards say "unverified"',
    )


def run(arguments: argparse.Namespace, root: Path) -> list[Problem]:
    """Build what `arguments` asks for; on any problem, leave every file as it was."""
    return make(arguments, root)[1]


def make(arguments: argparse.Namespace, root: Path) -> tuple[tuple[Path, ...], list[Problem]]:
    """Build; return the fewest packages that hold what was asked for, or the problems.

    On any problem, every file is left as it was, and no package is returned.
    """
    reporter = Reporter()
    found, problems = workspace.read(root, allow_stale=arguments.allow_stale)
    if found is None:
        return (), problems
    plan = _plan(found, arguments)
    notes, rendering = found.render(plan.topics, plan.languages, reporter)
    problems += rendering
    if problems:
        return (), problems
    book = ledger.load(root / LOCK)
    if stranger := ledger.of_another_project(book, found.source.project.name):
        return (), [_renamed(stranger, found.source.project.name)]
    stamping = ledger.stamp(
        book,
        (*notes, *_gone(found, book, plan)),
        tuple(note_types.note_types(found.source.project.name).values()),
        now(),
        decks=_deck_names(found, plan),
    )
    if stamping.problems:
        return (), list(stamping.problems)
    locked = ledger.dump(stamping.ledger)
    if arguments.locked and locked != ledger.dump(book):
        return (), [_not_locked(stamping.changes)]
    packages = _packages(plan, found, stamping.notes, stamping.note_types, reporter)
    _write(root, plan, packages, locked)
    _summary(packages, stamping.changes, stamping.notes)
    return tuple(root / "dist" / name for name in _fewest(plan, found)), []


def now() -> int:
    """Return the time to stamp with, in seconds since 1970 (SOURCE_DATE_EPOCH overrides it).

    Raises UsageError for a SOURCE_DATE_EPOCH that is no such time.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if not given:
        return int(time.time())
    # Ten digits end in 2286: what is longer counts milliseconds, and every later build's notes
    # would seem older than those that learners have.
    if not re.fullmatch(r"[0-9]{1,10}", given):
        raise UsageError(f"SOURCE_DATE_EPOCH is '{given}', no number of seconds since 1970")
    return int(given)


# --- what to build -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """The part of the project to build."""

    topics: tuple[str, ...]
    languages: tuple[str, ...]
    every_topic: bool
    every_language: bool


def _plan(found: Workspace, arguments: argparse.Namespace) -> _Plan:
    names = [topic.name for topic in found.source.topics]
    languages = found.source.project.languages
    if arguments.lang is not None and arguments.lang not in languages:
        raise UsageError(_unknown("language", arguments.lang, languages))
    chosen = {_topic(name, names) for name in arguments.topics}
    return _Plan(
        topics=tuple(name for name in names if not chosen or name in chosen),
        languages=(arguments.lang,) if arguments.lang else languages,
        every_topic=not chosen,
        every_language=not arguments.lang,
    )


def _topic(given: str, names: Sequence[str]) -> str:
    """Return the topic that `given` names: the whole name, or the beginning of only one."""
    begins = [name for name in names if name.startswith(given)]
    if given in names or len(begins) == 1:
        return given if given in names else begins[0]
    raise UsageError(_unknown("topic", given, names))


def _unknown(what: str, given: str, known: Sequence[str]) -> str:
    hint = did_you_mean(given, known) or f"There are: {', '.join(known)}."
    return f"unknown {what} '{given}'. {hint}"


def _deck_names(found: Workspace, plan: _Plan) -> list[DeckName]:
    return [
        DeckName(topic.name, language, name, Location(f"source/{topic.name}/topic.yml"))
        for topic in found.source.topics
        for language, name in topic.decks
        if topic.name in plan.topics and language in plan.languages
    ]


def _gone(found: Workspace, book: Ledger, plan: _Plan) -> Iterator[RenderedNote]:
    """Yield the last update of each note of this plan whose section left the source."""
    project = found.source.project.name
    present = {ledger.guid(project, note.id, note.language) for note in found.source.notes}
    topics = {topic.name for topic in found.source.topics}
    for entry in ledger.missing(book, present):
        # A whole topic may be gone; what it held belongs to a build of everything.
        planned = entry.topic in plan.topics or (plan.every_topic and entry.topic not in topics)
        if planned and entry.language in plan.languages:
            yield found.renderer.retired(
                entry.id,
                entry.language,
                entry.topic,
                entry.kind,
                entry.question,
                entry.ordinals,
            )


def _renamed(entry: ledger.Entry, project: str) -> Problem:
    return Problem(
        Location("source/project.yml"),
        "project-renamed",
        f"notes.lock holds '{entry.id}' ({entry.language}) of a project that was not called "
        f"'{project}'; with another name learners would get every note a second time",
        "Give the project its old name again; or, if nobody has its decks, delete notes.lock.",
    )


def _not_locked(changes: Changes) -> Problem:
    differing = (*changes.new, *changes.changed, *changes.retired)
    names = ", ".join(dict.fromkeys(note.id for note in differing[:5]))
    more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
    what = f"notes {names}{more}" if names else "note types or deck names"
    return Problem(
        Location(LOCK),
        "not-locked",
        f"the ledger does not know this state of {what}",
        "Run `uv run build.py` without --locked and commit source/notes.lock and dist/SHA256SUMS.",
    )


# --- packages --------------------------------------------------------------------


def _packages(
    plan: _Plan,
    found: Workspace,
    notes: Sequence[StampedNote],
    types: Sequence[StampedNoteType],
    reporter: Reporter,
) -> dict[str, bytes]:
    """Return file name → bytes: a package per topic and language, and one of everything."""
    jobs: list[tuple[str, tuple[Deck, ...]]] = []
    project = found.source.project.name
    for language in plan.languages:
        decks = {
            topic.name: Deck(dict(topic.decks)[language], _notes_of(notes, topic.name, language))
            for topic in found.source.topics
            if topic.name in plan.topics
        }
        jobs += [(f"{project}-{name}-{language}.apkg", (deck,)) for name, deck in decks.items()]
        if plan.every_topic:
            everything = (*decks.values(), *_left_over(notes, language, decks, found))
            jobs.append((f"{project}-{language}.apkg", everything))
    return {
        name: package.build(decks, types)
        for name, decks in reporter.track("Writing packages", jobs)
    }


def _fewest(plan: _Plan, found: Workspace) -> Iterator[str]:
    """Yield the names of the packages that together hold every note of the plan once."""
    project = found.source.project.name
    for language in plan.languages:
        if plan.every_topic:
            yield f"{project}-{language}.apkg"
        else:
            yield from (f"{project}-{name}-{language}.apkg" for name in plan.topics)


def _notes_of(notes: Sequence[StampedNote], topic: str, language: str) -> tuple[StampedNote, ...]:
    return tuple(n for n in notes if (n.note.topic, n.note.language) == (topic, language))


def _left_over(
    notes: Sequence[StampedNote], language: str, topics: Collection[str], found: Workspace
) -> Iterator[Deck]:
    """Yield a deck with the retired notes of topics that are gone; without cards it stays empty."""
    left = tuple(n for n in notes if n.note.language == language and n.note.topic not in topics)
    if left:
        yield Deck(dict(found.source.topics[0].decks)[language].split("::")[0], left)


def _write(root: Path, plan: _Plan, packages: Mapping[str, bytes], locked: bytes) -> None:
    """Replace the ledger, the packages and their sums together; drop packages of no topic."""
    dist = root / "dist"
    before = _sums(dist / "SHA256SUMS")
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in packages.items()}
    complete = plan.every_topic and plan.every_language
    after = sums if complete else {**before, **sums}
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(after.items()))
    files = {dist / name: data for name, data in packages.items()}
    # The ledger first: a package whose times it does not know would be worse than an old one.
    atomic.replace_all({root / LOCK: locked, **files, dist / "SHA256SUMS": lines.encode()})
    for name in set(before) - set(after):
        with suppress(OSError):
            (dist / name).unlink()


def _sums(path: Path) -> dict[str, str]:
    """Return file name → sha256 as `path` has it; what cannot be read counts as nothing."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    matches = map(_SUM.fullmatch, text.splitlines())
    # A name with a folder in it is not ours, and must never be deleted.
    return {m[2]: m[1] for m in matches if m and "/" not in m[2] and "\\" not in m[2]}


def _summary(packages: Mapping[str, bytes], changes: Changes, notes: Sequence[StampedNote]) -> None:
    for name, data in packages.items():
        print(f"dist/{name}  {len(data) / 1000:,.0f} kB")
    live = [stamped.note for stamped in notes if not stamped.note.retired]
    cards = sum(len(note.ordinals) for note in live)
    made = f"{counted(len(live), 'note')}, {counted(cards, 'card')}"
    gets = f"{len(changes.new)} new, {len(changes.changed)} changed, {len(changes.retired)} retired"
    print(f"{made}; a learner who has the last build gets {gets}")
