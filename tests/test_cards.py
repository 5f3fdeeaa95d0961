"""Every card of our own decks in Chromium, on the phone first."""

from __future__ import annotations

import re
from collections.abc import Iterator

import ankibox
import pytest
from axe import violations
from browser import CHROMIUM, PHONE, THEMES, page_of, show_all, show_one
from playwright.sync_api import Browser
from worktree import Tree

from warpdeck.model import COLOURS

LANGUAGES = ("zh", "en")
BATCH = 60
"""Sides on one page: enough to be quick, few enough for axe."""

PAGE_RULES = ("page-has-heading-one", "region")
"""What axe asks of a page: Anki's page answers for these, a card is a part of it."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

# Each worker that gets a language builds its decks and starts a browser.
by_language = pytest.mark.parametrize(
    "faces",
    [
        pytest.param(language, marks=pytest.mark.xdist_group(f"cards-{language}"))
        for language in LANGUAGES
    ],
    indirect=True,
)
Sides = list[tuple[str, str]]


@pytest.fixture(scope="module")
def faces(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sides:
    """Return (name, HTML) of every side of every card of a language."""
    tree = Tree(tmp_path_factory.mktemp("cards") / "tree")
    tree.build("--lang", request.param)
    with ankibox.fresh() as box:
        box.load(tree.package(f"warpdeck-{request.param}.apkg"))
        return [
            (f"{note_id(face.back)}/{face.ordinal} {side}", html)
            for face in box.faces()
            for side, html in (("front", face.front), ("back", face.back))
        ]


def note_id(html: str) -> str:
    match = re.search(r'class="wd-id">([^<]*)<', html)
    return match[1] if match else "?"


def batches(sides: Sides) -> Iterator[Sides]:
    for start in range(0, len(sides), BATCH):
        yield sides[start : start + BATCH]


def one_of_each(sides: Sides) -> Sides:
    """Return both sides of one card of each topic and kind."""
    seen: dict[tuple[str, str], str] = {}
    for name, html in sides:
        topic = re.search(r'class="wd-topic">([^<]*)<', html)
        kind = re.search(r'class="wd-kind">([^<]*)<', html)
        assert topic and kind
        seen.setdefault((topic[1], kind[1]), name.split()[0])
    chosen = set(seen.values())
    return [side for side in sides if side[0].split()[0] in chosen]


# Return what is not wholly to be seen: wider than its card, cut off by its box, or, in a
# figure, outside the picture. What lies in a box that scrolls by itself is to be seen.
CLIPPED = """
() => {
  const found = []
  for (const card of document.querySelectorAll('[data-name], body.card')) {
    const name = card.dataset.name || 'card'
    const edge = card.getBoundingClientRect()
    if (card.scrollWidth > card.clientWidth) found.push(name + ' is too wide')
    for (const element of card.querySelectorAll('*')) {
      if (element.closest('style, pre *, .wd-table *, mjx-container')) continue
      const box = element.getBoundingClientRect()
      if (box.width && (box.right > edge.right + 0.5 || box.left < edge.left - 0.5))
        found.push(`${name}: ${element.tagName}.${element.getAttribute('class')} leaves the card`)
      const hides = ['hidden', 'clip'].includes(getComputedStyle(element).overflowX)
      if (hides && element.scrollWidth > element.clientWidth && !element.closest('svg'))
        found.push(`${name}: ${element.tagName}.${element.getAttribute('class')} cuts text off`)
    }
    for (const code of card.querySelectorAll('pre, .wd-table'))
      if (code.scrollWidth > code.clientWidth && getComputedStyle(code).overflowX != 'auto')
        found.push(name + ': a wide block does not scroll')
    for (const text of card.querySelectorAll('svg text')) {
      const own = text.getBoundingClientRect()
      const box = text.ownerSVGElement.getBoundingClientRect()
      if (own.right > box.right + 1 || own.left < box.left - 1 || own.bottom > box.bottom + 1)
        found.push(`${name}: the figure cuts off "${text.textContent}"`)
    }
  }
  return found
}
"""


@by_language
@pytest.mark.parametrize("theme", THEMES)
def test_every_card_fits_a_phone(browser: Browser, faces: Sides, theme: str) -> None:
    with page_of(browser, PHONE) as page:
        for sides in batches(faces):
            show_all(page, sides, theme, PHONE)
            assert page.evaluate(CLIPPED) == []


@by_language
@pytest.mark.parametrize("width", [320, 412, 768, 1280])
def test_each_kind_of_each_topic_fits_other_widths(
    browser: Browser, faces: Sides, width: int
) -> None:
    with page_of(browser, width) as page:
        for theme in THEMES:
            for name, side in one_of_each(faces):
                show_one(page, side, theme)
                assert page.evaluate(CLIPPED) == [], name
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_the_check_for_clipped_text_sees_it(browser: Browser) -> None:
    style = "overflow:hidden;width:50px;white-space:nowrap"
    with page_of(browser, PHONE) as page:
        for html in (
            f'<div style="{style}">longer than its box</div>',
            '<div style="width:500px">wide</div>',
            '<pre style="overflow-x:clip;width:50px">longer than its box</pre>',
            '<svg viewBox="0 0 340 20" width="340"><text x="300" y="10">outside of it</text></svg>',
        ):
            show_all(page, [("x", html)], "light", PHONE)
            assert page.evaluate(CLIPPED), html


@by_language
def test_axe_finds_nothing(browser: Browser, faces: Sides) -> None:
    with page_of(browser, PHONE) as page:
        for sides in batches(faces):
            show_all(page, sides, "light", PHONE)
            assert violations(page, "main", off=PAGE_RULES) == []
            # The dark theme changes colours alone.
            show_all(page, sides, "dark", PHONE)
            assert violations(page, "main", only=["color-contrast"]) == []


# Text has 7:1 with what lies behind it (WCAG 2.2, 1.4.6), a token of code 4.5:1 (1.4.3).
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
      if (ratio < (element.closest('pre') ? 4.5 : 7))
        poor.add(element.className + ' ' + element.tagName + ' ' + ratio.toFixed(2))
    }
  return [...poor]
}
"""


