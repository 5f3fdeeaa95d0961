"""Counts and coverage of a project.

Owns: what is counted. Must not know rules or printing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warpdeck.lint import count_words
from warpdeck.model import (
    HostOperation,
    Kernel,
    Kind,
    Note,
    ProgramReceipt,
    ProgramSpec,
    Receipt,
    Topic,
)
from warpdeck.source import Source


@dataclass(frozen=True, slots=True)
class TopicCount:
    """One topic in one language."""

    topic: str
    language: str
    deck: str
    description: str
    notes: int
    cards: int
    kinds: Mapping[str, int]
    levels: Mapping[str, int]
    words: int
    """Words of prose in answers (a Chinese character counts 0.6)."""


@dataclass(frozen=True, slots=True)
class KernelCount:
    """One kernel and its receipt."""

    kernel: str
    steps: int
    bugs: int
    outputs: int
    receipt: str
    """`fresh`, or `missing or stale`."""
    gpu: str
    best: str
    """Name of the fastest step but the limit itself, at the shape that cards show."""
    ratio_to_limit: float


@dataclass(frozen=True, slots=True)
class ProgramCount:
    """One host program and its receipt."""

    operation: str
    program: str
    bugs: int
    receipt: str
    """`fresh`, or `missing or stale`."""
    tools: str
    """What compiled, launched and served it, with versions."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that `report` shows."""

    topics: tuple[TopicCount, ...]
    kernels: tuple[KernelCount, ...]
    programs: tuple[ProgramCount, ...]
    untranslated: tuple[str, ...]
    uncited: tuple[str, ...]
    """References that no note cites."""


def make(
    source: Source,
    kernels: Sequence[Kernel],
    fresh: Sequence[Receipt],
    operations: Sequence[HostOperation] = (),
    ran: Sequence[ProgramReceipt] = (),
) -> Report:
    """Return the report of a project; `fresh` and `ran` are the receipts that match the code."""
    proofs = {(receipt.operation, receipt.program): receipt for receipt in ran}
    receipts = {receipt.kernel: receipt for receipt in fresh}
    cited = {citation.key for note in source.notes for citation in note.citations}
    return Report(
        topics=tuple(
            _topic(source, topic, language, deck)
            for topic in source.topics
            for language, deck in topic.decks
        ),
        kernels=tuple(_kernel(kernel, receipts.get(kernel.name)) for kernel in kernels),
        programs=tuple(
            _program(operation, program, proofs.get((operation.name, program.id)))
            for operation in operations
            for program in operation.programs
        ),
        untranslated=_untranslated(source),
        uncited=tuple(r.key for r in source.references if r.key not in cited),
    )


def as_data(report: Report) -> dict[str, Any]:
    """Return the report as plain data for JSON; key names are part of the interface."""
    return {
        "topics": [
            {
                "topic": t.topic,
                "language": t.language,
                "deck": t.deck,
                "description": t.description,
                "notes": t.notes,
                "cards": t.cards,
                "kinds": dict(t.kinds),
                "levels": dict(t.levels),
                "words": t.words,
            }
            for t in report.topics
        ],
        "kernels": [
            {
                "kernel": k.kernel,
                "steps": k.steps,
                "bugs": k.bugs,
                "outputs": k.outputs,
                "receipt": k.receipt,
                "gpu": k.gpu,
                "best": k.best,
                "ratio_to_limit": k.ratio_to_limit,
            }
            for k in report.kernels
        ],
        "programs": [
            {
                "kernel": p.operation,
                "program": p.program,
                "bugs": p.bugs,
                "receipt": p.receipt,
                "tools": p.tools,
            }
            for p in report.programs
        ],
        "untranslated": list(report.untranslated),
        "uncited": list(report.uncited),
    }


def cards_of(note: Note) -> int:
    """Return how many cards `note` makes."""
    if note.kind is Kind.CLOZE:
        return len(note.ordinals)
    return 2 if note.kind is Kind.REVERSE else 1


def _topic(source: Source, topic: Topic, language: str, deck: str) -> TopicCount:
    notes = [n for n in source.notes if (n.topic, n.language) == (topic.name, language)]
    live = [note for note in notes if not note.retired]
    return TopicCount(
        topic=topic.name,
        language=language,
        deck=deck,
        description=dict(topic.description).get(language, ""),
        notes=len(live),
        cards=sum(map(cards_of, live)),
        kinds=dict(sorted(Counter(note.kind.value for note in live).items())),
        levels=dict(sorted(Counter(str(note.level or "none") for note in live).items())),
        words=sum(count_words(note.back) for note in live),
    )


def _kernel(kernel: Kernel, receipt: Receipt | None) -> KernelCount:
    best, ratio = _best(kernel, receipt) if receipt else ("", 0.0)
    return KernelCount(
        kernel=kernel.name,
        steps=len(kernel.steps),
        bugs=len(kernel.bugs),
        outputs=len(kernel.outputs),
        receipt="fresh" if receipt else "missing or stale",
        gpu=receipt.gpu if receipt else "",
        best=best,
        ratio_to_limit=ratio,
    )


def _program(
    operation: HostOperation, program: ProgramSpec, receipt: ProgramReceipt | None
) -> ProgramCount:
    return ProgramCount(
        operation=operation.name,
        program=program.id,
        bugs=sum(bug.version == program.id for bug in operation.bugs),
        receipt="fresh" if receipt else "missing or stale",
        tools=", ".join(" ".join(tool) for tool in receipt.tools) if receipt else "",
    )


def _best(kernel: Kernel, receipt: Receipt) -> tuple[str, float]:
    measured = [
        (case.ratio_to_limit or 0.0, version.name)
        for version in receipt.versions
        for case in version.cases
        if case.shape == kernel.shape and version.name != kernel.limit
    ]
    ratio, name = max(measured, default=(0.0, ""))
    return name, ratio


def _untranslated(source: Source) -> tuple[str, ...]:
    have: dict[str, set[str]] = {}
    for note in source.notes:
        have.setdefault(note.id, set()).add(note.language)
    wanted = source.project.languages
    return tuple(
        f"{note_id} ({language})"
        for note_id, languages in have.items()
        for language in wanted
        if language not in languages
    )
