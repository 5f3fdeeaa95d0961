"""The page of `report --html`: one file that needs no other, and no script.

Owns: what the page shows and in which order; templates/report.html has its words and
styles/report.css its looks, with the colours of card.css. Must not know what is counted
(report.py does), or where the page goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from warpdeck import highlight, report
from warpdeck.model import (
    BugSpec,
    Case,
    HostOperation,
    Kernel,
    Profile,
    ProgramReceipt,
    ProgramSpec,
    Receipt,
    RenderedNote,
    Resources,
    Survivor,
    Topic,
    Version,
)
from warpdeck.progress import Reporter
from warpdeck.proof import step_label
from warpdeck.render import html_language
from warpdeck.report import KernelCount, MutantCount, Report
from warpdeck.resolve import (
    in_bytes,
    in_percent,
    in_time,
    in_whole_percent,
    rate_of,
    shown_case,
    two_digits,
)
from warpdeck.workspace import Workspace

_NIGHT = re.compile(r"\.card\.nightMode[^{]*\{(?P<variables>[^}]*)\}")
_NIGHT_COLOUR = re.compile(r"\.nightMode (?P<name>\.wd-colour-\d+)[^{]*\{(?P<variables>[^}]*)\}")


@dataclass(frozen=True, slots=True)
class Bar:
    """A step in the chart of its ladder."""

    label: str
    percent: float
    """Of the limit, at most 100."""
    figures: str
    limit: bool
    """Whether it is the limit itself."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a ladder."""

    name: str
    label: str
    resources: tuple[Resources, ...]
    timed: tuple[Case, ...]
    sizes: int
    mutants: MutantCount | None
    survivors: tuple[Survivor, ...]
    profile: Profile | None
    code: Markup


@dataclass(frozen=True, slots=True)
class BugFound:
    """One bug: what was changed, and what was seen."""

    id: str
    of: str
    """The step or program that it breaks."""
    expect: str
    """The detector that kernel.yml names."""
    also: tuple[str, ...]
    seen: str
    """Empty without a fresh receipt."""
    edits: tuple[tuple[Markup, Markup], ...]
    """(found, replaced by) pairs of highlighted code."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """One kernel with its chart."""

    kernel: Kernel
    count: KernelCount
    receipt: Receipt | None
    bars: tuple[Bar, ...]
    steps: tuple[Step, ...]
    bugs: tuple[BugFound, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """One host program."""

    operation: HostOperation
    spec: ProgramSpec
    receipt: ProgramReceipt | None
    bugs: tuple[BugFound, ...]


@dataclass(frozen=True, slots=True)
class NoteLine:
    """One note in the list at the page's end: its question in each language."""

    id: str
    questions: tuple[tuple[str, str], ...]
    """(language, plain text) pairs."""


