"""One card of each kind looks as it did: compared with committed pictures."""

from __future__ import annotations

import pictures
import pytest
from browser import CHROMIUM, THEMES
from conftest import Bench, Learner
from playwright.sync_api import Browser

from warpdeck.model import Kind

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.xdist_group("pictures"),
]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", list(Kind))
def test_card_looks_as_it_did(
    browser: Browser, bench: Bench, learner: Learner, kind: Kind, theme: str
) -> None:
    taken = pictures.take(browser, pictures.back(bench, learner, kind), theme)
    assert pictures.difference(taken, pictures.path(kind, theme).read_bytes()) == ""


OTHER_FONT = ".card, .card * { font-family: 'Liberation Sans', sans-serif !important }"
WRONG = {
    "no dark": ".card.nightMode { background: #fff !important; color: #000 !important }",
    "white code box": ".wd pre { background: #fff !important }",
    "no answer": ".wd-answer { visibility: hidden }",
    "red": ".wd { background: #d00 !important }",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_another_look_is_seen(browser: Browser, bench: Bench, learner: Learner, wrong: str) -> None:
    side = pictures.back(bench, learner, Kind.QUESTION if wrong != "white code box" else Kind.BUG)
    right = pictures.take(browser, side, "dark")
    broken = pictures.take(browser, f"{side}<style>{WRONG[wrong]}</style>", "dark")
    assert pictures.difference(broken, right)


@pytest.mark.parametrize("kind", list(Kind))
def test_another_font_is_no_difference(
    browser: Browser, bench: Bench, learner: Learner, kind: Kind
) -> None:
    side = pictures.back(bench, learner, kind)
    other = pictures.take(browser, f"{side}<style>{OTHER_FONT}</style>", "light")
    assert pictures.difference(other, pictures.take(browser, side, "light")) == ""
