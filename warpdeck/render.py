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

import nh3
from markdown import Markdown

from warpdeck import ankitext, figures, highlight, markup, note_types
from warpdeck.ledger import guid
from warpdeck.model import (
    Directive,
    Fence,
    Kind,
    Location,
    Note,
    Problem,
    Reference,
    RenderedNote,
)
from warpdeck.parse import FENCE_LANGUAGE, Source
from warpdeck.phrases import phrase
from warpdeck.proof import ladder_chart, proof_line
from warpdeck.resolve import Code, Resolver
from warpdeck.snippets import SnippetError, did_you_mean

RETIRED_TAG = "retired"

_TAGS = set(
    "p br hr strong b em i u s del ins mark sub sup small kbd code pre ul ol li dl dt dd "
    "blockquote table thead tbody tfoot tr th td caption span div a h3 h4 h5 h6 abbr".split()
)
_ATTRIBUTES = {
    "a": {"href"},
    "td": {"style", "colspan", "rowspan"},
    "th": {"style", "colspan", "rowspan"},
    "ol": {"start"},
    "abbr": {"title"},
}
_CALLOUTS = ("note", "tip", "important", "warning", "caution", "question")
_CLASSES = {
    "span": {"arithmatex"},
    "div": {"arithmatex", "admonition", *_CALLOUTS},
    "p": {"admonition-title"},
}
# What Markdown itself writes and the sanitizer drops without loss.
_SILENT_ATTRIBUTES = {"class", "title"}
_RAW_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]*)((?:\"[^\"]*\"|'[^']*'|[^\"'>])*)>")
_RAW_ATTRIBUTE = re.compile(r"([\w:@.-]+)(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?")
_PIECES = re.compile(r"(<(?:\"[^\"]*\"|[^\">])*>)")
_TEXT_PIECES = re.compile(
    f"({markup.CLOZE_TOKEN.pattern.replace('(', '(?:')}|{markup.CLOZE_CLOSE}|{markup.CLOZE_HINT}"
    f"|{markup.TOKEN.pattern.replace('(', '(?:')})"
)
_BLOCK_TOKEN = re.compile(f"<p>\\s*({markup.OPEN}\\d+{markup.CLOSE})\\s*</p>")
_FENCE_DIV = re.compile(f"<div>{markup.OPEN}f(\\d+){markup.CLOSE}</div>")
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
        reverse = asked if note_types.REVERSE_CARD in ordinals else ""
        fields = {
            "Question": asked,
            "Text": f"<p>{asked}</p><p>{blanks}</p>",
            "Expected": "–",
            "Answer": line,
            "Extra": line,
            "Reverse": reverse if name == note_types.BASIC else "",
            "Kind": phrase(kind, language),
            "Note ID": note_id,
            "Language": _HTML_LANGUAGES.get(language, language),
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


class _Page:
    """One note while it is being rendered."""

    def __init__(self, note: Note, renderer: Renderer) -> None:
        self.note, self.renderer = note, renderer
        self.cloze = note.kind is Kind.CLOZE
        self.problems: list[Problem] = []
        self.asks = note.kind in (Kind.BUG, Kind.OUTPUT)

    def rendered(self) -> RenderedNote:
        note = self.note
        name = note_types.name_for(note.kind)
        heading = self.inline(note.heading)
        fields = {
            **self.body(heading),
            "Kind": phrase(note.kind.value, note.language),
            "Level": str(note.level or ""),
            "Sources": self.sources(),
            "Note ID": note.id,
            "Language": _HTML_LANGUAGES.get(note.language, note.language),
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
            answer = line + front + back
            return {"Question": heading, "Answer": answer, "Reverse": front}
        if note.kind is Kind.TYPE:
            expected = ankitext.plain(_one_line(front))
            return {"Question": heading, "Expected": expected, "Answer": line + back}
        chart = self.chart() if note.kind is Kind.LADDER else ""
        return {"Question": heading, "Context": front, "Answer": line + back + chart}

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
        done = self.convert(f"{markup.INLINE}{text}", self.note.at.line)
        return done.replace(markup.INLINE, "").removeprefix("<p>").removesuffix("</p>")

    def block(self, text: str, line: int, *, proofs: bool) -> str:
        """Return Markdown as HTML, code and figures in place."""
        if not text.strip():
            return ""
        done = self.convert(text, line)
        done = _BLOCK_TOKEN.sub(r"\1", done)
        done = _FENCE_DIV.sub(lambda m: self.fence(self.note.fences[int(m[1])], proofs), done)
        self.check_balance(done)
        return done

    def convert(self, text: str, line: int) -> str:
        """Return Markdown as safe HTML; directives are filled in, fences not yet."""
        markdown = self.renderer._markdown
        markdown.reset()
        raw = markdown.convert(unicodedata.normalize("NFC", text))
        self.problems += self.vanishing(raw, text, line)
        clean = nh3.clean(
            raw,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            allowed_classes=_CLASSES,
            filter_style_properties={"text-align"},
            url_schemes={"https", "http", "mailto"},
            link_rel=None,
        )
        return self.guarded(clean)

    def vanishing(self, raw: str, text: str, line: int) -> list[Problem]:
        """Return a problem for each piece of raw HTML that the sanitizer would drop."""
        problems = []
        for match in _RAW_TAG.finditer(raw):
            tag, rest = match[2], match[3]
            if tag.lower() not in _TAGS:
                shown = f"<{match[1]}{tag}>"
                hint = f"In code, put it in backticks: `{shown}`; other raw HTML is not allowed."
                problems.append(self.raw_problem(shown, f"<{match[1]}{tag}", text, line, hint))
                continue
            for name in _RAW_ATTRIBUTE.findall(rest):
                allowed = _ATTRIBUTES.get(tag.lower(), set()) | _SILENT_ATTRIBUTES
                if name.lower() not in allowed and name != "/":
                    shown = f"{name} in <{tag}>"
                    problems.append(self.raw_problem(shown, name, text, line, "Remove it."))
        return problems

    def raw_problem(self, shown: str, find: str, text: str, line: int, hint: str) -> Problem:
        index = max(text.find(find), 0)
        column = index - text.rfind("\n", 0, index)
        at = Location(self.note.at.path, line + text.count("\n", 0, index), column)
        return Problem(at, "raw-html", f"{shown} would vanish from the card", hint)

    def guarded(self, clean: str) -> str:
        """Return sanitized HTML with every text safe for Anki, our tokens filled in."""
        parts: list[str] = []
        maths, depth = False, 0
        for piece in _PIECES.split(clean):
            if piece.startswith("<"):
                maths = 'class="arithmatex"' in piece or (maths and not piece.startswith("</"))
                parts.append(piece)
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
        if maths:
            return ankitext.maths(text, cloze=self.cloze), depth
        return ankitext.guard(text, cloze=self.cloze, hidden=depth > 0), depth

    def check_balance(self, done: str) -> None:
        """Report a blank that begins in one paragraph or list item and ends in another."""
        if not self.cloze:
            return
        for match in re.finditer(r"\{\{c(\d+)::(.*?)\}\}", done, re.DOTALL):
            inside = _RAW_TAG.findall(match[2])
            opened = [name for slash, name, _ in inside if not slash and name not in ("br", "hr")]
            closed = [name for slash, name, _ in inside if slash]
            if sorted(opened) != sorted(closed):
                self.problems.append(
                    Problem(
                        self.note.at,
                        "cloze-across",
                        f"blank c{match[1]} begins and ends in different paragraphs or marks",
                        "Keep it inside one; two blanks may share a number.",
                    )
                )

    # --- directives -------------------------------------------------------

    def fill(self, directive: Directive, *, hidden: bool = False) -> str:
        """Return the HTML of a directive in prose."""
        if directive.name == markup.FIGURE:
            return self.figure(directive)
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
        svg = svg.translate({ord("{"): "&#123;", ord("}"): "&#125;"}) if self.cloze else svg
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
        try:
            hidden = highlight.locate(code.text, fence.blanks)
        except SnippetError as error:
            self.problems.append(error.at(fence.blanks[0].at))
            return ""
        shown = highlight.to_html(code.text, fence.language, hidden, cloze=self.cloze)
        proof = proof_line(code, self.note.language) if proofs and code.proof else ""
        # A newline right after <pre> would be dropped by HTML; <code> keeps it.
        return f'<div class="wd-code"><pre><code>{shown}</code></pre>{proof}</div>'

    def code(self, fence: Fence) -> Code | None:
        if fence.source is None:
            return Code(fence.code, "literal", None)
        try:
            return self.renderer._resolver.code(fence.source)
        except SnippetError as error:
            self.problems.append(error.at(fence.source.at))
            return None

    def chart(self) -> str:
        for fence in self.note.fences:
            code = self.code(fence)
            if code and code.proof and code.proof.step:
                return ladder_chart(code.proof, self.renderer._resolver, self.note.language)
        hint = "Include the code of a step: {{#include kernel.cu:anchor}}."
        problem = Problem(self.note.at, "ladder", "this .ladder note shows no step", hint)
        self.problems.append(problem)
        return ""


def _one_line(shown: str) -> str:
    """Return the text of HTML as one line, blanks filled in, at most 120 characters."""
    text = re.sub(r"\{\{c\d+::(.*?)(?:::[^{}]*?)?\}\}", r"\1", shown, flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    text = " ".join(text.split())
    return text if len(text) <= 120 else text[:119] + "…"
