"""axe-core, the accessibility checker, on a page of a test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

_SOURCE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")


def violations(
    page: Page, where: str, *, off: Sequence[str] = (), only: Sequence[str] = ()
) -> list[str]:
    """Return what axe finds in `where` (a selector, or `document`).

    The rules are those of WCAG 2.2, A and AA, and its best practices; without those in `off`,
    or `only` the ones named.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_SOURCE)
    rules = {rule: {"enabled": False} for rule in off}
    chosen = {"runOnly": list(only)} if only else {"rules": rules}
    options = {"preload": False, "iframes": False, "resultTypes": ["violations"], **chosen}
    context = "document" if where == "document" else json.dumps(where)
    found = page.evaluate(
        f"async () => (await axe.run({context}, {json.dumps(options)})).violations"
        ".flatMap(v => v.nodes.map(n => v.id + ': ' + n.html.slice(0, 160)))"
    )
    return list(found)
