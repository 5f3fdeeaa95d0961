"""Counts and coverage of a project.

Owns: what is counted. Must not know rules or printing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from warpdeck import mutation
from warpdeck.coverage import Answered, coverage
from warpdeck.lint import count_words
from warpdeck.model import (
    Baseline,
    Bug,
    Case,
    HostOperation,
    Kernel,
    Kind,
    Note,
    ProgramReceipt,
    ProgramSpec,
    Question,
    Receipt,
    Topic,
    Version,
)
from warpdeck.resolve import shown_case
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
class MutantCount:
    """What became of the mutants of one or more versions."""

    made: int
    killed: int
    equivalent: int
    """Those that cannot be told from the original, as its compiled code or an argument says."""

    @property
    def total(self) -> int:
        """Those that a check could kill."""
        return self.made - self.equivalent


@dataclass(frozen=True, slots=True)
class KernelCount:
    """One kernel and its receipt; without a fresh one, no figure."""

    kernel: str
    steps: int
    bugs: int
    outputs: int
    receipt: str
    """`fresh`, `draft`, or `missing or stale`."""
    gpu: str
    best: str
    """Name of the fastest step but the limit itself, at the shape that cards show."""
    ratio_to_limit: float
    baseline: Baseline | None
    """What the fastest step was compared with, if anything."""
    sizes: int
    """Shapes at which each step was compared with its reference: the fewest of any step."""
    max_error: float
    """Of the case that comes nearest to its tolerance."""
    tolerance: float
    """Of the same case."""
    sanitizers: tuple[str, ...]
    """Tools that every step passed."""
    caught: Mapping[str, int]
    """How many bugs each detector caught."""
    mutants: MutantCount | None
    """None where the receipt says nothing of mutants."""


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
    sanitizers: tuple[str, ...]
    """What it ran under without a report."""
    caught: Mapping[str, int]
    """How many bugs each detector caught."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that `report` shows."""

    topics: tuple[TopicCount, ...]
    kernels: tuple[KernelCount, ...]
    programs: tuple[ProgramCount, ...]
    untranslated: tuple[str, ...]
    draft_kernels: tuple[str, ...]
    """Kernels that nothing has verified yet."""
    draft_notes: tuple[str, ...]
    """Ids of notes that wait for something and are in no deck."""
    uncited: tuple[str, ...]
    """References that no note cites."""
    coverage: tuple[Answered, ...]
    """Empty where the project has no questions.yml."""
    terms: int
    """Concepts in the glossary."""

    @property
    def open_questions(self) -> tuple[str, ...]:
        """Ids of the questions that no note answers."""
        return tuple(found.question.id for found in self.coverage if not found.notes)


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
        draft_kernels=tuple(kernel.name for kernel in kernels if kernel.draft),
        draft_notes=tuple(dict.fromkeys(note.id for note in source.drafts)),
        uncited=tuple(r.key for r in source.references if r.key not in cited),
        coverage=coverage(source.questions, source.notes),
        terms=len(source.glossary),
    )


def as_data(report: Report) -> dict[str, Any]:
    """Return the report as plain data for JSON; key names are part of the interface."""
    data: dict[str, Any] = {
        "topics": [_topic_data(topic) for topic in report.topics],
        "kernels": [_kernel_data(kernel) for kernel in report.kernels],
        "programs": [_program_data(program) for program in report.programs],
        "untranslated": list(report.untranslated),
        "drafts": {"kernels": list(report.draft_kernels), "notes": list(report.draft_notes)},
        "uncited": list(report.uncited),
    }
    if report.coverage:
        data["coverage"] = {
            "questions": [
                {
                    "id": found.question.id,
                    "titles": dict(found.question.titles),
                    "notes": list(found.notes),
                }
                for found in report.coverage
            ],
            "open": list(report.open_questions),
        }
    if report.terms:
        data["glossary"] = {"terms": report.terms}
    return data


def _topic_data(topic: TopicCount) -> dict[str, Any]:
    return {
        "topic": topic.topic,
        "language": topic.language,
        "deck": topic.deck,
        "description": topic.description,
        "notes": topic.notes,
        "cards": topic.cards,
        "kinds": dict(topic.kinds),
        "levels": dict(topic.levels),
        "words": topic.words,
    }


