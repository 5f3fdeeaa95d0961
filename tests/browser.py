"""Chromium for tests: cards on a page, in a phone's width, light or dark.

Must not know what is asserted of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
THEMES = {"light": "card card1", "dark": "card card1 nightMode night_mode"}
"""What Anki, AnkiDroid and AnkiMobile write into the class of what holds a card."""
PHONE = 360
"""CSS pixels of a small phone."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium for the time of a `with`."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def page_of(browser: Browser, width: int) -> Iterator[Page]:
    """Open a page that fails at the end if it asked for anything or complained."""
    page = browser.new_page(viewport={"width": width, "height": 740})
    wrong: list[str] = []

    def refuse(route: Route) -> None:
        wrong.append(f"asks for {route.request.url}")
        route.abort()

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            wrong.append(f"console: {message.text}")

    page.route("**/*", refuse)
    page.on("console", listen)
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    try:
        yield page
        assert wrong == []
    finally:
        page.close()


def show_one(page: Page, side: str, theme: str) -> None:
    """Show one side of a card as Anki does: it fills the page."""
    page.set_content(
        '<!doctype html><html lang="en"><head><title>card</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        f'<body class="{THEMES[theme]}"><main>{side}</main></body></html>'
    )


def show_all(page: Page, sides: Iterable[tuple[str, str]], theme: str, width: int) -> None:
    """Show (name, HTML) pairs below one another, each in a box of `width` pixels."""
    blocks = "".join(
        f'<div class="{THEMES[theme]}" data-name="{name}" '
        f'style="width:{width}px;overflow:auto">{html}</div>'
        for name, html in sides
    )
    page.set_content(
        '<!doctype html><html lang="en"><head><title>cards</title></head>'
        f"<body style='margin:0'><main>{blocks}</main></body></html>"
    )
