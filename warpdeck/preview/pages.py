"""The pages of the site and the words on them.

Owns: the gallery's page, the learner's page in each language, and what they are told of the
project. Must not know how cards are rendered, or where files go. Its texts are the files of
site/; every figure comes from the report or from receipts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from warpdeck import report
from warpdeck.model import Kind, Project, Receipt, RenderedNote, Topic
from warpdeck.phrases import phrase
from warpdeck.preview import data
from warpdeck.proof import ladder_chart
from warpdeck.render import html_language
from warpdeck.resolve import Proof
from warpdeck.workspace import Workspace

STATIC = ("site.css", "anki.css", "theme.js", "home.js", "cards.js", "icon.svg")
"""Files of site/ that go out as they are."""
LIVE = ("live.css", "live.js")
"""Those that only a live preview needs."""
WIDTHS = (320, 360, 412)
"""CSS pixels of the phone, small to large."""

_FIGURES = 2
_FIGURE = re.compile(r'<div class="wd-figure".*?</svg></div>', re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-src 'self'; connect-src {connect}; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class _Ladder:
    """A kernel's chart, and which run made it."""

    html: str
    gpu: str
    date: str
    steps: int
    bugs: int


def make(found: Workspace, notes: Sequence[RenderedNote], *, live: bool) -> dict[str, bytes]:
    """Return path → bytes of the pages, their styles and scripts, and data/site.js.

    `notes` are those that the gallery shows; `live` adds what reloads a page.
    """
    made = {name: _asset(name) for name in (*STATIC, *(LIVE if live else ()))}
    made |= data.value("site", _site(found.source.project, found.source.topics))
    made["cards.html"] = _gallery(found.source.project, live=live)
    counted = report.make(found.source, found.kernels, found.receipts)
    for language, page in _pages(found.source.project).items():
        made[page] = _home(found, counted, notes, language, live=live)
    return made


def _asset(name: str) -> bytes:
    return (files("warpdeck") / "preview" / "site" / name).read_bytes()


def _words(language: str) -> dict[str, Any]:
    words: dict[str, Any] = _in(json.loads(_asset("words.json")), language)
    return words


def _in(words: Mapping[str, Any], language: str) -> Any:
    """Return the words of `language`; one that has none is given the English ones."""
    return words.get(language) or words.get(language.split("-")[0]) or words["en"]


def _pages(project: Project) -> dict[str, str]:
    """Return language → file name of the learner's page; the first language has index.html."""
    first, *others = project.languages
    return {first: "index.html", **{other: f"index.{other}.html" for other in others}}


def _site(project: Project, topics: Sequence[Topic]) -> dict[str, Any]:
    """Return what the gallery must know before any card."""
    pages = _pages(project)
    return {
        "project": project.name,
        "order": project.languages,
        "topics": [topic.name for topic in topics],
        "kinds": [kind.value for kind in Kind],
        "languages": {
            language: {
                "html": html_language(language),
                "page": pages[language],
                "words": _words(language) | {"language": _name(language)},
                "topics": {topic.name: _topic_name(topic, language) for topic in topics},
                "kinds": {kind.value: phrase(kind.value, language) for kind in Kind},
            }
            for language in project.languages
        },
    }


def _name(language: str) -> str:
    """Return what a language calls itself, its code where we have no words of it."""
    words = json.loads(_asset("words.json"))
    known = words.get(language) or words.get(language.split("-")[0])
    return str(known["language"]) if known else language


def _topic_name(topic: Topic, language: str) -> str:
    return dict(topic.decks).get(language, topic.name).rsplit("::", 1)[-1]


def _gallery(project: Project, *, live: bool) -> bytes:
    first = project.languages[0]
    page = _templates().get_template("cards.html")
    return page.render(
        project=project.name,
        html_lang=html_language(first),
        words=_words(first),
        scripts=[_words(language)["scripts"] for language in project.languages],
        widths=WIDTHS,
        policy=_policy(live=live),
        live=live,
    ).encode()


def _home(
    found: Workspace,
    counted: report.Report,
    notes: Sequence[RenderedNote],
    language: str,
    *,
    live: bool,
) -> bytes:
    project = found.source.project
    anki = json.loads(_asset("anki.json"))
    mine = [count for count in counted.topics if count.language == language]
    rows = [_row(count, count.deck.rsplit("::", 1)[-1]) for count in mine]
    page = _templates().select_template([f"home.{language.split('-')[0]}.html", "home.en.html"])
    return page.render(
        project=project.name,
        download=project.download,
        issues=project.issues,
        language=language,
        html_lang=html_language(language),
        html_langs={other: html_language(other) for other in project.languages},
        names={other: _name(other) for other in project.languages},
        pages=_pages(project),
        words=_words(language),
        anki=_in(anki["words"], language),
        anki_version=anki["version"],
        topics=rows,
        totals={
            "notes": sum(row["notes"] for row in rows),
            "cards": sum(row["cards"] for row in rows),
            "levels": [sum(row["levels"][n] for row in rows) for n in range(3)],
        },
        ladders=list(_ladders(found, language)),
        figures=_figures([note for note in notes if note.language == language]),
        policy=_policy(live=live),
        live=live,
    ).encode()


def _row(count: report.TopicCount, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": count.description,
        "notes": count.notes,
        "cards": count.cards,
        "levels": [count.levels.get(str(level), 0) for level in (1, 2, 3)],
    }


def _ladders(found: Workspace, language: str) -> Iterable[_Ladder]:
    """Yield the whole ladder of each kernel that has a fresh receipt."""
    receipts: dict[str, Receipt] = {receipt.kernel: receipt for receipt in found.receipts}
    for kernel in found.kernels:
        receipt = receipts.get(kernel.name)
        if receipt is None or not kernel.steps:
            continue
        proof = Proof(kernel, receipt, step=kernel.steps[-1])
        chart = ladder_chart(proof, found.resolver, language)
        yield _Ladder(chart, receipt.gpu, receipt.date, len(receipt.versions), len(receipt.bugs))


def _figures(notes: Iterable[RenderedNote]) -> list[str]:
    """Return the first figure of each topic, the first few of them."""
    found: dict[str, str] = {}
    for note in notes:
        for field in note.fields:
            if note.topic not in found and (figure := _FIGURE.search(field)):
                found[note.topic] = figure[0]
    return list(found.values())[:_FIGURES]


def _policy(*, live: bool) -> str:
    return _POLICY.format(connect="'self'" if live else "'none'")


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("warpdeck.preview", "site"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
