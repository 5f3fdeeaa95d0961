"""Pictures of one card of each kind: how they are made, stored and compared.

`python tests/update_pictures.py` takes them anew after a change of the cards' look.
"""

from __future__ import annotations

import io
from pathlib import Path

from browser import PHONE, page_of, show_one
from conftest import Bench, Learner
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser
from test_resolve import KERNEL, RECEIPT

from warpdeck.model import Kind
from warpdeck.resolve import Resolver

FOLDER = Path(__file__).with_name("pictures")
TOLERANCE = 8.5
"""Most mean difference of a channel (0 to 255) of two blurred pictures."""
_GRID = (12, 20)
"""Fields of a blurred picture: letters turn into grey, boxes and colours stay, and a line that
breaks elsewhere moves little."""
_HEIGHT = 0.15
"""Most difference in height: another font breaks lines elsewhere."""

BODIES = {
    Kind.QUESTION: (
        "## How wide is a bank, and what does a warp pay? {#x .level-2}\n\n"
        "**4 bytes**: 32 banks serve one word each in a cycle.\n\n"
        "| access | cycles |\n|---|---|\n| one row | 1 |\n| one column | 32 |\n\n"
        "- `tile[32][33]` moves each row by a bank.\n- Broadcasts are free.\n\n"
        "> [!QUESTION] Follow-up\n> What does a 64-bit access do?\n\n"
        "> [!WARNING]\n> A padded row is no longer aligned to 16 bytes.\n\n[@k#1.2]\n"
    ),
    Kind.REVERSE: (
        "## 占用率 (occupancy) {#x .level-1}\n\n"
        "SM 上**活跃线程束数**与上限之比。\n\n---\n\n高占用率掩盖延迟，并不等于快。[@k#2]\n"
    ),
    Kind.CLOZE: (
        "## Fill in {#x .cloze}\n\n```cuda\n{{#include demo.cu:all}}\n"
        "{{#blank c1 threadIdx.x}}\n{{#hide if ... if}}\n```\n\n---\n\n"
        "x is the fastest index. [@k]\n"
    ),
    Kind.TYPE: (
        "## Which call frees device memory? {#x .type}\n\n`cudaFree`\n\n---\n\nIt waits. [@k]\n"
    ),
    Kind.CODE: (
        "## Write it {#x .code .level-1}\n\n```cuda\n{{#include demo.cu:index}}\n```\n\n[@k]\n"
    ),
    Kind.BUG: (
        "## 找出错误 {#x .bug .level-3}\n\n```cuda\n{{#bug demo:off-by-one}}\n```\n\n---\n\n"
        "**越界**：最后一个线程多写一个元素。\n\n{{#seen demo:off-by-one}}\n\n"
        "```cuda\n{{#fix demo:off-by-one}}\n```\n\n[@k]\n"
    ),
    Kind.OUTPUT: (
        "## What does it print? {#x .output}\n\n```cuda\n{{#include demo.cu:guard}}\n```\n\n---\n\n"
        "```text\n{{#output demo:hello}}\n```\n\n[@k]\n"
    ),
    Kind.LADDER: (
        "## 下一步改什么？ {#x .ladder .level-2}\n\n"
        "```cuda\n{{#include demo.cu:index}}\n```\n\n---\n\n"
        "**瓶颈是写**：{{#ratio demo:index}}。 [@k]\n"
    ),
}


def back(bench: Bench, learner: Learner, kind: Kind) -> str:
    """Return the back of the first card of the sample note of `kind`, as Anki renders it."""
    bench.resolver = Resolver(bench.root, {"demo": KERNEL}, {"demo": RECEIPT})
    html = learner.cards(bench.clean(BODIES[kind]))[0].back
    # The comparison that Anki puts in when the answer was typed without a slip.
    typed = '<code id="typeans"><span class="typeGood">cudaFree</span></code>'
    return html.replace("[[type:Expected]]", typed)


def take(browser: Browser, side: str, theme: str) -> bytes:
    """Return a PNG of `side` at phone width."""
    with page_of(browser, PHONE) as page:
        page.set_viewport_size({"width": PHONE, "height": 100})  # as high as the card, no higher
        show_one(page, side, theme)
        return page.screenshot(full_page=True)


def path(kind: Kind, theme: str) -> Path:
    """Return where the committed picture lies."""
    return FOLDER / f"{kind.value}-{theme}.png"


def store(png: bytes, where: Path) -> None:
    """Write a picture with few colours, which keeps it small."""
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(64)
    image.save(where, optimize=True)


def difference(one: bytes, other: bytes) -> str:
    """Return how two PNGs differ by more than fonts do, empty if they do not."""
    first, second = (Image.open(io.BytesIO(png)).convert("RGB") for png in (one, other))
    if abs(first.height - second.height) > _HEIGHT * second.height:
        return f"{first.height} px high, not {second.height}"
    small = [image.resize(_GRID, Image.Resampling.BOX) for image in (first, second)]
    worst = max(ImageStat.Stat(ImageChops.difference(*small)).mean)
    return f"blurred pictures differ by {worst:.1f}" if worst > TOLERANCE else ""
