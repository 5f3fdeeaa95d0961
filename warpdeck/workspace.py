"""A project on disk, read once and in order.

Owns: the order read → parse → resolve → lint → render, and gathering the problems of all of
it. Must not know arguments, printing, the ledger's rules or genanki.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from warpdeck import kernels, program_receipts, programs, receipts
from warpdeck.commands import COMMANDS
from warpdeck.files import read_text
from warpdeck.lint import lint
from warpdeck.model import (
    HostOperation,
    Kernel,
    Location,
    Problem,
    ProgramReceipt,
    Receipt,
    RenderedNote,
)
from warpdeck.parse import parse_file
from warpdeck.progress import Reporter
from warpdeck.render import Renderer
from warpdeck.resolve import BROKEN_KERNEL, Resolver
from warpdeck.snippets import check_anchors
from warpdeck.source import ParseFile, Source, parse_source


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything that a command may need of a project."""

    root: Path
    source: Source
    kernels: tuple[Kernel, ...]
    receipts: tuple[Receipt, ...]
    """The fresh ones."""
    operations: tuple[HostOperation, ...]
    program_receipts: tuple[ProgramReceipt, ...]
    """The fresh ones."""
    resolver: Resolver
    renderer: Renderer

    def render(
        self, topics: Collection[str], languages: Collection[str], reporter: Reporter
    ) -> tuple[tuple[RenderedNote, ...], list[Problem]]:
        """Render the notes of `topics` in `languages`."""
        wanted = [
            note
            for note in self.source.notes
            if note.topic in topics and note.language in languages
        ]
        problems: list[Problem] = []
        rendered = []
        for note in reporter.track("Rendering notes", wanted):
            done, found = self.renderer.render(note)
            rendered.append(done)
            # What is wrong with a kernel.yml was said where it stands, once.
            problems += [problem for problem in found if problem.rule != BROKEN_KERNEL]
        return tuple(rendered), problems


def read(
    root: Path, *, allow_stale: bool = False, parse: ParseFile = parse_file
) -> tuple[Workspace | None, list[Problem]]:
    """Read the project at `root`.

    Returns None where too little could be read to go on. With `allow_stale`, a missing or
    stale receipt is no problem: cards then say "unverified". `parse` may remember files that
    have not changed.
    """
    if not (root / "source").is_dir():
        message = "there is no folder source/ here"
        hint = "Run the command from a project's folder."
        return None, [Problem(Location("source"), "no-project", message, hint)]
    source, problems = parse_source(root, parse)
    found_kernels, found = kernels.load_kernels(root)
    problems += found
    problems += _anchors(root)
    fresh: dict[str, Receipt] = {}
    for kernel in found_kernels:
        receipt, found = receipts.best(root, kernel)
        if receipt:
            fresh[kernel.name] = receipt
        waits = kernel.draft and receipt is None
        problems += [] if allow_stale or waits else found
    operations, found = programs.load_programs(root)
    problems += found
    ran, found = _program_receipts(root, operations)
    problems += [] if allow_stale else found
    if source is None:
        return None, problems
    # `uv run build.py check` must mean one thing: no topic may bear a command's name.
    problems += lint(source, COMMANDS)
    by_name = {kernel.name: kernel for kernel in found_kernels}
    resolver = Resolver(
        root,
        by_name,
        fresh,
        operations=operations,
        program_receipts=ran,
        strict=not allow_stale,
    )
    renderer = Renderer(source, resolver, root)
    workspace = Workspace(
        root,
        source,
        found_kernels,
        tuple(fresh.values()),
        operations,
        tuple(ran),
        resolver,
        renderer,
    )
    return workspace, problems


def _program_receipts(
    root: Path, operations: Iterable[HostOperation]
) -> tuple[list[ProgramReceipt], list[Problem]]:
    ran, problems = [], []
    for operation in operations:
        for program in operation.programs:
            receipt, found = program_receipts.fresh(root, operation, program)
            ran += [receipt] if receipt else []
            problems += found
        problems += program_receipts.orphans(root, operation)
    return ran, problems


def _anchors(root: Path) -> Iterator[Problem]:
    kernels_folder = root / "kernels"
    for path in sorted((*kernels_folder.glob("*/*.c*"), *kernels_folder.glob("*/*.py"))):
        shown = path.relative_to(root).as_posix()
        text, problems = read_text(path, shown)
        yield from problems or check_anchors(shown, text)
