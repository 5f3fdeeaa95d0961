"""`report`: counts, coverage and receipts, as a table, as JSON or as a page."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from warpdeck import report, report_page, workspace
from warpdeck.atomic import write_bytes
from warpdeck.model import Problem, UsageError
from warpdeck.progress import Reporter, counted
from warpdeck.receipts import SANITIZERS
from warpdeck.resolve import in_percent
from warpdeck.source import QUESTIONS
from warpdeck.workspace import Workspace

PAGE = "dist/report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print JSON for other programs")
    forms.add_argument("--html", action="store_true", help=f"write a page of it to {PAGE}")
    forms.add_argument(
        "--coverage", action="store_true", help="print each question and the notes that answer it"
    )


def run(arguments: argparse.Namespace, root: Path) -> list[Problem]:
    """Print the report; a stale receipt or a missing translation is shown, not a problem."""
    found, problems = workspace.read(root, allow_stale=True)
    if found is None:
        return problems
    made = report.make(
        found.source, found.kernels, found.receipts, found.operations, found.program_receipts
    )
    if arguments.json:
        print(json.dumps(report.as_data(made), ensure_ascii=False, indent=2))
    elif arguments.html:
        _write_page(found, made, root)
    elif arguments.coverage:
        if not made.coverage:
            raise UsageError(f"--coverage needs source/{QUESTIONS}; source/README.md has its form")
        _console().print(_coverage(made, found.source.project.languages))
    else:
        _print(made, len(problems))
    return []


def _write_page(found: Workspace, made: report.Report, root: Path) -> None:
    page = report_page.make(found, made, Reporter())
    write_bytes(root / PAGE, page)
    print(f"{PAGE}  {len(page) / 1000:,.0f} kB")


def _console() -> Console:
    # Outside a terminal rich would take 80 columns and break the rows of a log.
    return Console(highlight=False, width=None if Console().is_terminal else 120)


def _print(made: report.Report, problems: int) -> None:
    console = _console()
    console.print(_topics(made))
    if made.kernels:
        console.print(_kernels(made))
    if any(kernel.sizes for kernel in made.kernels):
        console.print(_checks(made))
    if made.programs:
        console.print(_programs(made))
    for line in _lines(made):
        console.print(line, markup=False)
    if problems:
        console.print(f"{counted(problems, 'problem')}; `uv run build.py check` says more")


def _lines(made: report.Report) -> Iterator[str]:
    if made.coverage:
        still_open = made.open_questions
        answered = len(made.coverage) - len(still_open)
        yield f"questions: {answered} of {len(made.coverage)} answered; `--coverage` shows by what"
        if still_open:
            yield f"open: {', '.join(still_open)}"
    if made.terms:
        yield f"glossary: {counted(made.terms, 'term')}"
    if made.draft_kernels or made.draft_notes:
        waiting = (*made.draft_kernels, counted(len(made.draft_notes), "note"))
        yield f"drafts, in no deck: {', '.join(waiting)}; `--json` names them"
    for name, items in (("untranslated", made.untranslated), ("uncited", made.uncited)):
        if items:
            yield f"{name}: {', '.join(items)}"


def _table(title: str, *columns: str, right: Collection[str] = ()) -> Table:
    table = Table(title=title, box=None, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def _topics(made: report.Report) -> Table:
    counts = ("notes", "cards", "words")
    table = _table("Topics", "topic", "language", *counts, "kinds", right=counts)
    for topic in made.topics:
        kinds = _each(topic.kinds)
        numbers = (str(topic.notes), str(topic.cards), str(topic.words))
        table.add_row(topic.topic, topic.language, *numbers, kinds)
    return table


def _each(counts: Mapping[str, int]) -> str:
    return " ".join(f"{name} {count}" for name, count in counts.items())


def _kernels(made: report.Report) -> Table:
    counts = ("steps", "bugs", "outputs")
    columns = ("kernel", "receipt", "GPU", *counts, "best step", "of limit", "of baseline")
    baselines = any(kernel.baseline for kernel in made.kernels)
    table = _table("Kernels", *(columns if baselines else columns[:-1]))
    for kernel in made.kernels:
        row = [kernel.kernel, kernel.receipt, kernel.gpu]
        row += [str(kernel.steps), str(kernel.bugs), str(kernel.outputs), kernel.best]
        row.append(in_percent(kernel.ratio_to_limit) if kernel.best else "")
        if kernel.baseline:
            row.append(f"{in_percent(kernel.baseline.ratio)} of {kernel.baseline.name}")
        table.add_row(*row)
    return table


def _checks(made: report.Report) -> Table:
    columns = ["kernel", "sizes", "max error", "tolerance", "sanitizers", "bugs caught by"]
    mutated = any(kernel.mutants for kernel in made.kernels)
    table = _table("Checks of their steps", *columns, *(["mutants killed"] if mutated else []))
    for kernel in made.kernels:
        if not kernel.sizes:
            continue
        row = [kernel.kernel, str(kernel.sizes), f"{kernel.max_error:.2g}"]
        row += [f"{kernel.tolerance:.2g}", f"{len(kernel.sanitizers)} of {len(SANITIZERS)}"]
        row.append(_each(kernel.caught))
        if kernel.mutants:
            row.append(f"{kernel.mutants.killed} of {kernel.mutants.total}")
        table.add_row(*row)
    return table


def _programs(made: report.Report) -> Table:
    columns = ("kernel", "program", "receipt", "made and run by", "sanitizers", "bugs caught by")
    table = _table("Host programs", *columns)
    for program in made.programs:
        names = (program.operation, program.program, program.receipt, program.tools)
        table.add_row(*names, " ".join(program.sanitizers), _each(program.caught))
    return table


def _coverage(made: report.Report, languages: Sequence[str]) -> Table:
    table = _table("Questions", "id", "question", "notes")
    for found in made.coverage:
        title = report.title_of(found.question, languages)
        table.add_row(found.question.id, title, ", ".join(found.notes) or "open")
    return table