def _kernel_data(kernel: KernelCount) -> dict[str, Any]:
    return {
        "kernel": kernel.kernel,
        "steps": kernel.steps,
        "bugs": kernel.bugs,
        "outputs": kernel.outputs,
        "receipt": kernel.receipt,
        "gpu": kernel.gpu,
        "best": kernel.best,
        "ratio_to_limit": kernel.ratio_to_limit,
        "baseline": asdict(kernel.baseline) if kernel.baseline else None,
        "sizes": kernel.sizes,
        "max_error": kernel.max_error,
        "tolerance": kernel.tolerance,
        "sanitizers": list(kernel.sanitizers),
        "caught": dict(kernel.caught),
        "mutants": asdict(kernel.mutants) if kernel.mutants else None,
    }


def _program_data(program: ProgramCount) -> dict[str, Any]:
    return {
        "kernel": program.operation,
        "program": program.program,
        "bugs": program.bugs,
        "receipt": program.receipt,
        "tools": program.tools,
        "sanitizers": list(program.sanitizers),
        "caught": dict(program.caught),
    }


def cards_of(note: Note) -> int:
    """Return how many cards `note` makes."""
    if note.kind is Kind.CLOZE:
        return len(note.ordinals)
    return 2 if note.kind is Kind.REVERSE else 1


def title_of(question: Question, languages: Sequence[str]) -> str:
    """Return the English title of `question`, else that of the first language that has one."""
    titles = dict(question.titles)
    return next(titles[code] for code in ("en", *languages) if code in titles)


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
    versions = receipt.versions if receipt else ()
    best, case = _best(kernel, versions)
    worst = _worst(versions)
    return KernelCount(
        kernel=kernel.name,
        steps=len(kernel.steps),
        bugs=len(kernel.bugs),
        outputs=len(kernel.outputs),
        receipt="fresh" if receipt else "draft" if kernel.draft else "missing or stale",
        gpu=receipt.gpu if receipt else "",
        best=best,
        ratio_to_limit=case.ratio_to_limit or 0.0 if case else 0.0,
        baseline=case.baseline if case else None,
        sizes=min((sizes(version) for version in versions), default=0),
        max_error=worst.max_error if worst else 0.0,
        tolerance=worst.tolerance if worst else 0.0,
        sanitizers=_passed_by_all(versions),
        caught=_caught(receipt.bugs if receipt else ()),
        mutants=mutants(versions),
    )


def sizes(version: Version) -> int:
    """Return at how many shapes `version` was compared with its reference."""
    return len({case.shape for case in version.cases})


def mutants(versions: Sequence[Version]) -> MutantCount | None:
    """Return what became of the mutants of `versions`, None where nothing is known of any."""
    made = [version.mutants.made for version in versions if version.mutants]
    if not made:
        return None
    killed, total = mutation.score(versions)
    return MutantCount(sum(made), killed, sum(made) - total)


def _program(
    operation: HostOperation, program: ProgramSpec, receipt: ProgramReceipt | None
) -> ProgramCount:
    return ProgramCount(
        operation=operation.name,
        program=program.id,
        bugs=sum(bug.version == program.id for bug in operation.bugs),
        receipt="fresh" if receipt else "missing or stale",
        tools=", ".join(" ".join(tool) for tool in receipt.tools) if receipt else "",
        sanitizers=receipt.sanitizers if receipt else (),
        caught=_caught(receipt.bugs if receipt else ()),
    )


def _caught(bugs: Iterable[Bug]) -> Mapping[str, int]:
    return dict(sorted(Counter(bug.detector for bug in bugs).items()))


def _best(kernel: Kernel, versions: Sequence[Version]) -> tuple[str, Case | None]:
    """Return the name of the fastest step but the limit, and its case that cards show."""
    measured = [
        (version.name, case)
        for version in versions
        if version.name != kernel.limit and (case := shown_case(version, kernel.shape))
    ]
    # By time: a version that computes less is held against another roof.
    return min(
        measured,
        key=lambda step: step[1].time_us.median if step[1].time_us else math.inf,
        default=("", None),
    )


def _worst(versions: Iterable[Version]) -> Case | None:
    """Return the case that comes nearest to its tolerance."""
    cases = [case for version in versions for case in version.cases]
    return max(
        cases,
        key=lambda case: (
            case.max_error / case.tolerance if case.tolerance else 0.0,
            case.max_error,
        ),
        default=None,
    )


def _passed_by_all(versions: Sequence[Version]) -> tuple[str, ...]:
    tools = dict.fromkeys(tool for version in versions for tool, _ in version.sanitizers)
    return tuple(
        tool
        for tool in tools
        if all(dict(version.sanitizers).get(tool) == "pass" for version in versions)
    )


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
