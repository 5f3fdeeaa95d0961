"""YAML files checked against a JSON schema, with a line and column for every problem.

Owns: positions, duplicate keys, "did you mean". Must not know what any file is for: that
is in warpdeck/schemas/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from warpdeck.files import UNSHOWABLE, read_text
from warpdeck.model import Location, Problem
from warpdeck.snippets import did_you_mean

KeyPath = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """SafeLoader that leaves dates as text, which JSON schemas know no type for, and `no` too.

    `no` is Norwegian among languages; true and false are booleans as in JSON.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [
            (tag, regexp)
            for tag, regexp in resolvers
            if not (tag.endswith(":timestamp") or (tag.endswith(":bool") and first not in "tfTF"))
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse `*alias`: one can contain itself, and no file of ours needs one."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed here", mark)
        return super().compose_node(parent, index)


@dataclass(frozen=True, slots=True)
class Yaml:
    """A valid file's data, and where each part of it stands."""

    data: Any
    positions: Mapping[KeyPath, Location]

    def at(self, *keys: str | int) -> Location:
        """Return the place of the value under `keys`, or of the nearest one around it."""
        while keys not in self.positions:
            keys = keys[:-1]
        return self.positions[keys]


Schema = str | Callable[[Any], str]
"""The name of a schema of warpdeck/schemas/, or what chooses it by the data."""


def load(path: Path, shown: str, schema: Schema) -> tuple[Yaml | None, list[Problem]]:
    """Read `path` and check it against schemas/`schema`.schema.json.

    `shown` is the path for messages. Returns None for the data where there are problems.
    """
    text, problems = read_text(path, shown)
    if problems:
        return None, problems
    return parse(text, shown, schema)


def parse(
    text: str, shown: str, schema: Schema, line: int = 1
) -> tuple[Yaml | None, list[Problem]]:
    """Like `load`, for `text` that begins on line `line` of the file `shown`."""
    found, problems = _parse(text, shown, schema, line)
    return found, list(problems)


# While `preview --serve` runs, all files but the one just saved are as they were.
@lru_cache(maxsize=1024)
def _parse(
    text: str, shown: str, schema: Schema, line: int
) -> tuple[Yaml | None, tuple[Problem, ...]]:
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            data = loader.construct_document(node) if node else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        return None, (_syntax(error, shown, line),)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        at = Location(shown, line + before.count("\n"), len(before) - before.rfind("\n"))
        what = f"not YAML: character U+{ord(text[error.position]):04X} is not allowed"
        return None, (Problem(at, "yaml", what, "Remove it."),)
    except RecursionError:
        return None, (_too_deep(shown, line),)
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0]
        at = Location(shown, line)
        return None, (Problem(at, "yaml", f"not YAML: {reason}", "Mend or remove it."),)
    positions: dict[KeyPath, Location] = {(): Location(shown, line, 1)}
    try:
        problems = list(_walk(node, (), shown, line - 1, positions)) if node else []
    except RecursionError:
        return None, (_too_deep(shown, line),)
    found = Yaml(data, positions)
    name = schema if isinstance(schema, str) else schema(data)
    for invalid in _validator(name).iter_errors(data):
        problems += _invalid(invalid, found)
    return (None if problems else found), tuple(dict.fromkeys(problems))


def _too_deep(shown: str, line: int) -> Problem:
    return Problem(Location(shown, line), "yaml", "not YAML: nested too deeply", "Flatten it.")


def _syntax(error: yaml.MarkedYAMLError, shown: str, line: int) -> Problem:
    mark = error.problem_mark or error.context_mark
    at = Location(shown, mark.line + line, mark.column + 1) if mark else Location(shown, line)
    what = error.problem or error.context or "syntax error"
    hint = "Check the indentation, and quote text that holds `: `, `#`, or begins with a sign."
    return Problem(at, "yaml", f"not YAML: {what}", hint)


def _walk(
    node: yaml.Node, keys: KeyPath, shown: str, offset: int, positions: dict[KeyPath, Location]
) -> Iterator[Problem]:
    def place(of: yaml.Node) -> Location:
        return Location(shown, of.start_mark.line + 1 + offset, of.start_mark.column + 1)

    positions[keys] = place(node)
    if isinstance(node, yaml.ScalarNode):
        yield from _unshowable(node, place(node))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*keys, index), shown, offset, positions)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield Problem(
                    place(key),
                    "yaml-duplicate-key",
                    f"key '{name}' is here a second time (first on line {seen[name]})",
                    "Keep one of the two.",
                )
            seen[name] = place(key).line
            yield from _walk(value, (*keys, name), shown, offset, positions)
            # A complaint about a key should point at the key, not at what follows it.
            positions[(*keys, name)] = place(key)


def _unshowable(node: yaml.ScalarNode, at: Location) -> Iterator[Problem]:
    """Yield a problem where an escape such as `"\\x1f"` made what the file itself may not hold."""
    if found := UNSHOWABLE.search(str(node.value)):
        what = f"character U+{ord(found[0]):04X} cannot be shown on a card"
        yield Problem(at, "control-character", what, "Remove its escape.")


@lru_cache
def _validator(schema: str) -> Validator:
    text = (files("warpdeck") / "schemas" / f"{schema}.schema.json").read_text("utf-8")
    kind = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
    validator: Validator = kind(json.loads(text))
    return validator


def _pattern(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    # In JSON schemas `$` is the end of the text; Python's would let a newline follow.
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _invalid(error: ValidationError, found: Yaml) -> list[Problem]:
    keys = tuple(error.absolute_path)
    schema: Any = error.schema
    instance: Any = error.instance
    wanted: Any = error.validator_value
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        unknown = [str(key) for key in instance if key not in known]
        return [_unknown_key(key, known, found.at(*keys, key)) for key in unknown]
    if error.validator == "required":
        missing = [key for key in wanted if key not in instance]
        return [
            Problem(found.at(*keys), "missing-key", f"key '{k}' is missing", f"Add `{k}: …`.")
            for k in missing
        ]
    if "propertyNames" in error.absolute_schema_path:
        keys = (*keys, instance)
    name = ".".join(map(str, keys)) or "the file"
    if error.validator == "not":  # a key of another form of the same file
        what = f"'{name}' does not belong here"
        return [Problem(found.at(*keys), "wrong-key", what, schema["description"])]
    # Schemas may say in their own words what a value is for: better than jsonschema's.
    hint = schema.get("description") or _expected(error, wanted)
    return [Problem(found.at(*keys), "bad-value", f"{name}: {_short(error.message)}", hint)]


def _unknown_key(key: str, known: list[str], at: Location) -> Problem:
    hint = did_you_mean(key, known) or f"Known keys: {', '.join(known)}."
    return Problem(at, "unknown-key", f"unknown key '{key}'", hint)


_TYPES = {
    "object": "lines of the form `key: value`",
    "array": "a list, like [a, b]",
    "integer": "a whole number",
    "string": "a text",
}


def _expected(error: ValidationError, wanted: Any) -> str:
    if error.validator == "type":
        if wanted == "string" and isinstance(error.instance, (int, float, bool)):
            return "Put it in quotes."
        return f"Write {_TYPES.get(wanted, wanted)}."
    if error.validator == "enum":
        known = [str(value) for value in wanted]
        return did_you_mean(str(error.instance), known) or f"One of: {', '.join(known)}."
    return "Change it."


def _short(message: str) -> str:
    return message if len(message) <= 120 else message[:117] + "…"
