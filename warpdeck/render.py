"""A parsed note becomes the HTML of Anki's fields.

Owns: Markdown to sanitized HTML, where each part of a note goes, what a card says about
its proof. Must not know genanki, the ledger, or how to print. It reports what only
rendering can find (HTML that would vanish) as Problems.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from markdown import Markdown

from warpdeck import ankitext, figures, highlight, lines, markup, note_types, sanitize
from warpdeck.ledger import guid
from warpdeck.model import (
    Blank,
    Directive,
    Fence,
    Kind,
    Location,
    Note,
    Problem,
    Reference,
    RenderedNote,
)
from warpdeck.parse import FENCE_LANGUAGE
from warpdeck.phrases import phrase
from warpdeck.proof import ladder_chart, proof_line, step_label
from warpdeck.resolve import Code, Proof, Resolver
from warpdeck.snippets import SnippetError, did_you_mean
from warpdeck.source import Source

RETIRED_TAG = "retired"

_PIECES = re.compile(r"(<(?:\"[^\"]*\"|[^\">])*>)")
_TEXT_PIECES = re.compile(
    f"({markup.CLOZE_TOKEN.pattern.replace('(', '(?:')}|{markup.CLOZE_CLOSE}|{markup.CLOZE_HINT}"
    f"|{markup.TOKEN.pattern.replace('(', '(?:')})"
)
_BLOCK_TOKEN = re.compile(f"<p>\\s*{markup.TOKEN.pattern}\\s*</p>")
_PARAGRAPH = re.compile(r"<p>((?:(?!</p>).)*)</p>", re.DOTALL)
_FENCE_APART = re.compile(f"\\s*(<div>{markup.OPEN}f\\d+{markup.CLOSE}</div>)\\s*")
_FENCE_DIV = re.compile(f"<div>{markup.OPEN}f(\\d+){markup.CLOSE}</div>")
_LIFTED = re.compile(rf"(?:`{{3,}}|~{{3,}}){FENCE_LANGUAGE}\n[ \t>]*(\d+)")
_REAL_BLANK = re.compile(r"\{\{c(\d+)::")
_INNERMOST_BLANK = re.compile(
    r"\{\{c\d+::((?:(?!\{\{|\}\}|::).)*)(?:::(?:(?!\{\{|\}\}).)*)?\}\}", re.DOTALL
)
_BLOCK_TAG = re.compile(r"</?(?:p|br|div|li|[uo]l|t[dhr]|table|h\d|blockquote|hr|pre)\b[^>]*>")
_TABLE = re.compile(r"<(/?)table\b[^>]*>")
# The corner above row headings; a screen reader would announce a heading without words.
_EMPTY_HEADER = re.compile(r"<th\b([^>]*)></th>")
# The title that Markdown gives to a callout whose author gave none.
_CALLOUT_TITLE = re.compile(
    f'(<p class="admonition-title">)({"|".join(markup.CALLOUTS)})(</p>)', re.IGNORECASE
)
_HTML_LANGUAGES = {"zh": "zh-Hans"}


class Renderer:
    """Renders the notes of one project; holds what is the same for all of them."""

    def __init__(self, source: Source, resolver: Resolver, root: Path) -> None:
        """`root` is the project's folder; figures are read from below its source/."""
        self._project = source.project
        self._references = {reference.key: reference for reference in source.references}
        self._resolver = resolver
        self._root = root
        self._markdown = _markdown()
        self._figures: dict[str, tuple[str, list[Problem]]] = {}
        self._types = note_types.note_types(source.project.name)
        self._topics = {topic.name: topic for topic in source.topics}

    def render(self, note: Note) -> tuple[RenderedNote, list[Problem]]:
        """Return `note` as fields of its note type, and what would be lost in it."""
        page = _Page(note, self)
        return page.rendered(), page.problems

    def retired(
        self,
        note_id: str,
        language: str,
        topic: str,
        kind: str,
        question: str,
        ordinals: tuple[int, ...],
    ) -> RenderedNote:
        """Return the last update of a note whose section is gone from the source.

        Its question stays; the rest is a line that says that it has left the deck.
        """
        name = note_types.name_for(Kind(kind))
        asked = ankitext.plain(question, cloze=True)
        line = f'<p class="wd-retired">{phrase("retired", language, id=note_id)}</p>'
        blanks = " ".join(f"{{{{c{ordinal + 1}::–}}}}" for ordinal in ordinals)
        both_ways = name == note_types.BASIC and note_types.REVERSE_CARD in ordinals
        fields = {
            "Question": asked,
            "Text": f"<p>{asked}</p><p>{blanks}</p>",
            "Expected": "–",
            "Answer": "" if both_ways else line,
            "Extra": line,
            "Reverse": line if both_ways else "",
            "Kind": phrase(kind, language),
            **self.place(topic, language),
            "Note ID": note_id,
        }
        return RenderedNote(
            guid=guid(self._project.name, note_id, language),
            id=note_id,
            language=language,
            topic=topic,
            kind=kind,
            note_type=self._types[name].id,
            fields=self.ordered(name, fields),
            tags=(f"{self._project.name}::{RETIRED_TAG}",),
            ordinals=ordinals,
            question=question,
            at=Location("source/notes.lock"),
            retired=True,
        )

    def place(self, topic: str, language: str) -> dict[str, str]:
        """Return the fields that say where a note belongs; a topic may be gone by now."""
        known = self._topics.get(topic)
        return {
            "Topic": html.escape(known.title(language), quote=False) if known else "",
            "Colour": str(known.colour) if known else "",
            "Language": html_language(language),
        }

    def ordered(self, type_name: str, fields: Mapping[str, str]) -> tuple[str, ...]:
        """Return `fields` in the note type's order, in NFC, the missing ones empty."""
        # NFC is what Anki makes of them on import; the ledger must hash what Anki will hold.
        return tuple(
            unicodedata.normalize("NFC", fields.get(field.name, ""))
            for field in self._types[type_name].fields
        )

    def figure(self, topic: str, name: str) -> tuple[str, list[Problem]]:
        """Return the SVG `name` of a topic, read once."""
        shown = f"source/{topic}/{name}"
        if shown not in self._figures:
            self._figures[shown] = figures.load(self._root / "source" / topic / name, shown)
        return self._figures[shown]


