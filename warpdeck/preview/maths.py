"""Formulas for a page without MathJax.

Owns: TeX between `\\( \\)` and `\\[ \\]` to MathML, by latex2mathml, of which this is the sole
user. Must not know cards. Anki itself is given the TeX; this is for the preview alone.
"""

from __future__ import annotations

import html
import re
from functools import cache

from latex2mathml.converter import convert

_FORMULA = re.compile(r"\\\((.*?)\\\)|\\\[(.*?)\\\]", re.DOTALL)
_TEXT = re.compile(r"<[^>]*>")


def to_mathml(text: str) -> str:
    """Return HTML with each formula as MathML.

    One that cannot be converted stays TeX, in `<code class="tex">`: MathJax knows more.
    """
    return _FORMULA.sub(lambda m: _formula(m[1] or m[2] or "", block=m[1] is None), text)


@cache
def _formula(escaped: str, *, block: bool) -> str:
    tex = html.unescape(escaped).strip()
    try:
        made = str(convert(tex, display="block" if block else "inline"))
    except Exception:  # it raises whatever its parser stumbles over
        made = "\\"
    # An unknown command comes out as its own name.
    if "\\" in _TEXT.sub("", made):
        return f'<code class="tex">{html.escape(tex, quote=False)}</code>'
    return made
