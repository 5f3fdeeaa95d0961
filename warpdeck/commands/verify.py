"""`verify`: compile, run, check, sanitize and time kernels, and write their receipts.

Owns: nothing; the command is warpdeck/verify/command.py, which needs none of the libraries
that make cards and so runs on a bare GPU machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from warpdeck.model import Problem
from warpdeck.verify import command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    command.add_arguments(parser)


def run(arguments: argparse.Namespace, root: Path) -> list[Problem]:
    """Verify what `arguments` name."""
    return command.command(arguments, root)