def html_language(language: str) -> str:
    """Return what HTML's `lang` calls one of our languages."""
    return _HTML_LANGUAGES.get(language, language)


def _markdown() -> Markdown:
    fence = {"name": FENCE_LANGUAGE, "class": "", "format": _fence_token}
    return Markdown(
        extensions=[
            "tables",
            "sane_lists",
            "pymdownx.superfences",
            "pymdownx.arithmatex",
            "pymdownx.mark",
            "pymdownx.betterem",
            "pymdownx.quotes",
        ],
        extension_configs={
            "pymdownx.superfences": {
                "disable_indented_code_blocks": True,
                "custom_fences": [fence],
            },
            "pymdownx.arithmatex": {"generic": True},
            "pymdownx.quotes": {"callouts": True},
        },
        tab_length=2,  # a list item's lines are indented by the width of its marker, as on GitHub
    )


def _fence_token(source: str, *_: object, **__: object) -> str:
    return f"<div>{markup.OPEN}f{source.strip()}{markup.CLOSE}</div>"


def _fences_apart(paragraph: re.Match[str]) -> str:
    """Close the paragraph before a fence that stands in its midst, as a browser would.

    The line end before what follows stays: a list that Markdown missed there is still found.
    """
    pieces = _FENCE_APART.split(paragraph[1])
    return "".join(
        piece if n % 2 else f"<p>{chr(10) if n else ''}{piece}</p>"
        for n, piece in enumerate(pieces)
        if piece.strip() or len(pieces) == 1
    )


def _scrolling(table: re.Match[str]) -> str:
    """Return a tag of a table with the box around it in which a wide table scrolls."""
    return f"{table[0]}</div>" if table[1] else f'<div class="wd-table" tabindex="0">{table[0]}'


