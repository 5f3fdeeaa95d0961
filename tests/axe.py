"""axe-core, the accessibility checker, on a page of a test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

_SOURCE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")


def violations(page: Page, where: str, off: Sequence[str]) -> list[str]:
    """Return what axe finds in `where` (a selector, or `document`), but for the rules `off`.

    These are the rules of WCAG 2.2, A and AA, and its best practices.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_SOURCE)
    rules = {rule: {"enabled": False} for rule in off}
    context = "document" if where == "document" else json.dumps(where)
    found = page.evaluate(
        f"async () => (await axe.run({context}, {{preload: false, iframes: false,"
        " resultTypes: ['violations'],"
        f" rules: {json.dumps(rules)}}})).violations"
        ".flatMap(v => v.nodes.map(n => v.id + ': ' + n.html.slice(0, 160)))"
    )
    return list(found)