@by_language
@pytest.mark.parametrize("theme", THEMES)
def test_text_has_contrast(browser: Browser, faces: Sides, theme: str) -> None:
    with page_of(browser, PHONE) as page:
        for sides in batches(faces):
            show_all(page, sides, theme, PHONE)
            assert page.evaluate(CONTRAST) == []


@by_language
@pytest.mark.parametrize("theme", THEMES)
def test_text_has_contrast_in_the_colour_of_any_topic(
    browser: Browser, faces: Sides, theme: str
) -> None:
    sample = one_of_each(faces)
    with page_of(browser, PHONE) as page:
        for number in range(1, COLOURS + 1):
            coloured = [
                (name, re.sub(r"wd-colour-\d+", f"wd-colour-{number}", html))
                for name, html in sample[:40]
            ]
            show_all(page, coloured, theme, PHONE)
            assert page.evaluate(CONTRAST) == [], number


@by_language
def test_no_card_holds_a_script(faces: Sides) -> None:
    active = re.compile(r"<script|<iframe|\son\w+\s*=|javascript:", re.IGNORECASE)
    assert [name for name, html in faces if active.search(html)] == []


@by_language
def test_code_is_large_enough_to_read(browser: Browser, faces: Sides) -> None:
    with page_of(browser, PHONE) as page:
        show_all(page, [side for side in faces if "<pre" in side[1]], "light", PHONE)
        sizes = page.evaluate(
            "[...document.querySelectorAll('pre, pre *')].map(e => "
            "parseFloat(getComputedStyle(e).fontSize))"
        )
        assert min(sizes) >= 13