class _Page:
    """One note while it is being rendered."""

    def __init__(self, note: Note, renderer: Renderer) -> None:
        self.note, self.renderer = note, renderer
        self.cloze = note.kind is Kind.CLOZE
        self.ladder = note.kind is Kind.LADDER
        self.problems: list[Problem] = []
        self.asks = note.kind in (Kind.BUG, Kind.OUTPUT)

    def rendered(self) -> RenderedNote:
        note = self.note
        name = note_types.name_for(note.kind)
        heading = self.inline(note.heading)
        if markup.unpadded(note.heading) and not heading.strip() and not self.cloze:
            # Only a comment, say: Anki would make no card of it.
            message, hint = "this note has no question", "Write it after the `##`."
            self.problems.append(Problem(note.at, "no-question", message, hint))
        body = self.body(heading)
        self.check_blanks(body)
        fields = {
            **body,
            "Kind": phrase(note.kind.value, note.language),
            "Level": str(note.level or ""),
            "Sources": self.sources(),
            **self.renderer.place(note.topic, note.language),
            "Note ID": note.id,
        }
        project = self.renderer._project.name
        return RenderedNote(
            guid=guid(project, note.id, note.language),
            id=note.id,
            language=note.language,
            topic=note.topic,
            kind=note.kind.value,
            note_type=self.renderer._types[name].id,
            fields=self.renderer.ordered(name, fields),
            tags=self.tags(project),
            ordinals=self.ordinals(),
            question=_one_line(heading) or _one_line(fields.get("Text", "")),
            at=note.at,
            retired=note.retired,
        )

    def body(self, heading: str) -> dict[str, str]:
        """Return the fields that hold what the author wrote."""
        note = self.note
        front = self.block(note.front, note.front_line, proofs=not self.asks)
        back = self.block(note.back, note.back_line, proofs=True)
        if not note.divided and note.kind in (Kind.CLOZE, Kind.REVERSE, Kind.TYPE):
            front, back = back, ""
        line = ""
        if note.retired:
            line = f'<p class="wd-retired">{phrase("retired", note.language, id=note.id)}</p>'
        if note.kind is Kind.CLOZE:
            return {"Text": front, "Title": heading, "Extra": line + back}
        if note.kind is Kind.REVERSE:
            return {"Question": heading, "Answer": line + back, "Reverse": front}
        if note.kind is Kind.TYPE:
            expected = ankitext.plain(_words(front))
            return {"Question": heading, "Expected": expected, "Answer": line + back}
        chart = self.chart() if self.ladder else ""
        return {"Question": heading, "Context": front, "Answer": line + back + chart}

    def check_blanks(self, body: Mapping[str, str]) -> None:
        """Report each blank of a cloze note that would make no card."""
        if not self.cloze or self.problems:
            return
        shown = {int(number) for number in _REAL_BLANK.findall(body["Text"])}
        for number in sorted({*self.note.ordinals} - shown):
            hint = "Put it before the `---`, into text that the card shows."
            message = f"blank c{number} is on no card"
            self.problems.append(Problem(self.note.at, "cloze-lost", message, hint))
        for number in sorted({int(found) for found in _REAL_BLANK.findall(body["Extra"])} & shown):
            hint = "Move it before the `---`, or write the text as it is."
            message = f"blank c{number} also stands after the `---`, where nothing is hidden"
            self.problems.append(Problem(self.note.at, "cloze-lost", message, hint))

    def ordinals(self) -> tuple[int, ...]:
        if self.cloze:
            return tuple(number - 1 for number in self.note.ordinals)
        if self.note.kind is Kind.REVERSE:
            return (note_types.QUESTION_CARD, note_types.REVERSE_CARD)
        return (note_types.QUESTION_CARD,)

    def tags(self, project: str) -> tuple[str, ...]:
        note = self.note
        ours = [f"topic::{note.topic}", f"kind::{note.kind.value}"]
        if note.level:
            ours.append(f"level::{note.level}")
        if note.retired:
            ours.append(RETIRED_TAG)
        return tuple(sorted({f"{project}::{tag}" for tag in (*ours, *note.tags)}))

    def sources(self) -> str:
        seen = dict.fromkeys((citation.key, citation.section) for citation in self.note.citations)
        links = []
        for key, section in seen:
            reference: Reference | None = self.renderer._references.get(key)
            if reference is None:
                continue
            edition = f" {reference.edition}" if reference.edition else ""
            place = f" §{section}" if section[:1].isdigit() else f" · {section}" if section else ""
            title = html.escape(f"{reference.title}{edition}", quote=False)
            text = ankitext.guard(title + html.escape(place, quote=False), cloze=self.cloze)
            links.append(f'<a href="{html.escape(reference.url)}">{text}</a>')
        return "<br>".join(links)

    # --- Markdown ---------------------------------------------------------

    def inline(self, text: str) -> str:
        """Return one line of Markdown as HTML without a paragraph around it."""
        done = self.convert(text, self.note.at.line, prefix=markup.INLINE)
        return done.replace(markup.INLINE, "").removeprefix("<p>").removesuffix("</p>")

    def block(self, text: str, line: int, *, proofs: bool) -> str:
        """Return Markdown as HTML, code and figures in place."""
        if not markup.unpadded(text).strip():
            return ""
        done = self.convert(text, line)
        lifted = {int(number) for number in _LIFTED.findall(text)}
        for number in sorted(lifted - {int(number) for number in _FENCE_DIV.findall(done)}):
            hint = "Put an empty line above it, or move it out of the list or quote."
            message = "Markdown does not take this for a code fence"
            at = self.note.fences[number].at
            self.problems.append(Problem(at, "fence", message, hint))
        return _FENCE_DIV.sub(lambda m: self.fence(self.note.fences[int(m[1])], proofs), done)

    def convert(self, text: str, line: int, prefix: str = "") -> str:
        """Return Markdown as safe HTML; directives are filled in, fences not yet."""
        markdown = self.renderer._markdown
        markdown.reset()
        raw = markdown.convert(prefix + unicodedata.normalize("NFC", markup.unpadded(text)))
        raw = self.titled(_PARAGRAPH.sub(_fences_apart, raw))
        clean = sanitize.clean(raw, markup.CALLOUTS)
        source = sanitize.Written(text, self.note.at.path, line)
        self.problems += sanitize.losses(raw, clean, source)
        if self.cloze:
            self.problems += sanitize.crossing(clean, source)
        done = self.guarded(_BLOCK_TOKEN.sub(self.unwrapped, clean))
        return _TABLE.sub(_scrolling, _EMPTY_HEADER.sub(r"<td\1></td>", done))

    def titled(self, raw: str) -> str:
        """Return Markdown's HTML with the titles of callouts in the note's language."""
        return _CALLOUT_TITLE.sub(
            lambda m: m[1] + phrase(m[2].lower(), self.note.language) + m[3], raw
        )

    def unwrapped(self, paragraph: re.Match[str]) -> str:
        """Return a figure without the paragraph around it, which HTML does not allow."""
        figure = self.note.directives[int(paragraph[1])].name == markup.FIGURE
        return f"{markup.OPEN}{paragraph[1]}{markup.CLOSE}" if figure else paragraph[0]

    def guarded(self, clean: str) -> str:
        """Return sanitized HTML with every text safe for Anki, our tokens filled in."""
        parts: list[str] = []
        maths, depth = False, 0
        for piece in _PIECES.split(clean):
            if piece.startswith("<"):
                maths = 'class="arithmatex"' in piece or (maths and not piece.startswith("</"))
                # An address inside a blank may hold `::`, which would begin the hint.
                parts.append(ankitext.guard(piece, cloze=self.cloze, hidden=depth > 0))
                continue
            for text in _TEXT_PIECES.split(piece):
                done, depth = self.text(text, maths, depth)
                parts.append(done)
        return "".join(parts)

    def text(self, text: str, maths: bool, depth: int) -> tuple[str, int]:
        """Return one text or token, and how many blanks are open after it."""
        if match := markup.CLOZE_TOKEN.fullmatch(text):
            # In TeX a blank is one group: `[...]` on the front, x^{10} on the back.
            return ("&#123;" if maths else "") + f"{{{{c{match[1]}::", depth + 1
        if text == markup.CLOZE_CLOSE:
            return "}}" + ("&#125;" if maths else ""), depth - 1
        if text == markup.CLOZE_HINT:
            return "::", depth
        if match := markup.TOKEN.fullmatch(text):
            return self.fill(self.note.directives[int(match[1])], hidden=depth > 0), depth
        made = ankitext.maths if maths else ankitext.guard
        # `exact`: a combining character at its beginning would join the `>` before it.
        return ankitext.exact(made(text, cloze=self.cloze, hidden=depth > 0)), depth

    # --- directives -------------------------------------------------------

    def fill(self, directive: Directive, *, hidden: bool = False) -> str:
        """Return the HTML of a directive in prose."""
        if directive.name == markup.FIGURE:
            return ankitext.guard(self.figure(directive), cloze=self.cloze, hidden=hidden)
        try:
            text = self.renderer._resolver.figure(directive)
        except SnippetError as error:
            self.problems.append(error.at(directive.at))
            return ""
        return ankitext.plain(text, cloze=self.cloze, hidden=hidden)

    def figure(self, directive: Directive) -> str:
        path, _, alt = directive.argument.partition(" ")
        if not re.fullmatch(r"figures/[\w.-]+\.svg", path):
            hint = "Put an SVG into the topic's figures/ and write ![what it shows](figures/x.svg)."
            message = f"'{path}' is no figure of this topic"
            self.problems.append(Problem(directive.at, "figure", message, hint))
            return ""
        if not alt:
            hint = "Say in the brackets what it shows, for those who do not see it."
            self.problems.append(
                Problem(directive.at, "figure", "the figure has no description", hint)
            )
        svg, problems = self.renderer.figure(self.note.topic, path)
        if problems and problems[0].rule == "missing-file":
            folder = self.renderer._root / "source" / self.note.topic / "figures"
            names = [f"figures/{file.name}" for file in folder.glob("*.svg")]
            hint = did_you_mean(path, names) or f"Draw it: source/{self.note.topic}/{path}."
            problems = [Problem(directive.at, "figure", f"there is no '{path}'", hint)]
        self.problems += problems
        label = html.escape(alt)
        return f'<div class="wd-figure" role="img" aria-label="{label}">{svg}</div>'

    def fence(self, fence: Fence, proofs: bool) -> str:
        """Return a code block, its blanks in place, and what was proven of it."""
        code = self.code(fence)
        if code is None:
            return ""
        if fence.blanks and not self.cloze:
            hint = "Give the note the class .cloze, or remove the blank."
            message = "only a .cloze note hides code"
            self.problems.append(Problem(fence.blanks[0].at, "blank-place", message, hint))
            return ""
        hidden = self.hidden(code.text, fence)
        marked, legend = self.marked(code, fence, hidden)
        shown = highlight.to_html(code.text, fence.language, hidden, marked, cloze=self.cloze)
        proof = proof_line(code, self.note.language) if proofs else ""
        # A newline right after <pre> would be dropped by HTML; <code> keeps it. It scrolls by
        # itself, and tabindex lets a keyboard do that.
        block = f'<pre tabindex="0"><code>{shown}</code></pre>'
        return f'<div class="wd-code">{block}{legend}{proof}</div>'

    def marked(
        self, code: Code, fence: Fence, hidden: tuple[highlight.Hidden, ...]
    ) -> tuple[tuple[highlight.Marked, ...], str]:
        """Return the lines to leave out or to show as new, and the legend of the latter."""
        language = self.note.language
        try:
            gone = tuple(
                highlight.Marked(found, "wd-gone", phrase("hidden", language, count=found.count))
                for found in lines.hidden(code.text, fence.hides)
            )
            highlight.check_marks(hidden, gone)
        except SnippetError as error:
            self.problems.append(error.at(fence.hides[0].at))
            return (), ""
        before = self.renderer._resolver.step_before(code) if self.ladder else None
        if before is None:
            return gone, ""
        step, old = before
        new = tuple(
            highlight.Marked(found, "wd-new")
            for found in lines.changed(old, code.text)
            if not any(found.start < g.lines.end and g.lines.start < found.end for g in gone)
        )
        legend = html.escape(phrase("changed", language, step=step_label(step, language)))
        marks = sorted((*gone, *new), key=lambda mark: mark.lines.start)
        return tuple(marks), f'<div class="wd-legend">{legend}</div>' if new else ""

    def hidden(self, code: str, fence: Fence) -> tuple[highlight.Hidden, ...]:
        """Return the places of the fence's blanks, a problem for each that has none."""
        found: list[Blank] = []
        for blank in fence.blanks:
            try:
                highlight.locate(code, (*found, blank))
            except SnippetError as error:
                self.problems.append(error.at(blank.at))
            else:
                found.append(blank)
        return highlight.locate(code, found)

    def code(self, fence: Fence) -> Code | None:
        if fence.source is None:
            return Code(fence.code, "sketch" if "sketch" in fence.classes else "literal", None)
        try:
            return self.renderer._resolver.code(fence.source)
        except SnippetError as error:
            self.problems.append(error.at(fence.source.at))
            return None

    def chart(self) -> str:
        for fence in self.note.fences:
            code = self.code(fence)
            if code is None:
                return ""  # why it cannot be had was said where its directive or kernel.yml stands
            if isinstance(code.proof, Proof) and code.proof.step:
                return ladder_chart(code.proof, self.renderer._resolver, self.note.language)
        hint = "Include the code of a step: {{#include kernel.cu:anchor}}."
        problem = Problem(self.note.at, "ladder", "this .ladder note shows no step", hint)
        self.problems.append(problem)
        return ""


def _one_line(shown: str) -> str:
    """Return the words of HTML, at most 120 characters."""
    text = _words(shown)
    return text if len(text) <= 120 else text[:119] + "…"


def _words(shown: str) -> str:
    """Return the text of HTML as one line, blanks filled in."""
    before = ""
    while before != shown:
        before, shown = shown, _INNERMOST_BLANK.sub(r"\1", shown)
    pieces = [_BLOCK_TAG.sub(" ", p) if p[:1] == "<" else p for p in _PIECES.split(shown)]
    return " ".join(html.unescape("".join(p for p in pieces if p[:1] != "<")).split())
