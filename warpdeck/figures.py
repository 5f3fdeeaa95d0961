"""SVG figures become part of a card.

Owns: which SVG is allowed, and making it safe to stand in HTML beside others. Must not
know notes or Markdown.
"""

from __future__ import annotations

import hashlib
import html
import re
from pathlib import Path
from xml.parsers import expat

from warpdeck.files import read_text
from warpdeck.model import Location, Problem
from warpdeck.snippets import did_you_mean

_ELEMENTS = frozenset(
    "svg g defs symbol use title desc path rect circle ellipse line polyline polygon text tspan "
    "marker linearGradient radialGradient stop clipPath pattern".split()
)
_ATTRIBUTES = frozenset(
    "id class xmlns viewBox role aria-label x y x1 y1 x2 y2 dx dy cx cy r rx ry fx fy d points "
    "width height transform fill fill-opacity fill-rule stroke stroke-width stroke-dasharray "
    "stroke-dashoffset stroke-linecap stroke-linejoin stroke-opacity opacity font-size "
    "font-family font-weight font-style text-anchor dominant-baseline letter-spacing offset "
    "stop-color stop-opacity marker-start marker-mid marker-end markerWidth markerHeight refX "
    "refY orient markerUnits clip-path clipPathUnits gradientUnits gradientTransform "
    "patternUnits patternTransform href xlink:href xmlns:xlink style preserveAspectRatio "
    "xml:space textLength lengthAdjust vector-effect".split()
)
_LOCAL = re.compile(r"#[\w-]+")
_URL = re.compile(r"url\(\s*['\"]?#([\w-]+)['\"]?\s*\)")
# CSS can load through more than url(), and hides names behind escapes and comments.
_FUNCTION = re.compile(r"([\w-]*)\s*\(")
_FUNCTIONS = frozenset(
    "url var calc rgb rgba hsl hsla translate rotate scale skewx skewy matrix".split()
)
_UNSAFE_STYLE = re.compile(r"\\|/\*|@|javascript:", re.IGNORECASE)


def load(path: Path, shown: str) -> tuple[str, list[Problem]]:
    """Return the SVG at `path` as HTML to put into a card; `shown` is its path for messages.

    Ids get a prefix of their own, so that two figures on a card do not share them. The
    text is empty where there are problems.
    """
    text, problems = read_text(path, shown)
    if problems:
        return "", problems
    writer = _Writer(shown, hashlib.sha256(shown.encode()).hexdigest()[:6])
    writer.read(text)
    return ("" if writer.problems else "".join(writer.parts)), writer.problems


class _Writer:
    """Reads SVG and writes what is allowed of it; expat gives a line for each problem."""

    def __init__(self, shown: str, prefix: str) -> None:
        self.shown, self.prefix = shown, prefix
        self.parts: list[str] = []
        self.problems: list[Problem] = []
        self.depth = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        # Without a DOCTYPE there are no entities of the file's own to expand.
        self.parser.StartDoctypeDeclHandler = self.doctype

    def read(self, text: str) -> None:
        try:
            self.parser.Parse(text, True)
        except expat.ExpatError as error:
            at = Location(self.shown, error.lineno, error.offset + 1)
            reason = expat.ErrorString(error.code)
            self.problems.append(Problem(at, "svg", f"not XML: {reason}", "Mend it."))

    def problem(self, message: str, hint: str) -> None:
        at = Location(
            self.shown, self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        )
        self.problems.append(Problem(at, "svg", message, hint))

    def doctype(self, *_: object) -> None:
        self.problem("a figure has no DOCTYPE", "Remove it.")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.depth == 0:
            self.check_root(name, attributes)
        self.depth += 1
        if name not in _ELEMENTS:
            hint = did_you_mean(name, _ELEMENTS) or "Draw with shapes, paths and text."
            self.problem(f"<{name}> is not allowed in a figure", hint)
        shown = [self.attribute(key, value) for key, value in attributes.items()]
        self.parts.append(f"<{name}{''.join(shown)}>")

    def end(self, name: str) -> None:
        self.depth -= 1
        self.parts.append(f"</{name}>")

    def characters(self, data: str) -> None:
        # Indentation is dropped; a space between two words of a text is not.
        if data.strip() or "\n" not in data:
            self.parts.append(html.escape(data, quote=False))

    def check_root(self, name: str, attributes: dict[str, str]) -> None:
        if name != "svg":
            self.problem(f"the root is <{name}>", "A figure is one <svg>.")
        elif "viewBox" not in attributes:
            hint = 'Add viewBox="0 0 340 200", so that it scales to the phone.'
            self.problem("the figure has no viewBox", hint)

    def attribute(self, name: str, value: str) -> str:
        if name not in _ATTRIBUTES:
            hint = did_you_mean(name, _ATTRIBUTES) or "Remove it."
            self.problem(f"attribute '{name}' is not allowed in a figure", hint)
            return ""
        if self.depth == 1 and name in ("width", "height"):
            return ""  # the card sets the width, the viewBox the proportions
        outside = name.endswith("href") and not _LOCAL.fullmatch(value)
        if outside or not (name == "aria-label" or _harmless(value)):
            self.problem(f"'{value}' is outside this figure", "Refer to an id of the same file.")
        return f' {name}="{html.escape(self.renamed(name, value))}"'

    def renamed(self, name: str, value: str) -> str:
        if name == "id":
            return f"{self.prefix}-{value}"
        if name.endswith("href"):
            return value.replace("#", f"#{self.prefix}-", 1)
        return _URL.sub(rf"url(#{self.prefix}-\1)", value)


def _harmless(value: str) -> bool:
    """Return whether an attribute's value loads nothing when it is read as CSS."""
    called = [name.lower() for name in _FUNCTION.findall(value)]
    local = len(_URL.findall(value)) == called.count("url")
    return local and _FUNCTIONS.issuperset(called) and not _UNSAFE_STYLE.search(value)
