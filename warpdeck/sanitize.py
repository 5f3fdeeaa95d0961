"""Which HTML a card may hold, and what of the author's text would not survive.

Owns: the allow-list, and finding what would vanish from a card or stand on it as bare
Markdown. Must not know notes, note types, Anki or kernels.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import nh3

from warpdeck import markup
from warpdeck.model import Location, Problem

_TAGS = set(
    "p br hr strong b em i u s del ins mark sub sup small kbd code pre ul ol li dl dt dd "
    "blockquote table thead tbody tfoot tr th td caption span div a h3 h4 h5 h6 abbr".split()
)
_VOID = ("br", "hr")
_ATTRIBUTES = {
    "a": {"href"},
    "td": {"style", "colspan", "rowspan"},
    "th": {"style", "colspan", "rowspan"},
    "ol": {"start"},
    "abbr": {"title"},
}
_CLASSES = {
    "span": {"arithmatex"},
    "div": {"arithmatex", "admonition"},
    "p": {"admonition-title"},
}
_SCHEMES = {"https", "http", "mailto"}
# What Markdown itself writes and the sanitizer drops without loss.
_SILENT_ATTRIBUTES = {"class", "title"}

_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]*)((?:\"[^\"]*\"|'[^']*'|[^\"'>])*)>")
_ATTRIBUTE = re.compile(r"([\w:@.-]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEADING = re.compile(r"^ {0,3}##? |^(?=[^\n]+\n(?:=+|-+) *$)|<h[12]", re.MULTILINE)
_AS_IT_IS = re.compile(r"<code>.*?</code>|<(span|div) class=\"arithmatex\">.*?</\1>", re.DOTALL)
_LEFT = (
    (
        re.compile(r"\*\*|~~"),
        "`{0}` would stand on the card as it is",
        "Bold ends with a letter, its full stop outside; write <del>…</del> for struck out; "
        "code goes into backticks.",
    ),
    (
        re.compile(r"(?<=\n)[ \t]*(?:[-*+]|1[.)])[ \t]+(?=\S)|(?:^|(?<=\n))[ \t]*\d+\)[ \t]"),
        "`{0}` begins no list here and would stand on the card as it is",
        "Put an empty line above the list, write `1.`, indent by as much as the marker is wide.",
    ),
    (
        re.compile(r"\|[ \t]*:?-{3,}"),
        "this table would stand on the card as it is",
        "Put an empty line above it.",
    ),
    (
        re.compile(r"(?:^|(?<=\n))[ \t]*#{1,6}[ \t](?=\S)"),
        "`{0}` begins no heading here and would stand on the card as it is",
        "Begin it at the start of the line.",
    ),
)


@dataclass(frozen=True, slots=True)
class Written:
    """Marked Markdown as it stands in a file, for the places of problems."""

    text: str
    path: str
    line: int
    """Of the first line of `text`."""

    def problem(self, index: int, rule: str, message: str, hint: str) -> Problem:
        """Return a problem at `index` of the text."""
        newline = self.text.rfind("\n", 0, index)
        line = self.line + self.text.count("\n", 0, index)
        return Problem(Location(self.path, line, index - newline), rule, message, hint)

    def places(self, pattern: re.Pattern[str]) -> list[int]:
        """Return where `pattern` matches outside backticks, the start of the text if nowhere."""
        spans = markup.code_spans(self.text)
        found = [match.start() for match in pattern.finditer(self.text)]
        outside = [n for n in found if not any(start <= n < end for start, end in spans)]
        return outside or [self.start()]

    def start(self) -> int:
        """Return where the first character stands that is no space."""
        match = re.search(rf"[^\s{markup.PAD}]", self.text)
        return match.start() if match else 0


def clean(raw: str, callouts: Iterable[str]) -> str:
    """Return what of `raw` may stand on a card; `callouts` are classes of a <div>, too."""
    return nh3.clean(
        raw,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes={**_CLASSES, "div": {*_CLASSES["div"], *callouts}},
        filter_style_properties={"text-align"},
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel=None,
    )


def losses(raw: str, cleaned: str, source: Written) -> list[Problem]:
    """Return a problem for each piece of `source` that would not reach the card.

    `raw` is the HTML of the whole source, `cleaned` what `clean` made of it.
    """
    problems = [*_tags(raw, source), *_unclosed(raw, source), *_links(raw, source)]
    if not problems and _letters(raw) != _letters(cleaned):
        hint = "Put code into backticks: to Markdown, `<` begins HTML."
        message = "part of this text would vanish from the card"
        problems.append(source.problem(source.start(), "raw-html", message, hint))
    return list(dict.fromkeys([*problems, *_left(cleaned, source)]))


def crossing(cleaned: str, source: Written) -> Iterator[Problem]:
    """Yield a problem for each blank that begins in one paragraph or mark and ends in another."""
    opened: list[str] = []
    crossed: set[str] = set()
    count = 0
    for piece in re.findall(rf"</?\w+|[{markup.CLOZE_OPEN}{markup.CLOZE_CLOSE}]", cleaned):
        if piece == markup.CLOZE_OPEN:
            opened.append(f"{piece}{count}")
            count += 1
        elif piece == markup.CLOZE_CLOSE:
            blank = next((n for n in reversed(opened) if n[0] == markup.CLOZE_OPEN), None)
            if blank and blank != opened[-1]:
                crossed.add(blank)
            if blank:
                opened.remove(blank)
        elif piece[1] != "/":
            opened += [piece] if piece[1:] not in _VOID else []
        else:
            while opened and opened[-1][0] == markup.CLOZE_OPEN:
                crossed.add(opened.pop())
            opened = opened[:-1]
    places = source.places(markup.CLOZE_TOKEN)
    starts = [match.start() for match in markup.CLOZE_TOKEN.finditer(source.text)]
    for blank in sorted(crossed):
        number = int(blank[1:])
        index = starts[number] if number < len(starts) else places[0]
        message = "this blank begins and ends in different paragraphs or marks"
        hint = "Keep it inside one; two blanks may share a number."
        yield source.problem(index, "cloze-across", message, hint)


def _tags(raw: str, source: Written) -> Iterator[Problem]:
    seen: Counter[str] = Counter()
    for match in _TAG.finditer(raw):
        slash, tag, rest = match.groups()
        if tag.lower() not in _TAGS:
            nth = seen[f"{slash}{tag}"]
            seen[f"{slash}{tag}"] += 1
            if problem := _vanishing(slash, tag, nth, source):
                yield problem
            continue
        for name, *_ in _ATTRIBUTE.findall(rest):
            if name.lower() not in _ATTRIBUTES.get(tag.lower(), set()) | _SILENT_ATTRIBUTES:
                index = source.places(re.compile(rf"\b{re.escape(name)}\b"))[0]
                message = f"{name} in <{tag}> would vanish from the card"
                yield source.problem(index, "raw-html", message, "Remove it.")
    if found := re.search(r"<[?!](?!--)", _COMMENT.sub("", raw)):
        index = source.places(re.compile(re.escape(found[0])))[0]
        message = f"`{found[0]}` and what follows would vanish from the card"
        yield source.problem(index, "raw-html", message, "In code, put it in backticks.")


def _vanishing(slash: str, tag: str, nth: int, source: Written) -> Problem | None:
    shown = f"<{slash}{tag}>"
    message = f"{shown} would vanish from the card"
    hint = f"In code, put it in backticks: `{shown}`; other raw HTML is not allowed."
    pattern = re.compile(rf"<{slash}{re.escape(tag)}(?![\w-])")
    if tag in ("h1", "h2"):
        if slash:
            return None
        pattern = _HEADING
        message = "a note holds no heading of the first or second level"
        hint = "Begin it with ###; a line of `=` or `-` below a text makes a heading too."
    elif tag == "img":
        pattern = re.compile(r"!\[|<img")
        hint = "A figure is an SVG: ![what it shows](figures/x.svg)."
    places = source.places(pattern)
    return source.problem(places[min(nth, len(places) - 1)], "raw-html", message, hint)


def _unclosed(raw: str, source: Written) -> Iterator[Problem]:
    counts = Counter((m[2].lower(), bool(m[1])) for m in _TAG.finditer(raw))
    for tag in sorted({tag for tag, _ in counts} & _TAGS):
        if tag not in _VOID and counts[tag, False] != counts[tag, True]:
            index = source.places(re.compile(rf"</?{tag}\b", re.IGNORECASE))[0]
            hint = f"In code, put it in backticks: `<{tag}>`; else write both."
            message = f"<{tag}> and </{tag}> do not pair"
            yield source.problem(index, "raw-html", message, hint)


def _links(raw: str, source: Written) -> Iterator[Problem]:
    for tag in _TAG.finditer(raw):
        for name, *values in _ATTRIBUTE.findall(tag[3]):
            address = html.unescape("".join(values))
            scheme = address.partition(":")[0].lower()
            if name.lower() != "href" or (":" in address and scheme in _SCHEMES):
                continue
            index = source.places(re.compile(re.escape(address)))[0]
            message = f"the link to '{address}' leads nowhere on a card"
            yield source.problem(index, "link", message, "Write an address with https://.")


def _left(cleaned: str, source: Written) -> Iterator[Problem]:
    """Yield a problem for each mark that GitHub reads and our Markdown did not."""
    prose = _AS_IT_IS.sub("", cleaned)
    for text in re.split(r"<[^>]*>", prose):
        for pattern, message, hint in _LEFT:
            for match in pattern.finditer(text):
                written = html.unescape(match[0]).strip()
                after = html.unescape(text[match.end() : match.end() + 8]).split("\n")[0]
                index = _nearest(written, after, source)
                yield source.problem(index, "markdown", message.format(written), hint)
    if re.search(r"\$<span class=\"arithmatex\">", cleaned):
        index = source.places(re.compile(r"\$\$"))[0]
        hint = "Give it a paragraph of its own, or write $…$."
        yield source.problem(index, "markdown", "`$$` stands inside a paragraph", hint)


def _nearest(written: str, after: str, source: Written) -> int:
    whole = re.compile(re.escape(written) + r"\s*" + re.escape(after.strip()))
    if whole.search(source.text):
        return source.places(whole)[0]
    return source.places(re.compile(re.escape(written)))[0]


def _letters(markup_text: str) -> str:
    text = re.sub(r"<(?:\"[^\"]*\"|'[^']*'|[^\"'>])*>", "", _COMMENT.sub("", markup_text))
    return "".join(html.unescape(text).split())
