"""Our decks in the real Anki desktop: imported, studied and looked at as a user does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ankibox import AnkiBox, fresh
from ankiwindow import THEMES, Window, missing, window
from worktree import ROOT, Tree

pytestmark = [
    pytest.mark.window,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    # One Anki at a time, and the decks are built once.
    pytest.mark.xdist_group("window"),
]

PICTURES = ROOT / "build" / "window"
"""Where the pictures stay, for people to look at."""
BACKGROUND = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 25, 29)"}
INK = {"light": "rgb(27, 31, 36)", "dark": "rgb(228, 232, 236)"}
OTHER = {"light": "dark", "dark": "light"}
CLASSES = {
    "light": {"card", "isLin", "fancy"},
    "dark": {"card", "isLin", "fancy", "nightMode", "night_mode"},
}
"""What Anki desktop calls a card's <body>, but for card1, card2, …"""
CARDS = 6
"""How many are answered: a question, code to write, output to predict, a bug to find."""

LOOK = """
() => {
  const root = document.documentElement
  return {
    classes: document.body.className.split(' '),
    background: getComputedStyle(document.body).backgroundColor,
    night: root.classList.contains('night-mode'),
    overflow: root.scrollWidth - root.clientWidth,
    text: document.querySelector('#qa').innerText,
  }
}
"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree(tmp_path_factory.mktemp("window") / "tree")
    tree.build("kernels", "--locked")
    return tree


def guids(package: Path) -> set[str]:
    """Return the notes that Anki's importer, without a window, takes from `package`."""
    with fresh() as box:
        box.load(package.read_bytes())
        return box.guids()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_deck_is_imported_and_studied(
    decks: Tree, tmp_path: Path, language: str, theme: str
) -> None:
    package = decks.folder / "dist" / f"warpdeck-kernels-{language}.apkg"
    expected = guids(package)
    with window(tmp_path / "base", theme, package) as anki:
        said = anki.import_opened()
        assert re.search(rf"\b{len(expected)}\W* new notes imported", said), said
        anki.open_deck({"en": "warpdeck English", "zh": "warpdeck 中文"}[language])
        take_picture(anki, theme, f"{language}-{theme}-front")
        anki.show_answer()
        take_picture(anki, theme, f"{language}-{theme}-back")
        anki.rate_good()
        study(anki, theme, CARDS - 1)
    box = AnkiBox(tmp_path / "base" / "User 1")
    try:
        assert box.guids() == expected
        assert len(box.rows()["revlog"]) == CARDS
        assert box.template_errors() == []
    finally:
        box.close()


def take_picture(anki: Window, theme: str, name: str) -> None:
    """Keep a picture of the screen; it must show a card in the colours of `theme`."""
    look(anki, theme)
    picture = anki.picture()
    picture.save(PICTURES / f"{name}.png")
    shares = picture.shares()
    # Anki's bars are grey, and boxes of code have a ground of their own.
    assert shares.get(BACKGROUND[theme], 0) > 0.6, name
    assert shares.get(INK[theme], 0) > 0.0003, f"{name}: no text"
    assert shares.get(BACKGROUND[OTHER[theme]], 0) < 0.01, name


def look(anki: Window, theme: str) -> str:
    """Check the side that is shown as the page knows it; return its text."""
    seen = anki.card().evaluate(LOOK)
    assert {name for name in seen["classes"] if not re.fullmatch(r"card\d+", name)} == CLASSES[
        theme
    ]
    assert seen["background"] == BACKGROUND[theme]
    assert seen["night"] == (theme == "dark")
    assert seen["overflow"] <= 0, seen["text"]
    assert seen["text"].strip()
    return str(seen["text"])


def study(anki: Window, theme: str, cards: int) -> None:
    """Answer `cards` cards, looking at both sides of each."""
    for _ in range(cards):
        question = look(anki, theme)
        anki.show_answer()
        assert look(anki, theme) != question
        anki.rate_good()
