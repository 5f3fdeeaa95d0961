"""`check`: every problem of source/ and kernels/, without building."""

from __future__ import annotations

import argparse
from pathlib import Path

from warpdeck import workspace
from warpdeck.model import Problem
from warpdeck.progress import Reporter, counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--allow-stale", action="store_true", help="take missing and stale receipts for no problem"
    )


def run(arguments: argparse.Namespace, root: Path) -> list[Problem]:
    """Read, lint and render everything; write nothing."""
    reporter = Reporter()
    found, problems = workspace.read(root, allow_stale=arguments.allow_stale)
    if found is None:
        return problems
    topics = [topic.name for topic in found.source.topics]
    notes, rendering = found.render(topics, found.source.project.languages, reporter)
    problems += rendering
    if not problems:
        programs = sum(len(operation.programs) for operation in found.operations)
        counts = [(len(notes), "note"), (len(found.kernels), "kernel"), (programs, "host program")]
        print(f"ok: {', '.join(counted(*count) for count in counts)}")
    return problems
