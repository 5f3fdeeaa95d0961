"""What the tests share: a small project, a workbench for Markdown, and a learner's Anki."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ankibox import AnkiBox, fresh
from browser import chromium
from playwright.sync_api import Browser
from worktree import Tree

from warpdeck import kernels, lint, note_types, parse, receipts
from warpdeck.model import (
    Kernel,
    Note,
    Problem,
    Project,
    Receipt,
    Reference,
    RenderedNote,
    Topic,
)
from warpdeck.render import Renderer
from warpdeck.resolve import Resolver
from warpdeck.source import Source

HERE = Path(__file__).parent
SHOWN = "source/demo/en.md"
"""Under which path the workbench parses."""


# --- a project on disk -----------------------------------------------------

PROJECT = {
    "source/project.yml": "name: demo\nlanguages: [zh, en]\nanswer_words: 120\ncode_columns: 72\n",
    "source/references.yml": (
        "guide:\n  title: CUDA C++ Programming Guide\n  url: https://example.org/guide\n"
        '  edition: "13.1"\n  checked: 2026-01-31\n'
    ),
    "source/basics/topic.yml": (
        "deck:\n  zh: demo 中文::01 基础\n  en: demo English::01 Basics\norder: 1\n"
    ),
    "source/basics/zh.md": """---
tags: [basics]
---
# 基础

## 一个 warp 有多少个线程? {#bas-warp-size .level-1}

