"""The gallery in Chromium: from a disk as from a server, and while its author writes."""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from axe import violations
from browser import CHROMIUM
from conftest import PROJECT as SMALL
from conftest import write_receipts, write_tree
from playwright.sync_api import Browser, Page, expect
from worktree import ROOT

from warpdeck import note_types, workspace
from warpdeck.cli import main
from warpdeck.preview import data
from warpdeck.preview.cards import Card, cards_of, own_renderer
from warpdeck.preview.gallery import Gallery
from warpdeck.progress import Reporter

EN = "source/basics/en.md"
COPIES = 2
"""Of our own notes, to make more than 1,600 of them."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.xdist_group("preview-browser"),
]


@functools.cache
def in_english() -> int:
    """Return how many English cards our own decks have."""
    return sum(card.language == "en" for card in own_cards())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own gallery, written to a disk."""
    folder = tmp_path_factory.mktemp("site")
    with Gallery(ROOT) as gallery:
        made, problems = gallery.make()
    assert made and problems == []
    write_site(folder, made.files)
    return folder


def write_site(folder: Path, files: object) -> None:
    assert isinstance(files, dict)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


class Visit:
    """A page whose every complaint and request is kept."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self, url: str) -> Visit:
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]")
        return self

    @property
    def card(self) -> str:
        return self.page.frame_locator("#card").locator("body").inner_text()

    def titles(self) -> list[str]:
        return self.page.locator("#list li:not([hidden]) .title").all_text_contents()


@contextmanager
def visiting(browser: Browser, **options: object) -> Iterator[Visit]:
    context = browser.new_context(
        **{"viewport": {"width": 1280, "height": 860}, "locale": "en-US", **options}  # type: ignore[arg-type]
    )
    context.set_default_timeout(15_000)
    yield Visit(context.new_page())
    context.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    with visiting(browser) as opened:
        yield opened
        assert opened.said == []


def gallery(site: Path, address: str = "") -> str:
    return f"{(site / 'cards.html').as_uri()}{address}"


# --- looking -------------------------------------------------------------------------


def test_from_a_disk_it_shows_the_first_card_and_asks_for_nothing_else(
    visit: Visit, site: Path
) -> None:
    visit.open(gallery(site))
    assert "What are the levels of the CUDA thread hierarchy" in visit.card
    assert visit.page.locator("#list li").count() == in_english()
    assert {url.rsplit("/", 1)[0] for url in visit.asked if not url.startswith("about:")} == {
        site.as_uri(),
        f"{site.as_uri()}/data",
    }
    loaded = {url.rsplit("/", 1)[1].split("?")[0] for url in visit.asked}
    assert not any("kernels" in name or ".zh" in name for name in loaded), "not what is not shown"


@pytest.mark.parametrize("page", ["index.html", "index.en.html", "cards.html"])
def test_axe_finds_nothing_in_the_pages(visit: Visit, site: Path, page: str) -> None:
    for width in (360, 1280):
        visit.page.set_viewport_size({"width": width, "height": 740})
        visit.page.goto(f"{site.as_uri()}/{page}")
        assert violations(visit.page, "document") == []


def test_card_turns_on_space_tap_and_button(visit: Visit, site: Path) -> None:
    visit.open(gallery(site, "#krn-transpose-roof/en/0"))
    answer = "About 112 µs"
    assert answer not in visit.card
    visit.page.keyboard.press(" ")
    expect(visit.page.frame_locator("#card").get_by_text(answer)).to_be_visible()
    visit.page.keyboard.press(" ")
    expect(visit.page.frame_locator("#card").get_by_text(answer)).to_have_count(0)
    visit.page.frame_locator("#card").locator(".wd-question").click()
    expect(visit.page.frame_locator("#card").get_by_text(answer)).to_be_visible()
    visit.page.get_by_role("button", name="Show question").click()
    expect(visit.page.frame_locator("#card").get_by_text(answer)).to_have_count(0)


def test_link_in_a_card_is_no_tap(visit: Visit, site: Path) -> None:
    visit.open(gallery(site, "#krn-transpose-roof/en/0"))
    visit.page.keyboard.press(" ")
    link = visit.page.frame_locator("#card").locator(".wd-sources a").first
    link.evaluate("link => link.addEventListener('click', event => event.preventDefault())")
    link.click()
    assert "About 112 µs" in visit.card


def test_maths_is_there_without_mathjax(visit: Visit, site: Path) -> None:
    visit.open(gallery(site, "#krn-transpose-roof/en/0"))
    visit.page.keyboard.press(" ")
    formula = visit.page.frame_locator("#card").locator("math").first
    box = formula.bounding_box()
    assert box and box["width"] > 50
    assert "\\(" not in visit.card


def test_search_finds_answers_and_filters_narrow(visit: Visit, site: Path) -> None:
    total = in_english()
    visit.open(gallery(site))
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("blockIdx.x racecheck")
    expect(visit.page.locator("#found")).to_have_text(re.compile(f"No card|^[0-9]+ of {total}"))
    visit.page.fill("#query", "RACEcheck")
    expect(visit.page.locator("#found")).not_to_have_text(f"{total} of {total} cards")
    found = visit.page.locator("#list li:not([hidden])").count()
    assert 0 < found < total / 5
    visit.page.select_option("#kind", "bug")
    bugs = visit.titles()
    assert 0 < len(bugs) < found
    assert visit.page.locator("#found").inner_text() == f"{len(bugs)} of {total} cards"
    visit.page.fill("#query", "no such words anywhere")
    expect(visit.page.locator("#found")).to_contain_text("No card matches")
    visit.page.fill("#query", "")
    visit.page.select_option("#kind", "")
    visit.page.select_option("#topic", "memory-hierarchy")
    visit.page.select_option("#level", "3")
    expect(visit.page.locator("#found")).not_to_have_text(f"{total} of {total} cards")
    metas = visit.page.locator("#list li:not([hidden]) .meta").all_text_contents()
    assert metas and all(meta.endswith("L3") for meta in metas)


def test_arrows_move_within_what_was_found(visit: Visit, site: Path) -> None:
    visit.open(gallery(site))
    visit.page.select_option("#kind", "output")
    visit.page.select_option("#topic", "kernels")
    titles = visit.titles()
    assert len(titles) > 2
    visit.page.locator("#found").click()
    visit.page.locator("body").press("ArrowLeft")  # the first is the first
    for title in titles[:3]:
        expect(visit.page.frame_locator("#card").locator(".wd-question")).to_have_text(title)
        visit.page.locator("body").press("ArrowRight")
    visit.page.locator("body").press("ArrowLeft")
    expect(visit.page.frame_locator("#card").locator(".wd-question")).to_have_text(titles[2])


def test_language_keeps_the_card_and_the_choice(visit: Visit, site: Path) -> None:
    visit.open(gallery(site, "#krn-transpose-tile/en/0"))
    visit.page.get_by_role("button", name="中文").click()
    expect(visit.page.locator("#flip")).to_have_text("显示答案")
    assert visit.page.url.endswith("#krn-transpose-tile/zh/0")
    assert visit.page.locator("html").get_attribute("lang") == "zh-Hans"
    assert re.search("[一-鿿]", visit.card)
    visit.open(gallery(site))
    expect(visit.page.locator("#flip")).to_have_text("显示答案")


def test_dark_gives_the_card_ankis_classes(visit: Visit, site: Path) -> None:
    visit.open(gallery(site))
    body = visit.page.frame_locator("#card").locator("body")
    assert body.get_attribute("class") == "card card1"
    light = body.evaluate("body => getComputedStyle(body).backgroundColor")
    visit.page.get_by_role("button", name="Dark").click()
    assert body.get_attribute("class") == "card card1 nightMode night_mode"
    assert "nightMode" in (
        visit.page.frame_locator("#card").locator("html").get_attribute("class") or ""
    )
    assert body.evaluate("body => getComputedStyle(body).backgroundColor") != light


def test_phone_is_as_wide_as_chosen(visit: Visit, site: Path) -> None:
    visit.open(gallery(site))
    for width in (320, 412, 360):
        visit.page.get_by_role("button", name=str(width)).click()
        assert visit.page.locator("#card").evaluate("frame => frame.clientWidth") == width


def test_typed_answer_is_compared(visit: Visit, site: Path) -> None:
    visit.open(gallery(site, "#prog-non-blocking-flag/en/0"))
    inside = visit.page.frame_locator("#card")
    inside.locator("#typeans").fill("cudaStreamBlocking")
    inside.locator("#typeans").press("Enter")
    expect(inside.locator("#typeans .typeMissed")).to_have_text("Non")
    expect(inside.locator("#typeans")).to_contain_text("cudaStreamNonBlocking")


def test_address_that_leads_nowhere_says_so(visit: Visit, site: Path) -> None:
    visit.open(gallery(site, "#no-such-note/en/0"))
    expect(visit.page.locator("#notice")).to_contain_text("There is no card")
    visit.page.locator("#list a").first.click()
    expect(visit.page.locator("#notice")).to_be_hidden()
    expect(visit.page.frame_locator("#card").locator(".wd-question")).to_be_visible()


def test_on_a_phone_the_card_fills_the_screen_and_swipes(browser: Browser, site: Path) -> None:
    screen = {"width": 390, "height": 780}
    with visiting(browser, viewport=screen, has_touch=True, is_mobile=True) as visit:
        visit.open(gallery(site))
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
        visit.page.locator("#list a").nth(1).tap()
        frame = visit.page.locator("#card").bounding_box()
        assert frame and frame["width"] == 390 and frame["height"] > 650
        swipe(visit.page)
        expect(visit.page.locator("#place")).to_have_text(f"3 / {in_english()}")
        visit.page.get_by_role("link", name="Back to the list").tap()
        expect(visit.page.locator("#query")).to_be_visible()
        assert visit.said == []


def swipe(page: Page) -> None:
    """Swipe a card to the left, as a finger would."""
    page.evaluate(
        """() => {
          const inside = document.getElementById('card').contentDocument;
          const target = inside.querySelector('.wd-question');
          const touch = x => new Touch({identifier: 1, target, clientX: x, clientY: 200});
          const send = (name, x) => target.dispatchEvent(new TouchEvent(name, {
            bubbles: true, touches: name === 'touchend' ? [] : [touch(x)],
            changedTouches: [touch(x)]}));
          send('touchstart', 300); send('touchend', 120);
        }"""
    )


def test_every_button_and_field_has_a_name(visit: Visit, site: Path) -> None:
    visit.open(gallery(site))
    nameless = visit.page.evaluate(
        """[...document.querySelectorAll('button, input, select, iframe, a')]
           .filter(e => !(e.getAttribute('aria-label') || e.title || e.textContent.trim()))
           .map(e => e.outerHTML)"""
    )
    assert nameless == []


def test_learners_page_needs_no_script_and_wastes_no_width(browser: Browser, site: Path) -> None:
    for page_name in ("index.html", "index.en.html"):
        for width in (320, 390, 1280):
            with visiting(
                browser, java_script_enabled=True, viewport={"width": width, "height": 800}
            ) as visit:
                visit.page.goto((site / page_name).as_uri())
                assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
                figure = visit.page.locator(".part").last
                assert (figure.bounding_box() or {"height": 0})["height"] > 100
                assert visit.said == []
        with visiting(browser, java_script_enabled=False) as visit:
            visit.page.goto((site / page_name).as_uri())
            assert visit.page.locator("section h2").count() >= 6
            figure = visit.page.locator(".part").last
            assert (figure.bounding_box() or {"height": 0})["height"] > 100


# --- hostile and large -----------------------------------------------------------------


def own_cards() -> list[Card]:
    found, _ = workspace.read(ROOT)
    assert found
    types = {kind.id: kind for kind in note_types.note_types("warpdeck").values()}
    topics = [topic.name for topic in found.source.topics]
    notes, _ = found.render(topics, found.source.project.languages, Reporter())
    render = own_renderer(types)
    return [card for note in notes for card in cards_of(note, types[note.note_type], render)]


def test_script_in_a_card_would_not_run(browser: Browser, site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    shutil.copytree(site, folder)
    attack = (
        "<p id='here'>\u2028</template><!--</p><p>here</p>--><script>parent.hit = 1</script>"
        "<img src=x onerror='parent.hit = 1'><a href='javascript:parent.hit=1'>link</a>"
    )
    cards = [replace(card, title=f"{attack} {card.title}", front=attack + card.front, alike=0)
             for card in own_cards() if card.topic == "kernels"]  # fmt: skip
    write_site(folder, data.files(cards))
    with visiting(browser) as visit:
        visit.open(gallery(folder))
        expect(visit.page.frame_locator("#card").locator(".wd-question")).to_be_visible()
        visit.page.frame_locator("#card").get_by_text("link").click()
        visit.page.wait_for_timeout(200)
        assert visit.page.evaluate("window.hit") is None
        assert visit.page.locator("#list script, #list img").count() == 0


def test_sixteen_hundred_notes_are_usable_at_once(
    browser: Browser, site: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "large"
    shutil.copytree(site, folder)
    cards = [
        replace(card, note=f"{card.note}-{copy}", topic=f"{card.topic}-{copy}")
        for card in own_cards()
        for copy in range(COPIES)
    ]
    cards.sort(key=lambda card: (card.language, card.topic))
    write_site(folder, data.files(cards))
    with visiting(browser) as visit:
        visit.open(gallery(folder))
        assert visit.page.locator("#list li").count() == in_english() * COPIES
        ready = visit.page.evaluate("performance.getEntriesByName('card')[0].startTime")
        print(f"first card after {ready:.0f} ms")
        assert ready < 3000
        assert visit.said == []


# --- while its author writes -------------------------------------------------------------


class Server:
    """`preview --serve` on a project of its own, with a package of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://localhost:{self.port}/"
        command = [sys.executable, "build.py", "preview", "--serve", f"--port={self.port}"]
        self.process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self.process.stdout
        self.out = self.process.stdout
        while self.url not in (line := self.out.readline()):
            assert line, "it ended"

    def save(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def end(self) -> int:
        """End it as Ctrl-C does; what it said is printed, for a test that fails."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(20)
        print(self.out.read())
        return code


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "project"
    write_tree(folder, SMALL)
    write_receipts(folder)
    shutil.copy(ROOT / "build.py", folder / "build.py")
    shutil.copytree(
        ROOT / "warpdeck", folder / "warpdeck", ignore=shutil.ignore_patterns("__pycache__")
    )
    started = Server(folder)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()


SEEN_WITHIN_MS = 15_000
"""Generous: the tests share their machine. What it takes on an idle one is printed."""


def test_saved_note_is_seen_where_the_author_looks(server: Server, browser: Browser) -> None:
    with visiting(browser) as visit:
        visit.open(f"{server.url}cards.html#bas-warp-size/en/0")
        visit.page.keyboard.press(" ")
        expect(visit.page.frame_locator("#card").locator(".wd-answer")).to_be_visible()
        visit.page.evaluate("window.sameWindow = true")
        began = time.perf_counter()
        server.save(EN, "32. [@", "Thirty-two. [@")
        expect(visit.page.frame_locator("#card").get_by_text("Thirty-two.")).to_be_visible(
            timeout=SEEN_WITHIN_MS
        )
        print(f"seen after {time.perf_counter() - began:.2f} s")
        assert visit.page.evaluate("window.sameWindow"), "without loading the page again"
        visit.page.fill("#query", "thirty")
        expect(visit.page.locator("#found")).to_have_text("1 of 4 cards")
        assert visit.said == []
    assert not (server.folder / "dist").exists()
    assert not (server.folder / "source" / "notes.lock").exists()
    assert server.end() == 0


def test_broken_note_is_told_and_the_last_good_cards_stay(server: Server, browser: Browser) -> None:
    with visiting(browser) as visit:
        visit.open(f"{server.url}cards.html#bas-add/en/0")
        server.save(EN, "Write vector addition", "Write [a vector addition")
        server.save(EN, ":add}}", ":ad}}")
        overlay = visit.page.locator("#problems")
        expect(overlay).to_contain_text("no anchor 'ad'", timeout=SEEN_WITHIN_MS)
        assert re.search(r"source/basics/en\.md:\d+:\d+", overlay.inner_text())
        assert "Write vector addition" in visit.card
        visit.page.reload()
        visit.page.wait_for_selector("html[data-ready]")
        expect(overlay).to_contain_text("no anchor 'ad'")
        assert "Write vector addition" in visit.card
        server.save(EN, ":ad}}", ":add}}")
        expect(overlay).to_have_count(0, timeout=SEEN_WITHIN_MS)
        expect(visit.page.frame_locator("#card").locator(".wd-question")).to_contain_text(
            "a vector addition"
        )
    said = ""
    server.process.send_signal(signal.SIGINT)
    said = server.out.read()
    assert re.search(r"^source/basics/en\.md:\d+:\d+: .*anchor 'ad'.*$", said, re.M)


def test_style_changes_without_a_reload(server: Server, browser: Browser) -> None:
    with visiting(browser) as visit:
        visit.open(f"{server.url}cards.html")
        visit.page.evaluate("window.sameWindow = true")
        server.save(
            "warpdeck/styles/card.css",
            ".wd-tags {",
            ".wd-question { color: rgb(1, 2, 3) }\n.wd-tags {",
        )
        visit.page.wait_for_function(
            "() => { const q = document.getElementById('card').contentDocument"
            ".querySelector('.wd-question');"
            " return q && getComputedStyle(q).color === 'rgb(1, 2, 3)' }",
            timeout=SEEN_WITHIN_MS,
        )
        assert visit.page.evaluate("window.sameWindow")


def test_change_of_the_package_begins_again(server: Server, browser: Browser) -> None:
    with visiting(browser) as visit:
        visit.open(f"{server.url}cards.html#bas-warp-size/en/0")
        server.save("warpdeck/phrases.py", '"question": "Question"', '"question": ("Asked"')
        expect(visit.page.locator("#problems")).to_contain_text(
            "warpdeck/phrases.py", timeout=SEEN_WITHIN_MS
        )
        server.save("warpdeck/phrases.py", '("Asked"', '"Asked"')
        expect(visit.page.frame_locator("#card").locator(".wd-kind")).to_have_text(
            "Asked", timeout=2 * SEEN_WITHIN_MS
        )
        expect(visit.page.locator("#problems")).to_have_count(0)
    assert server.end() == 0


def test_other_names_for_this_machine_are_refused(server: Server) -> None:
    for host, status in (("localhost", 200), ("127.0.0.1", 200), ("evil.example", 400)):
        with socket.create_connection(("127.0.0.1", server.port)) as asked:
            asked.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            assert f" {status} " in asked.makefile().readline()


def test_port_in_use_is_a_problem(
    server: Server, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preview", "--serve", f"--port={server.port}"], root=project) == 1
    assert "Choose another with --port N" in capsys.readouterr().err


def test_server_begins_with_a_broken_source_and_shows_what_is_wrong(
    server: Server, browser: Browser
) -> None:
    server.process.kill()
    server.process.wait()
    (server.folder / "source/project.yml").write_text("name: [\n")
    again = Server(server.folder)
    try:
        with visiting(browser) as visit:
            visit.page.goto(again.url)
            expect(visit.page.locator("#problems")).to_contain_text("source/project.yml")
            (server.folder / "source/project.yml").write_text(SMALL["source/project.yml"])
            expect(visit.page.locator("h1")).to_have_text("demo", timeout=SEEN_WITHIN_MS)
    finally:
        again.process.kill()
        again.process.wait()
