"""The real Anki desktop on a screen of its own, driven as a user drives it.

For tests alone. Pages are clicked and read over Chromium's debugging protocol; the keyboard and
the pixels are those of a virtual X screen, so that what Anki's window really shows is checked.
Must not know how warpdeck makes a package.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Error, Page, sync_playwright

Found = TypeVar("Found")

PROGRAMS = ("Xvfb", "xdotool")
WIDTH, HEIGHT = 1000, 900
"""Pixels of the virtual screen; Anki's window fills it."""
MAIN = "User 1 - Anki"
"""The title of the main window."""
SECONDS = 60
"""Longest wait for anything; the slowest, Anki's start, takes about 3 s."""
THEMES = {"light": 1, "dark": 2}
"""Anki's numbers for the theme in its preferences."""
CONNECT = "2055492159"
"""AnkiConnect's number on AnkiWeb, which is the name of its folder too."""

# Run in a process of its own: aqt changes what it finds in the one that imports it.
_PROFILE = """
import pathlib, sys
from aqt.profiles import ProfileManager
manager = ProfileManager(pathlib.Path(sys.argv[1]))
manager.setupMeta()
manager.create("User 1")
manager.load("User 1")
manager.meta.update(firstRun=False, defaultLang="en_US", theme=int(sys.argv[2]))
manager.set_update_check(False)
manager.set_check_for_addon_updates(False)
manager.profile["autoSync"] = False
manager.save()
"""


def missing() -> str:
    """Return why Anki's window cannot be opened here, nothing if it can."""
    if importlib.util.find_spec("aqt") is None:
        return "Anki desktop is not installed: uv sync --group window"
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    return f"not installed: {', '.join(absent)}" if absent else ""


def ankiconnect() -> Path | None:
    """Return the folder of this user's AnkiConnect add-on, if there is one."""
    base = os.environ.get("ANKI_BASE") or "~/.local/share/Anki2"
    folder = Path(base).expanduser() / "addons21" / CONNECT
    return folder if (folder / "__init__.py").is_file() else None


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, look: Callable[[], Found | None], seconds: float = SECONDS) -> Found:
    """Return what `look` finds as soon as it finds something; fail naming `what` it never did."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"no {what} within {seconds:g} s"
        time.sleep(0.05)
    return found


# --- the screen ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Picture:
    """What the screen showed: rows of pixels, each the four bytes blue, green, red, unused."""

    width: int
    height: int
    pixels: bytes

    def shares(self) -> dict[str, float]:
        """Return each colour as CSS writes it, `rgb(1, 2, 3)`, and its share of the picture."""
        counts = Counter(memoryview(self.pixels).cast("I"))
        total = self.width * self.height
        return {_css(colour): count / total for colour, count in counts.items()}

    def save(self, path: Path) -> None:
        """Write the picture as PNG."""
        pixels = bytearray(self.width * self.height * 3)
        for channel in range(3):
            pixels[channel::3] = self.pixels[2 - channel :: 4]
        row = self.width * 3
        rows = b"".join(b"\0" + pixels[at : at + row] for at in range(0, len(pixels), row))
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts))


def _css(colour: int) -> str:
    red, green, blue = colour >> 16 & 255, colour >> 8 & 255, colour & 255
    return f"rgb({red}, {green}, {blue})"


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def _framebuffer(path: Path) -> Picture:
    """Read the file in which Xvfb keeps its screen: an XWD header, a colour map, the pixels."""
    data = path.read_bytes()
    header = struct.unpack(">20I", data[:80])
    size, width, height, bits, stride, colours = (header[i] for i in (0, 4, 5, 11, 12, 19))
    assert (bits, stride) == (32, width * 4), "a screen of 24 bits is kept in 32"
    start = size + colours * 12
    return Picture(width, height, data[start : start + stride * height])


# --- the window ------------------------------------------------------------------


class Window:
    """Anki desktop, running."""

    def __init__(self, contexts: Callable[[], list[Page]], env: dict[str, str], fb: Path) -> None:
        """Take the pages of a running Anki, the environment of its screen and its framebuffer."""
        self._pages, self._env, self._framebuffer = contexts, env, fb

    def page(self, title: str) -> Page:
        """Return the web page of Anki with this title; wait until there is one."""
        return until(f"page '{title}'", lambda: self._find(title))

    def _find(self, title: str) -> Page | None:
        for page in self._pages():
            with suppress(Error):  # a page that is just being closed
                if page.title() == title:
                    return page
        return None

    def press(self, window: str, key: str) -> None:
        """Focus the window whose title holds `window` and press `key`."""
        self._xdotool("search", "--sync", "--onlyvisible", "--name", window, "windowfocus")
        self._xdotool("key", key)

    def _visible(self, window: str) -> bool:
        command = ["xdotool", "search", "--onlyvisible", "--name", window]
        found = subprocess.run(command, env=self._env, timeout=SECONDS, capture_output=True)
        return found.returncode == 0

    def fill_screen(self) -> None:
        """Make the main window as large as the screen."""
        main = ("search", "--sync", "--onlyvisible", "--name", MAIN)
        self._xdotool(*main, "windowmove", "0", "0", "windowsize", str(WIDTH), str(HEIGHT))

    def _xdotool(self, *arguments: str) -> None:
        subprocess.run(
            ["xdotool", *arguments],
            env=self._env,
            check=True,
            timeout=SECONDS,
            stdout=subprocess.DEVNULL,
        )

    def picture(self) -> Picture:
        """Return what the screen shows, once it has stopped changing."""
        last = _framebuffer(self._framebuffer)

        def settled() -> Picture | None:
            nonlocal last
            time.sleep(0.2)
            before, last = last, _framebuffer(self._framebuffer)
            return last if before == last else None

        return until("still picture", settled)

    # --- as a user does ---

    def import_opened(self) -> str:
        """Click "Import" on the import page with its default options; return what it then says."""
        page = self.page("anki package import")
        page.get_by_role("button", name="Import", exact=True).click()
        page.get_by_text(re.compile("found in file")).first.wait_for()
        said = page.inner_text("body")
        self.press("Import File", "Escape")
        until("end of the import window", lambda: not self._visible("Import File"))
        self.press(MAIN, "d")  # shows the decks, whatever Anki refreshed by itself
        return said

    def open_deck(self, name: str) -> None:
        """Click the deck `name`, whose own decks may be folded away, then "Study Now"."""
        main = self.page("main webview")
        main.locator("a.deck").filter(has_text=name).click()
        main.locator("#study").click()

    def card(self, before: str = "") -> Page:
        """Return the reviewer's page once a side is there whose HTML is not `before`."""
        page = self.page("main webview")
        page.wait_for_function(
            "before => { const qa = document.querySelector('#qa');"
            " return qa && qa.style.opacity === '1' && qa.innerHTML !== before }",
            arg=before,
        )
        return page

    def show_answer(self) -> Page:
        """Click "Show Answer"; return the reviewer's page."""
        question = self.card().inner_html("#qa")
        self.page("bottom toolbar").locator("#ansbut").click()
        return self.card(question)

    def rate_good(self) -> None:
        """Click "Good" and wait for the next card."""
        answer = self.card().inner_html("#qa")
        self.page("bottom toolbar").locator("button[data-ease='3']").click()
        self.card(answer)


