"""`release`: stamp the ledger for publishing.

Owns: nothing but the order. Why the time of the release counts, and not that of the edit,
is told in ledger.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from warpdeck import atomic, ledger
from warpdeck.commands import build
from warpdeck.lockfile import LOCK
from warpdeck.model import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: none."""


def run(arguments: argparse.Namespace, root: Path) -> list[Problem]:
    """Build, stamp every draft with the time of now, and build again with those times."""
    everything = argparse.Namespace(topics=[], lang=None, locked=False, allow_stale=False)
    problems = build.run(everything, root)
    if problems:
        return problems
    book = ledger.load(root / LOCK)
    drafts = sum(entry.draft for entry in book.notes.values())
    atomic.write_bytes(root / LOCK, ledger.dump(ledger.release(book, build.now())))
    problems = build.run(everything, root)
    if not problems:
        print(f"{drafts} notes stamped; commit source/notes.lock and dist/SHA256SUMS")
    return problems
