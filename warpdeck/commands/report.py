"""`report`: counts, coverage and receipts, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from warpdeck import report, workspace
from warpdeck.model import Problem
from warpdeck.progress import counted
from warpdeck.resolve import in_percent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON for other programs")


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
        return []
    # Outside a terminal rich would take 80 columns and break the rows of a log.
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    console.print(_topics(made))
    console.print(_kernels(made))
    if made.programs:
        console.print(_programs(made))
    for name, items in (("untranslated", made.untranslated), ("uncited", made.uncited)):
        if items:
            console.print(f"{name}: {', '.join(items)}", markup=False)
    if problems:
        console.print(f"{counted(len(problems), 'problem')}; `uv run build.py check` says more")
    return []


def _topics(made: report.Report) -> Table:
    table = Table(title="Topics", box=None, title_justify="left")
    for column in ("topic", "language", "notes", "cards", "words"):
        right = column in ("notes", "cards", "words")
        table.add_column(column, justify="right" if right else "left")
    table.add_column("kinds")
    for topic in made.topics:
        kinds = " ".join(f"{kind} {count}" for kind, count in topic.kinds.items())
        numbers = (str(topic.notes), str(topic.cards), str(topic.words))
        table.add_row(topic.topic, topic.language, *numbers, kinds)
    return table


def _kernels(made: report.Report) -> Table:
    table = Table(title="Kernels", box=None, title_justify="left")
    for column in ("kernel", "receipt", "GPU", "steps", "bugs", "outputs", "best step", "of limit"):
        table.add_column(column)
    for kernel in made.kernels:
        counts = (str(kernel.steps), str(kernel.bugs), str(kernel.outputs))
        ratio = in_percent(kernel.ratio_to_limit)
        table.add_row(kernel.kernel, kernel.receipt, kernel.gpu, *counts, kernel.best, ratio)
    return table


def _programs(made: report.Report) -> Table:
    table = Table(title="Host programs", box=None, title_justify="left")
    for column in ("kernel", "program", "receipt", "bugs", "made and run by"):
        table.add_column(column)
    for program in made.programs:
        names = (program.operation, program.program, program.receipt)
        table.add_row(*names, str(program.bugs), program.tools)
    return table