@contextmanager
def window(
    base: Path, theme: str, package: Path | None = None, addon: Path | None = None, port: int = 0
) -> Iterator[Window]:
    """Run Anki with the profile folder `base`, made if there is none; close it as a user does.

    `package` is the file to open. `addon` is AnkiConnect's folder, which is then to listen on
    `port`.
    """
    with ExitStack() as stack:
        display = stack.enter_context(_screen(base.parent))
        env = {
            **os.environ,
            "DISPLAY": display,
            "LC_ALL": "C.UTF-8",
            "QT_QPA_PLATFORM": "xcb",
            "QTWEBENGINE_DISABLE_SANDBOX": "1",
            "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox --disable-gpu",
            "QTWEBENGINE_REMOTE_DEBUGGING": f"127.0.0.1:{free_port()}",
            # Otherwise a running Anki of this user would be asked to open the file.
            "ANKI_SINGLE_INSTANCE_KEY": f"warpdeck-{os.getpid()}-{time.monotonic_ns()}",
        }
        _prepare(base, theme, addon, port)
        running, address = stack.enter_context(_anki(base, env, package))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.connect_over_cdp(address, no_defaults=True)
        opened = Window(
            lambda: [page for context in browser.contexts for page in context.pages],
            env,
            base.parent / "Xvfb_screen0",
        )
        opened.page("main webview")
        opened.fill_screen()
        yield opened
        opened.press(MAIN, "ctrl+q")
        running.wait(SECONDS)


def _prepare(base: Path, theme: str, addon: Path | None, port: int) -> None:
    """Write preferences with which Anki starts without asking anything."""
    if not (base / "prefs21.db").exists():
        base.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", _PROFILE, str(base), str(THEMES[theme])]
        subprocess.run(command, check=True, timeout=SECONDS, capture_output=True)
    if addon:
        copy = base / "addons21" / CONNECT
        shutil.copytree(addon, copy, dirs_exist_ok=True)
        (copy / "meta.json").write_text(json.dumps({"config": {"webBindPort": port}}), "utf-8")


@contextmanager
def _screen(folder: Path) -> Iterator[str]:
    """Yield the display of a virtual screen that keeps its pixels in `folder`."""
    reader, writer = os.pipe()
    size = f"{WIDTH}x{HEIGHT}x24"
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", size, "-fbdir", str(folder)]
    with _process([*command, "-nolisten", "tcp"], folder / "xvfb.log", fds=(writer,)):
        os.close(writer)
        with os.fdopen(reader) as number:
            display = number.readline().strip()  # ends, empty, where Xvfb does
        assert display, (folder / "xvfb.log").read_text("utf-8")
        yield f":{display}"


@contextmanager
def _anki(
    base: Path, env: dict[str, str], package: Path | None
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Yield the process of Anki and the address of its debugging protocol."""
    command = [sys.executable, "-c", "import aqt; aqt.run()", "-b", str(base), "-l", "en_US"]
    log = base.parent / "anki.log"
    with _process([*command, *([str(package)] if package else [])], log, env) as running:

        def address() -> str | None:
            said = log.read_text("utf-8", "replace")
            assert running.poll() is None, said
            match = re.search(r"DevTools listening on (ws://\S+)", said)
            return match[1] if match else None

        yield running, until("debugging address of Anki", address)


@contextmanager
def _process(
    command: list[str], log: Path, env: dict[str, str] | None = None, fds: tuple[int, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` with a process group of its own, of which nothing is left afterwards."""
    with log.open("wb") as out:
        running = subprocess.Popen(
            command,
            env=env,
            stdout=out,
            stderr=out,
            start_new_session=True,
            pass_fds=fds,
            preexec_fn=_end_with_parent,
        )
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait(SECONDS)


def _end_with_parent() -> None:
    """Have Linux kill this process when the tests are killed, which no `finally` would see."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
