"""JSON files that the build wrote itself, checked against a schema when they are read again.

Owns: reading, checking, and how they are laid out in lines. Must not know what they hold:
whoever reads one says how a broken one is to be mended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from warpdeck.files import read_text
from warpdeck.model import Location, Problem

Broken = Callable[[Location, str], Problem]
"""Makes the problem that a file is broken at a place, and why."""

_WIDTH = 240
"""Most columns of a line of the file: enough for a timed case."""


def load(path: Path, shown: str, schema: str, broken: Broken) -> tuple[Any, list[Problem]]:
    """Read `path` and check it against schemas/`schema`.schema.json; None where it is broken."""
    text, problems = read_text(path, shown)
    if problems:
        return None, problems
    try:
        document = json.loads(text, parse_constant=_no_number)
        json.dumps(document, ensure_ascii=False).encode()  # half a character is a ValueError
    except json.JSONDecodeError as error:
        at = Location(shown, error.lineno, error.colno)
        return None, [broken(at, f"this is not JSON: {error.msg}")]
    except (ValueError, RecursionError) as error:
        return None, [broken(Location(shown), f"this is not JSON: {error}")]
    problems = check(document, shown, schema, broken)
    return (None if problems else document), problems


def check(document: Any, shown: str, schema: str, broken: Broken) -> list[Problem]:
    """Return the first problem of `document` against schemas/`schema`.schema.json, if any."""
    errors = list(_validator(schema).iter_errors(document))
    if not errors:
        return []
    first = min(errors, key=lambda error: list(map(str, error.absolute_path)))
    where = ".".join(map(str, first.absolute_path)) or "the file"
    return [broken(Location(shown), f"{where}: {first.message[:120]}")]


def dump(document: Mapping[str, Any]) -> bytes:
    """Return `document` as JSON, a case a line, so that a diff shows what has changed."""
    return (_lines(document, "") + "\n").encode()


def _lines(value: Any, indent: str) -> str:
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(flat) + len(indent) <= _WIDTH or not isinstance(value, (Mapping, list, tuple)):
        return flat
    inner = indent + " "
    if isinstance(value, Mapping):
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {_lines(item, inner)}"
            for key, item in value.items()
        ]
        opened, closed = "{}"
    else:
        parts = [_lines(item, inner) for item in value]
        opened, closed = "[]"
    return f"{opened}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closed}"


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


@lru_cache
def _validator(schema: str) -> Draft202012Validator:
    text = (files("warpdeck") / "schemas" / f"{schema}.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))
