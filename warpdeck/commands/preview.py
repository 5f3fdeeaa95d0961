"""`preview`: every card as a page, written to dist/preview/ or served while you write.

Owns: the arguments, and that nothing is written unless everything could be made. The ledger is
neither read nor written: looking changes nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from warpdeck import atomic
from warpdeck.model import Location, Problem
from warpdeck.preview.gallery import Gallery
from warpdeck.progress import Reporter, counted

FOLDER = Path("dist") / "preview"
PORT = 8000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--serve",
        action="store_true",
        help="serve the gallery, and reload it in the browser whenever a file is saved",
    )
    parser.add_argument(
        "--port", type=_port, default=PORT, metavar="N", help=f"with --serve (default {PORT})"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="with --serve: 0.0.0.0 lets a phone on your network look (default: only this machine)",
    )
    parser.add_argument("--open", action="store_true", help="with --serve: open a browser")
    parser.add_argument(
        "--allow-stale",
        action="store_true",
        help='preview without fresh receipts; those cards say "unverified"',
    )


def run(arguments: argparse.Namespace, root: Path) -> list[Problem]:
    """Write or serve the site; on any problem, leave the one that is there as it was."""
    if arguments.serve:
        return _serve(arguments, root)
    with Gallery(root, allow_stale=arguments.allow_stale) as gallery:
        site, problems = gallery.make(Reporter())
    if site is None or problems:
        return problems
    atomic.replace_folder(root / FOLDER, site.files)
    size = sum(map(len, site.files.values())) / 1e6
    shown = f"{counted(site.notes, 'note')}, {counted(site.cards, 'card')}"
    print(f"{FOLDER.as_posix()}/index.html  {size:.1f} MB; {shown}, rendered by {site.renderer}")
    return []


def _serve(arguments: argparse.Namespace, root: Path) -> list[Problem]:
    try:
        # Only who serves needs these libraries.
        from warpdeck.preview import serve
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("warpdeck"):
            raise
        message = f"serving needs the package '{missing.name}'"
        hint = "Run `uv run build.py preview --serve`, or install it: `pip install -e .[serve]`."
        return [Problem(Location("pyproject.toml"), "no-server", message, hint)]
    return serve.run(
        root,
        serve.Address(arguments.host, arguments.port),
        allow_stale=arguments.allow_stale,
        open_browser=arguments.open,
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is no port (0 to 65535)")