def make(found: Workspace, made: Report, reporter: Reporter) -> bytes:
    """Return the page of the project; the same project gives the same bytes."""
    environment = Environment(
        loader=PackageLoader("warpdeck", "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": in_percent,
        "whole_percent": in_whole_percent,
        "bytes": in_bytes,
        "digits": two_digits,
        "shape": _shape,
        "with_code": _with_code,
        "rate": rate_of,
        "html_language": html_language,
    }
    return (
        environment.get_template("report.html")
        .render(
            style=Markup(_style()),
            project=found.source.project,
            source=found.source,
            made=made,
            topics=[(topic, _counts(made, topic)) for topic in found.source.topics],
            ladders=list(_ladders(found, made)),
            programs=list(_programs(found)),
            notes=list(_notes(found, reporter)),
        )
        .encode()
    )


def _style() -> str:
    """Return the page's style: that of the cards, its night colours where the system is dark."""
    folder = files("warpdeck") / "styles"
    card = (folder / "card.css").read_text("utf-8")
    own = (folder / "report.css").read_text("utf-8")
    dark = [f".card {{{found['variables']}}}" for found in _NIGHT.finditer(card)]
    dark += [f"{found['name']} {{{found['variables']}}}" for found in _NIGHT_COLOUR.finditer(card)]
    return f"{card}\n@media (prefers-color-scheme: dark) {{\n{chr(10).join(dark)}\n}}\n{own}"


def _counts(made: Report, topic: Topic) -> list[report.TopicCount]:
    return [count for count in made.topics if count.topic == topic.name]


def _notes(found: Workspace, reporter: Reporter) -> Iterator[tuple[Topic, list[NoteLine]]]:
    """Yield each topic with its live notes."""
    languages = found.source.project.languages
    rendered, _ = found.render([topic.name for topic in found.source.topics], languages, reporter)
    for topic in found.source.topics:
        by_id: dict[str, list[RenderedNote]] = {}
        for note in rendered:
            if note.topic == topic.name and not note.retired:
                by_id.setdefault(note.id, []).append(note)
        yield (
            topic,
            [
                NoteLine(note_id, tuple((note.language, note.question) for note in notes))
                for note_id, notes in by_id.items()
            ],
        )


# --- ladders and programs --------------------------------------------------------


def _ladders(found: Workspace, made: Report) -> Iterator[Ladder]:
    receipts = {receipt.kernel: receipt for receipt in found.receipts}
    counts = {count.kernel: count for count in made.kernels}
    for kernel in found.kernels:
        receipt = receipts.get(kernel.name)
        yield Ladder(
            kernel,
            counts[kernel.name],
            receipt,
            tuple(_bars(kernel, receipt)) if receipt else (),
            tuple(_steps(found, kernel, receipt)),
            _bugs(kernel.bugs, receipt, "cuda"),
        )


def _bars(kernel: Kernel, receipt: Receipt) -> Iterator[Bar]:
    versions = {version.name: version for version in receipt.versions}
    for step in kernel.steps:
        case = shown_case(versions[step.name], kernel.shape)
        if case and case.time_us and case.ratio_to_limit:
            figures = (in_percent(case.ratio_to_limit), in_time(case.time_us.median), rate_of(case))
            yield Bar(
                step_label(step, "en"),
                min(case.ratio_to_limit, 1) * 100,
                " · ".join(figures),
                step.name == kernel.limit,
            )


def _steps(found: Workspace, kernel: Kernel, receipt: Receipt | None) -> Iterator[Step]:
    versions = {version.name: version for version in receipt.versions} if receipt else {}
    for step in kernel.steps:
        version = versions.get(step.name)
        code = found.resolver.snippet(f"{kernel.name}/{kernel.file}:{step.anchor}").code
        yield Step(
            step.name,
            step_label(step, "en"),
            version.resources if version else (),
            _timed(version) if version else (),
            report.sizes(version) if version else 0,
            report.mutants([version]) if version else None,
            version.mutants.survivors if version and version.mutants else (),
            version.profile if version else None,
            _highlighted(code.strip("\n"), "cuda"),
        )


def _timed(version: Version) -> tuple[Case, ...]:
    return tuple(case for case in version.cases if case.time_us)


def _programs(found: Workspace) -> Iterator[Program]:
    ran = {(receipt.operation, receipt.program): receipt for receipt in found.program_receipts}
    for operation in found.operations:
        for spec in operation.programs:
            receipt = ran.get((operation.name, spec.id))
            bugs = tuple(bug for bug in operation.bugs if bug.version == spec.id)
            language = "python" if spec.file.endswith(".py") else "cpp"
            yield Program(operation, spec, receipt, _bugs(bugs, receipt, language))


def _bugs(
    specs: Sequence[BugSpec], receipt: Receipt | ProgramReceipt | None, language: str
) -> tuple[BugFound, ...]:
    caught = {bug.id: bug for bug in receipt.bugs} if receipt else {}
    return tuple(
        BugFound(
            spec.id,
            spec.version,
            spec.expect,
            caught[spec.id].also if spec.id in caught else (),
            caught[spec.id].seen if spec.id in caught else "",
            tuple(
                (_highlighted(edit.find, language), _highlighted(edit.replace, language))
                for edit in spec.edits
            ),
        )
        for spec in specs
    )


def _highlighted(code: str, language: str) -> Markup:
    return Markup(highlight.to_html(code.strip("\n"), language))


def _with_code(words: str) -> Markup:
    """Return plain words with what stands between backticks as code."""
    code = Markup("<code>{}</code>").format
    parts = words.split("`")
    return Markup("").join(code(part) if n % 2 else part for n, part in enumerate(parts))


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
