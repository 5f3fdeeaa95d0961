"""Reading an author's files.

Owns: bytes to text, and what can go wrong on the way. Must not know what the text means.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

from warpdeck.model import Location, Problem


def read_text(path: Path, shown: str) -> tuple[str, list[Problem]]:
    """Return the text of a UTF-8 file, line ends as `\\n` and without a byte-order mark.

    `shown` is the path for messages. With a problem, the text is empty: not there, a
    directory, unreadable, not UTF-8 (at the first bad byte), a control character.
    """
    try:
        raw = _read_bytes(path)
    except FileNotFoundError:
        return "", [_problem(shown, "missing-file", "there is no such file", "Create it.")]
    except IsADirectoryError:
        return "", [
            _problem(
                shown,
                "is-directory",
                "this is a directory where a file should be",
                "Move it away and put the file in its place.",
            )
        ]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return "", [
            _problem(shown, "unreadable", f"cannot be read: {reason}", "Mend its permissions.")
        ]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # error.object lacks the BOM, so count in it and not in `raw`.
        before = bytes(error.object)[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        bad = bytes(error.object)[error.start]
        return "", [
            Problem(
                Location(shown, line, column),
                "not-utf8",
                f"byte 0x{bad:02x} is not UTF-8",
                "Save the file as UTF-8.",
            )
        ]
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if control := _CONTROL.search(text):
        return "", [_control_character(text, control, shown)]
    return text, []


def _read_bytes(path: Path) -> bytes:
    """Return the bytes of a regular file; a pipe or a device could be read for ever."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError("it is no regular file")
    return path.read_bytes()


# U+001F separates fields in Anki's database, NUL ends a text there, Anki drops the others, and
# HTML knows none of them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
UNSHOWABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""What an escape such as `\\u001f` in YAML or JSON may name, and no card can hold."""


def _control_character(text: str, control: re.Match[str], shown: str) -> Problem:
    line = text.count("\n", 0, control.start()) + 1
    column = control.start() - text.rfind("\n", 0, control.start())
    what = f"control character U+{ord(control[0]):04X} cannot be shown on a card"
    return Problem(Location(shown, line, column), "control-character", what, "Remove it.")


def _problem(shown: str, rule: str, message: str, hint: str) -> Problem:
    return Problem(Location(shown), rule, message, hint)
