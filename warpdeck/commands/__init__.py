"""The commands, one module each.

A module has `add_arguments(parser)` and `run(arguments, root, reporter)`, which returns the
problems to print. Only the module of the command in use is imported: `verify` must run on a
GPU machine that has none of the libraries that make cards.
"""

from __future__ import annotations

from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "build": "build the decks into dist/ (the default command)",
    "check": "find every problem of source/ and kernels/ without building",
    "verify": "compile, run, sanitize and time kernels, and write their receipts",
    "preview": "make a gallery of every card, or serve one that follows what you save",
    "push": "build, and hand the decks to a running Anki",
    "release": "stamp the ledger for publishing",
    "report": "show counts, coverage and receipts",
    "new": "begin a project, a topic, a note or a kernel",
}
