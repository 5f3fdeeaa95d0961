"""Text made safe for an Anki field.

Owns: which characters Anki or MathJax would take for syntax, in which place, and how they
are written so that the text shown is the text meant. Must not know Markdown or notes.
"""

from __future__ import annotations

import html
import re
import unicodedata

# Anki interprets these even inside <pre>: sounds, text to speech, LaTeX, the type-in box.
_BRACKET = re.compile(r"\[(?=sound:|anki:|/?latex\]|/?\${1,2}\]|\[?type:)", re.IGNORECASE)
_MATHJAX = re.compile(r"\\(?=[()\[\]])")
_BRACES = str.maketrans({"{": "&#123;", "}": "&#125;"})
_INSIDE_CLOZE = str.maketrans({"{": "&#123;", "}": "&#125;", ":": "&#58;"})


def plain(text: str, *, cloze: bool = False, hidden: bool = False) -> str:
    """Return `text` as HTML that shows exactly `text`.

    `cloze`: it goes into a cloze field, where braces could open or close a blank.
    `hidden`: it goes inside a blank, where `::` would begin a hint.
    """
    return guard(html.escape(text, quote=False), cloze=cloze, hidden=hidden)


def guard(escaped: str, *, cloze: bool = False, hidden: bool = False) -> str:
    """Like `plain`, for text whose `&`, `<` and `>` are entities already."""
    escaped = _BRACKET.sub("&#91;", escaped)
    escaped = _MATHJAX.sub("&#92;", escaped)
    if hidden:
        return escaped.translate(_INSIDE_CLOZE)
    return escaped.translate(_BRACES) if cloze else escaped


def maths(escaped: str, *, cloze: bool = False, hidden: bool = False) -> str:
    """Return TeX, its `<` an entity already, as one line that MathJax reads as it was meant.

    `cloze` and `hidden` are as for `plain`.
    """
    line = _BRACKET.sub("&#91;", " ".join(escaped.split("\n")))
    if hidden:
        return line.translate(_INSIDE_CLOZE)
    return line.translate(_BRACES) if cloze else line


def exact(text: str) -> str:
    """Return `text` with numeric entities for the characters that NFC would change.

    Apply it to HTML that shows code: Anki normalises fields to NFC on import, and an
    entity passes untouched.
    """
    # It will stand behind the `>` of a tag, which some characters would combine with.
    if unicodedata.is_normalized("NFC", f">{text}"):
        return text
    return "".join(f"&#{ord(char)};" if _may_combine(char) else char for char in text)


def _may_combine(char: str) -> bool:
    # HTML gives the numbers of controls (below U+00A0) and non-characters another meaning.
    number = ord(char)
    return number >= 0xA0 and not (number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF)
