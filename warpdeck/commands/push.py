"""`push`: build, and hand the packages to a running Anki.

Owns: its arguments, and which packages go to Anki. Must not know how Anki is spoken to.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from warpdeck.ankiconnect import URL, AnkiConnect, AnkiConnectError, NoAnswerError
from warpdeck.commands import build
from warpdeck.model import Location, Problem
from warpdeck.progress import Reporter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: those of `build`, and where Anki is."""
    build.add_arguments(parser)
    parser.add_argument(
        "--url", type=_url, default=URL, help="where AnkiConnect listens (default: %(default)s)"
    )
    parser.add_argument(
        "--key",
        default=os.environ.get("ANKICONNECT_KEY", ""),
        help="AnkiConnect's apiKey, if it has one (default: ANKICONNECT_KEY of the environment)",
    )


def run(arguments: argparse.Namespace, root: Path) -> list[Problem]:
    """Build what `arguments` asks for and have Anki import it."""
    anki = AnkiConnect(arguments.url, arguments.key)
    try:
        anki.check()  # first: a build that nobody takes would be waited for in vain
    except AnkiConnectError as error:
        return [_problem("dist", error)]
    packages, problems = build.make(arguments, root)
    return problems or _push(anki, packages, root)


def _push(anki: AnkiConnect, packages: Sequence[Path], root: Path) -> list[Problem]:
    problems: list[Problem] = []
    for path in Reporter().track("Importing into Anki", packages):
        name = path.relative_to(root).as_posix()
        try:
            anki.import_package(path)
        except NoAnswerError as error:
            return [*problems, _problem(name, error)]
        except AnkiConnectError as error:
            problems.append(_problem(name, error))
        else:
            print(f"{name}  imported into Anki")
    return problems


def _problem(path: str, error: AnkiConnectError) -> Problem:
    return Problem(Location(path), "not-pushed", error.message, error.hint)


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        valid = False
    if not valid or not text.isascii() or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError(f"'{text}' is not like {URL}")
    return text
