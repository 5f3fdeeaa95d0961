"""The page of `report --html`: whole, self-contained, the same each time, readable on a phone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import CHROMIUM, PHONE, chromium
from conftest import write_tree
from test_report import add_lists, argue
from worktree import ROOT, Tree

from warpdeck import profile
from warpdeck.cli import main
from warpdeck.kernels import load_kernels

IDS = re.compile(r'\bid="([^"]+)"')
LINKS = re.compile(r'href="([^"]+)"')


def page_of(project: Path) -> str:
    assert main(["report", "--html"], project) == 0
    return (project / "dist/report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of this project."""
    tree = Tree(tmp_path_factory.mktemp("page") / "tree")
    done = tree.run("report", "--html")
    assert done.returncode == 0, done.stderr
    return (tree.folder / "dist/report.html").read_text("utf-8")


def test_needs_nothing_but_itself(ours: str) -> None:
    assert "<script" not in ours and "@import" not in ours and "url(" not in ours
    assert {link for link in LINKS.findall(ours) if not link.startswith("#")} == set()


def test_every_link_leads_somewhere_and_no_place_is_there_twice(ours: str) -> None:
    ids = IDS.findall(ours)
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in LINKS.findall(ours)} <= set(ids)


def test_same_bytes_again_and_the_ledger_untouched(project: Path) -> None:
    add_lists(project)
    first = page_of(project)
    assert page_of(project) == first
    assert not (project / "source/notes.lock").exists()
    assert [path.name for path in (project / "dist").iterdir()] == ["report.html"]


def test_shows_ladder_bugs_code_and_coverage(ours: str) -> None:
    kernels = [kernel for kernel in load_kernels(ROOT)[0] if not kernel.draft]
    steps = sum(len(kernel.steps) for kernel in kernels)
    assert ours.count('class="wd-step') - ours.count('class="wd-step-') == steps
    assert "Race reported between Write access at padded_kernel" in ours
    assert "14 registers a thread, 4,224 bytes of shared memory" in ours
    assert '<a href="#note-mem-spaces-table">' in ours
    assert '<span class="kt">float</span>' in ours


def test_a_project_without_lists_says_nothing_of_them(project: Path) -> None:
    page = page_of(project)
    assert 'id="questions"' not in page and 'id="glossary"' not in page
    add_lists(project)
    page = page_of(project)
    assert '<a href="#note-bas-warp-size">' in page and '<a href="#question-H02">' in page


def test_a_stale_receipt_is_shown_as_one_with_the_way_out(project: Path) -> None:
    path = project / "kernels/vector-add/vector-add.cu"
    path.write_text(path.read_text() + "\n")
    page = page_of(project)
    assert "missing or stale" in page and "uv run build.py verify vector-add" in page
    assert 'class="wd-step"' not in page and "µs" not in page.split("</style>")[1]


def test_text_of_a_project_is_no_markup(project: Path) -> None:
    add_lists(project)
    write_tree(
        project,
        {"source/questions.yml": 'H01: { en: "<b>&x</b>" }\n'},
    )
    path = project / "source/basics/en.md"
    path.write_text(path.read_text().replace("has a warp?", "has `a<b>&amp;`?"))
    page = page_of(project)
    assert "&lt;b&gt;&amp;x&lt;/b&gt;" in page
    assert "a&lt;b&gt;&amp;amp;" in page


def test_colours_are_those_of_the_cards(ours: str) -> None:
    css = (ROOT / "warpdeck/styles/card.css").read_text("utf-8")
    night = re.search(r"\.card\.nightMode[^{]*\{([^}]*)\}", css)
    assert night and css in ours
    dark = ours.split("@media (prefers-color-scheme: dark)")[1]
    assert night[1] in dark
    own = (ROOT / "warpdeck/styles/report.css").read_text("utf-8")
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgb", own), "colours come from card.css alone"


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_fits_a_phone_and_can_be_read(ours: str, theme: str) -> None:
    with chromium() as browser:
        page = browser.new_page(
            viewport={"width": PHONE, "height": 740},
            color_scheme="dark" if theme == "dark" else "light",
        )
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.set_content(ours.replace("<details>", "<details open>"))
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE
        small = page.evaluate(
            "[...document.querySelectorAll('body *')].filter(e => e.checkVisibility() &&"
            " [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) &&"
            " parseFloat(getComputedStyle(e).fontSize) < 12).map(e => e.outerHTML.slice(0, 80))"
        )
        assert small == []
        found = Axe().run(page).response["violations"]
        assert [violation["id"] for violation in found] == []
        assert asked == []


def test_a_profile_is_shown_without_the_idle_units(project: Path) -> None:
    path = project / "kernels/vector-add/receipts/test-gpu.json"
    document = json.loads(path.read_text())
    percent = dict.fromkeys(profile.PERCENTAGES, 0) | {"l1": 7, "dram": 91}
    document["versions"][0]["profile"] = {
        "function": "add<4>",
        "percent": percent,
        "bytes": {"l2-read": 0, "dram-read": 1_073_776_896},
        "stall": "Long Scoreboard",
    }
    path.write_text(json.dumps(document))
    assert (
        "<code>add&lt;4&gt;</code> by Nsight Compute, of each peak: l1 7\u00a0%, dram 91\u00a0%, "
        "l2-read 0\u00a0MB, dram-read 1.1\u00a0GB, mostly waiting for: Long Scoreboard</p>"
    ) in page_of(project)


def test_survivors_are_shown_with_their_reasons(project: Path) -> None:
    path = project / "kernels/vector-add/receipts/test-gpu.json"
    document = json.loads(path.read_text())
    survivor = {"mutant": "add:2:5:plus", "mutation": "`<` → `-`", "reason": "undetected: rare"}
    document["versions"][0]["mutants"] = {
        "made": 101,
        "killed": 99,
        "by": {"compare": 99},
        "equivalent": 1,
        "survivors": [survivor],
    }
    path.write_text(json.dumps(document))
    argue(project, [survivor])
    page = page_of(project)
    assert "99 of 100 mutants killed, 1 more equivalent" in page
    assert "add:2:5:plus</p><p><code>&lt;</code> → <code>-</code></p>" in page
    assert "undetected: rare" in page
