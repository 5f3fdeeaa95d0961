"""The command line.

Owns: arguments, exit codes (0 done, 1 problems, 2 wrong usage), printing problems. Must not
know any rule; each command is a module of warpdeck/commands/.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from warpdeck import __version__
from warpdeck.commands import COMMANDS
from warpdeck.model import Problem, UsageError, WarpdeckError

PROGRAM = "build.py"
DONE, PROBLEMS, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Run one command on the project at `root` (the current folder); return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # `build.py memory-hierarchy --lang zh` is short for `build.py build memory-hierarchy …`.
    if not given or given[0] not in (*COMMANDS, "-h", "--help", "--version"):
        given.insert(0, "build")
    try:
        parser = _parser(given[0])
        parsed = parser.parse_args(given)
        problems = _module(given[0]).run(parsed, root or Path.cwd())
    except SystemExit as stop:  # argparse: 0 after --help, 2 for wrong usage
        return int(stop.code or DONE)
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return USAGE
    except WarpdeckError as error:
        problems = list(error.problems)
    except KeyboardInterrupt:
        print("interrupted; every file is whole", file=sys.stderr)
        return PROBLEMS
    except BrokenPipeError:
        # The reader of our output (`| head`) has gone; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PROBLEMS
    except OSError as error:  # a full disk under our output, a name too long, a folder without x
        where = f"{error.filename}: " if error.filename else ""
        print(f"{PROGRAM}: {where}{(error.strerror or str(error)).lower()}", file=sys.stderr)
        return PROBLEMS
    return _print(problems)


def _parser(chosen: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Q&A Markdown and GPU-verified code become Anki decks."
    )
    parser.add_argument("--version", action="version", version=f"warpdeck {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary}.".capitalize())
        if name == chosen:
            _module(name).add_arguments(command)
    return parser


class _Command(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, arguments: argparse.Namespace, root: Path) -> list[Problem]:
        """Do it; return the problems to print."""


def _module(name: str) -> _Command:
    return cast(_Command, importlib.import_module(f"warpdeck.commands.{name}"))


def _print(problems: Sequence[Problem]) -> int:
    for problem in sorted(set(problems)):
        # Code that is quoted in a message may hold line ends; a problem is one line all the same.
        print(str(problem).replace("\n", "\\n"), file=sys.stderr)
    if problems:
        count = len(set(problems))
        print(f"{count} problem{'s' if count > 1 else ''}", file=sys.stderr)
    return PROBLEMS if problems else DONE