32 个。[@guide#2.1]

## {#bas-index .cloze .level-1}

全局索引:

```cuda
{{#include vector-add.cu:add}}
{{#blank c1 blockIdx.x * blockDim.x}}
```

线程号是 {{c2::`threadIdx`}}。[@guide#2.2]

## 手写向量加法 {#bas-add .code .level-2}

```cuda
{{#include vector-add.cu:add}}
```

[@guide#2.3]
""",
    "source/basics/en.md": """---
tags: [basics]
---
# Basics

## How many threads has a warp? {#bas-warp-size .level-1}

32. [@guide#2.1]

## {#bas-index .cloze .level-1}

The global index:

```cuda
{{#include vector-add.cu:add}}
{{#blank c1 blockIdx.x * blockDim.x}}
```

The thread's number is {{c2::`threadIdx`}}. [@guide#2.2]

## Write vector addition {#bas-add .code .level-2}

```cuda
{{#include vector-add.cu:add}}
```

[@guide#2.3]
""",
    "kernels/vector-add/vector-add.cu": """// c = a + b
// ANCHOR: add
__global__ void add(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
}
// ANCHOR_END: add
int main() {}
""",
    "kernels/vector-add/kernel.yml": """title: { zh: 向量加法, en: Vector addition }
file: vector-add.cu
flags: [-O3]
limit: add
shape: [1024]
steps:
  - name: add
    labels: { zh: 加, en: add }
""",
}
"""Path and text of each file: one topic in two languages, one kernel."""


def write_tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project without a problem."""
    write_tree(tmp_path, PROJECT)
    write_receipts(tmp_path)
    return tmp_path


def write_receipts(root: Path) -> None:
    """Write a receipt for each kernel as it is now, as if a run had passed on some GPU."""
    found, problems = kernels.load_kernels(root)
    assert problems == []
    for kernel in found:
        time = {"median": 2.0, "min": 1.9, "max": 2.5, "runs": 50}
        measured = {"time_us": time, "gb_per_s": 6.1, "ratio_to_limit": 1.0}
        case = {"shape": list(kernel.shape), "seed": 1, "max_error": 0.0, "tolerance": 0.0}
        versions = [
            {
                "name": step.name,
                "anchor": step.anchor,
                "cases": [{**case, **measured}],
                "sanitizers": dict.fromkeys(receipts.SANITIZERS, "pass"),
            }
            for step in kernel.steps
        ]
        document = {
            "kernel": kernel.name,
            "gpu": "Test GPU",
            "driver": "1.0",
            "nvcc": "13.0",
            "flags": list(kernel.flags),
            "date": "2026-01-31",
            "source_sha256": receipts.source_sha256(root, kernel),
            "limit": {"name": kernel.limit, "gb_per_s": 6.1},
            "versions": versions,
            "bugs": [],
            "outputs": [],
        }
        receipts.write(root, kernel, document)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A copy of this project."""
    return Tree(tmp_path / "tree")


@pytest.fixture
def box() -> Iterator[AnkiBox]:
    """An empty collection."""
    with fresh() as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, one for all tests of a module."""
    with chromium() as started:
        yield started


# --- golden files ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a fixture file: a title, what goes in, what must come out."""

    title: str
    given: str
    expected: str


def cases(name: str) -> list[Case]:
    """Read tests/`name`: title, then input and expected output, each between lines of one dot."""
    parts = re.split(r"^\.\n", (HERE / name).read_text("utf-8"), flags=re.MULTILINE)
    triples = zip(parts[0::3], parts[1::3], parts[2::3], strict=False)
    return [Case(title.strip(), given, expected) for title, given, expected in triples]


def titles(case: Case) -> str:
    """Name a case in pytest's report."""
    return case.title


# --- Markdown without a project ------------------------------------------------


class Bench:
    """Parses and renders Markdown against the kernels and figures of a sample folder."""

    def __init__(
        self, root: Path, kernels: dict[str, Kernel], receipts: dict[str, Receipt]
    ) -> None:
        self.root, self.problems = root, list[Problem]()
        self.resolver = Resolver(root, kernels, receipts)

    def source(self, notes: list[Note]) -> Source:
        references = (Reference("k", "Book", "https://example.org/k", "2", "2026-01-31"),)
        topics = (Topic("demo", (("en", "Demo"),), 1, (), 1),)
        return Source(Project("demo", ("en",), 0, 0), topics, references, tuple(notes))

    def render(self, text: str) -> list[RenderedNote]:
        """Parse, lint and render; `problems` holds what was wrong, in order."""
        notes, self.problems = parse.parse_text(text, SHOWN, "demo", "en")
        source = self.source(notes)
        self.problems += [p for p in lint.lint(source) if p.rule != "no-citation"]
        renderer = Renderer(source, self.resolver, self.root)
        rendered = []
        for note in notes:
            done, problems = renderer.render(note)
            self.problems += problems
            rendered.append(done)
        return rendered

    def clean(self, text: str) -> RenderedNote:
        """Render the one note of `text`, which must have no problem."""
        (note,) = self.render(text)
        assert [str(problem) for problem in self.problems] == []
        return note

    def body(self, text: str, attributes: str = "") -> RenderedNote:
        """Like `clean` for a note with this body."""
        return self.clean(f"## Question? {{#x {attributes}}}\n\n{text}\n")

    def said(self, text: str) -> list[str]:
        """Return the problems of `text`, sorted, each as `line:column rule: message. hint`."""
        self.render(text)
        return [
            f"{p.at.line}:{p.at.column} {p.rule}: {p.message}. {p.hint}"
            for p in sorted(self.problems)
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A workbench over a copy of samples/, so that a test may add files."""
    root = tmp_path / "bench"
    for kind in ("good", "bad"):
        folder = HERE / "samples" / kind / "kernels"
        shutil.copytree(folder, root / "kernels", dirs_exist_ok=True)
    shutil.copytree(HERE / "samples" / "good" / "figures", root / "source" / "demo" / "figures")
    return Bench(root, {}, {})


def fields(note: RenderedNote) -> dict[str, str]:
    """Return a note's fields by name."""
    types = {kind.id: kind for kind in note_types.note_types("demo").values()}
    names = (field.name for field in types[note.note_type].fields)
    return dict(zip(names, note.fields, strict=True))


# --- what a learner sees ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Side:
    """The two faces of one card, as Anki's own renderer makes them."""

    ordinal: int
    front: str
    back: str


class Learner:
    """Adds rendered notes to a real collection and looks at their cards."""

    def __init__(self, box: AnkiBox) -> None:
        self.box, self.col = box, box.col
        self.ids = {}
        for kind in note_types.note_types("demo").values():
            made = self.col.models.new(kind.name)
            made.update(type=int(kind.cloze), css=kind.css, flds=[], tmpls=[])
            for field in kind.fields:
                self.col.models.add_field(made, self.col.models.new_field(field.name))
            for template in kind.templates:
                card = self.col.models.new_template(template.name)
                card.update(qfmt=template.front, afmt=template.back)
                self.col.models.add_template(made, card)
            self.col.models.add(made)
            self.ids[kind.id] = made["id"]

    def cards(self, note: RenderedNote) -> list[Side]:
        """Return the cards that Anki makes of `note`; they must be those that it announces."""
        kind = self.col.models.get(self.ids[note.note_type])
        assert kind
        added = self.col.new_note(kind)
        added.fields, added.tags = list(note.fields), list(note.tags)
        self.col.add_note(added, self.col.decks.get_current_id())
        sides = [Side(card.ord, card.question(), card.answer()) for card in added.cards()]
        assert tuple(side.ordinal for side in sides) == note.ordinals
        if kind["type"]:
            numbers = self.col._backend.cloze_numbers_in_note(added._to_backend_note())
            assert sorted(number - 1 for number in numbers) == list(note.ordinals)
        return sides


@pytest.fixture(scope="module")
def learner() -> Iterator[Learner]:
    """A learner with our note types."""
    with fresh() as box:
        yield Learner(box)


class _Text(HTMLParser):
    """Collects the text of HTML as a browser shows it, of <pre> alone or of everything."""

    def __init__(self, pre: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.pre, self.inside, self.parts, self.skip = pre, 0, list[str](), 0
        self.fresh = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.inside += tag == "pre"
        self.skip += tag == "style"
        self.fresh = tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        self.inside -= tag == "pre"
        self.skip -= tag == "style"

    def handle_data(self, data: str) -> None:
        # HTML drops one newline right after <pre>.
        data = data.removeprefix("\n") if self.fresh else data
        self.fresh = False
        if (self.inside or not self.pre) and not self.skip:
            self.parts.append(data)


def shown(html: str, *, pre: bool = False) -> str:
    """Return the text that a browser shows of `html`, or of its code blocks alone."""
    reader = _Text(pre)
    reader.feed(html)
    reader.close()
    return "".join(reader.parts)
