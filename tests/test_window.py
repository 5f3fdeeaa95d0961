"""Our decks in the real Anki desktop: imported, studied and looked at as a user does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ankibox import AnkiBox, fresh
from ankiwindow import MAIN, THEMES, Window, ankiconnect, free_port, missing, window
from worktree import ROOT, Tree

from warpdeck.cli import main

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


# --- push, through the real add-on --------------------------------------------------


@pytest.mark.skipif(
    ankiconnect() is None, reason="AnkiConnect is not installed in this user's Anki"
)
def test_a_second_push_updates_the_note_and_keeps_every_review(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "base"

    with pushed(project, base) as anki:
        anki.open_deck("demo English")
        anki.show_answer()
        anki.rate_good()
        anki.show_answer()
        anki.rate_good()
    before, scm, fields = state(base)
    assert len(before["revlog"]) == 2
    source = project / "source" / "basics" / "en.md"
    source.write_text(source.read_text("utf-8").replace("32. [@", "Thirty-two. [@"), "utf-8")
    with pushed(project, base):
        pass
    assert "1 changed" in capsys.readouterr().out

    after, scm_after, fields_after = state(base)
    assert after == before
    assert scm_after == scm, "a full sync would be forced"
    changed = [guid for guid in fields if fields[guid] != fields_after[guid]]
    assert len(changed) == 1 and "Thirty-two" in "".join(fields_after[changed[0]])
    assert fields.keys() == fields_after.keys()


@contextmanager
def pushed(project: Path, base: Path) -> Iterator[Window]:
    """Yield an Anki that the English decks of `project` were pushed to."""
    port = free_port()
    with window(base, "light", addon=ankiconnect(), port=port) as anki:
        url = f"http://127.0.0.1:{port}"
        assert main(["push", "--lang", "en", "--url", url], root=project) == 0
        anki.press(MAIN, "d")
        yield anki


def state(base: Path) -> tuple[dict[str, list[Any]], int, dict[str, list[str]]]:
    """Return a closed collection's scheduling, time of schema change, and fields by guid."""
    box = AnkiBox(base / "User 1")
    try:
        return box.rows(), box.scm(), {guid: box.fields(guid) for guid in box.guids()}
    finally:
        box.close()
