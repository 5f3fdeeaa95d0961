"""Our own cards at phone size, in Chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import ankibox
import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright
from worktree import Tree

WIDTH = 360
"""CSS pixels of a small phone."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
THEMES = {"light": "card", "dark": "card nightMode night_mode"}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    # Every worker would build the decks and start a browser of its own.
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str]]]:
    """Return, by language, (name, HTML) of every side of every card, and the style."""
    tree = Tree(tmp_path_factory.mktemp("cards") / "tree")
    tree.build("--locked")
    found = {}
    for language in ("zh", "en"):
        with ankibox.fresh() as box:
            box.load(tree.package(f"warpdeck-{language}.apkg"))
            found[language] = [
                (f"{note_id(face.back)}/{face.ordinal} {side}", html)
                for face in box.faces()
                for side, html in (("front", face.front), ("back", face.back))
            ]
    return found


def note_id(html: str) -> str:
    match = re.search(r'class="wd-id">([^<]*)<', html)
    return match[1] if match else "?"


def show(browser: Browser, sides: list[tuple[str, str]], theme: str) -> Page:
    """Return a page with every side in a phone-wide column; a request to anywhere fails it."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 740})

    def refuse(route: Route) -> None:
        raise AssertionError(f"a card asks for {route.request.url}")

    page.route("**/*", refuse)
    blocks = "".join(
        f'<div class="{THEMES[theme]}" data-name="{name}" '
        f'style="width:{WIDTH}px;overflow:auto">{html}</div>'
        for name, html in sides
    )
    page.set_content(f"<!doctype html><body style='margin:0'>{blocks}</body>")
    return page


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_card_is_wider_than_a_phone(
    browser: Browser, faces: dict[str, list[tuple[str, str]]], language: str, theme: str
) -> None:
    page = show(browser, faces[language], theme)
    wide = page.evaluate(
        "[...document.querySelectorAll('[data-name]')]"
        ".filter(card => card.scrollWidth > card.clientWidth).map(card => card.dataset.name)"
    )
    assert wide == []


CONTRAST = """
() => {
  const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2])
  const numbers = text => text.match(/[\\d.]+/g).map(Number)
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const c = numbers(getComputedStyle(e).backgroundColor)
      if (c.length < 4 || c[3] > 0) return c
    }
    return [255, 255, 255]
  }
  const poor = new Set()
  for (const card of document.querySelectorAll('[data-name]'))
    for (const element of card.querySelectorAll('*')) {
      const own = [...element.childNodes].some(n => n.nodeType == 3 && n.data.trim())
      if (!own || element.closest('svg, style')) continue
      const [a, b] = [light(numbers(getComputedStyle(element).color)), light(ground(element))]
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
      if (ratio < 4.5) poor.add(element.className + ' ' + element.tagName + ' ' + ratio.toFixed(2))
    }
  return [...poor]
}
"""


@pytest.mark.parametrize("theme", THEMES)
def test_text_has_the_contrast_that_wcag_aa_asks_for(
    browser: Browser, faces: dict[str, list[tuple[str, str]]], theme: str
) -> None:
    page = show(browser, faces["en"], theme)
    assert page.evaluate(CONTRAST) == []


def test_no_card_holds_a_script(faces: dict[str, list[tuple[str, str]]]) -> None:
    active = re.compile(r"<script|<iframe|\son\w+\s*=|javascript:", re.IGNORECASE)
    for sides in faces.values():
        assert [name for name, html in sides if active.search(html)] == []
