"""One Markdown file of source/ becomes notes.

Owns: the source format (source/README.md): front matter, notes, headings, fences, where a
card turns. Must not know other files, kernels, HTML, Anki, or whether what a note names
exists: that is for lint.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from warpdeck import markup, yamlfile
from warpdeck.files import read_text
from warpdeck.model import (
    Blank,
    Directive,
    Fence,
    Hide,
    Kind,
    Location,
    Note,
    Problem,
)
from warpdeck.snippets import did_you_mean

KIND_CLASSES = {kind.value: kind for kind in Kind if kind is not Kind.QUESTION}
LEVEL_CLASSES = {"level-1": 1, "level-2": 2, "level-3": 3}
_CLASSES = (*KIND_CLASSES, *LEVEL_CLASSES, "retired", "draft")
FENCE_LANGUAGE = "wdfence"
"""The language under which a lifted fence goes through Markdown; its text is its number."""

HIDES_NOTES = frozenset({"fence", "comment", "no-id", "two-ids"})
"""Rules whose problems keep notes of the file from being seen."""

_FENCE = re.compile(
    r"^(?P<prefix>(?:[ \t>]|[-*+] +|\d+[.)] +)*)(?P<marks>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)$"
)
_HEADING = re.compile(r"^##(?!#)[ \t]*(?P<text>.*?)[ \t]*$")
_INDENTED_HEADING = re.compile(r"^ {1,3}##(?!#)[ \t]")
_COMMENT = re.compile(r"^ {0,3}<!--")
_ATTRIBUTES = re.compile(r"\{(?P<attributes>[^{}]*)\}$")
_ATTRIBUTE = re.compile(
    r'#(?P<id>\S+)|\.(?P<class>\S+)|(?P<key>[\w-]+)="(?P<value>[^"]*)"|(?P<bad>\S+)'
)
_CHARACTER_REFERENCE = re.compile(r"&#(?:[xX]0*(?P<hex>[0-9a-fA-F]{1,6})|0*(?P<dec>[0-9]{1,7}));?")
# What files.py refuses as bytes: Markdown would turn the reference into the character.
_UNSHOWABLE = frozenset({*range(32), 127, *range(0xE000, 0xE008)} - {9, 10})
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TAG = re.compile(r'[^\s"]+')
_BLANK = re.compile(r"c(?P<number>[0-9]{1,4})\s+(?:@(?P<which>[0-9]{1,6}|all)\s+)?(?P<text>.+)")
_FENCE_DIRECTIVE = re.compile(r"^\s*\{\{#([\w-]+)(?:[ \t]+(.*))?\}\}\s*$")
BLANK_DIRECTIVE, HIDE_DIRECTIVE = "blank", "hide"
_TO = " ... "
"""Stands between the first and the last line that a `hide` names."""


# --- one file ----------------------------------------------------------------


def parse_file(
    path: Path, shown: str, topic: str, language: str
) -> tuple[list[Note], list[Problem]]:
    """Parse one Markdown file; `shown` is its path for messages."""
    text, problems = read_text(path, shown)
    if problems:
        if problems[0].rule == "missing-file":
            hint = "Write the topic's notes for this language there, with the same ids."
            problems = [Problem(problems[0].at, "missing-file", "there is no such file", hint)]
        return [], problems
    return parse_text(text, shown, topic, language)


def parse_text(
    text: str, shown: str, topic: str, language: str
) -> tuple[list[Note], list[Problem]]:
    """Parse the text of one Markdown file into its notes."""
    file = _File(shown, topic, language, text.split("\n"))
    file.problems += _reserved(text, shown)
    start = _front_matter(file)
    notes = [
        note for section in _sections(file, start) if (note := _note(file, section)) is not None
    ]
    if not notes and not file.problems:
        file.problem(
            1, 1, "no-note", "this file has no note", "Begin one with `## Question {#id}`."
        )
    return notes, file.problems


@dataclass(slots=True)
class _File:
    """One file while it is being parsed."""

    path: str
    topic: str
    language: str
    lines: list[str]
    tags: tuple[tuple[str, Location], ...] = ()
    """Those of the front matter, for every note, and where they stand."""
    problems: list[Problem] = field(default_factory=list)

    def problem(self, line: int, column: int, rule: str, message: str, hint: str) -> None:
        self.problems.append(Problem(Location(self.path, line, column), rule, message, hint))


@dataclass(slots=True)
class _Section:
    """The lines of one note; line numbers are 1-based in the file."""

    line: int
    heading: str
    column: int = 1
    """Where `heading` begins."""
    body: list[str] = field(default_factory=list)
    """Fence texts replaced by their numbers; as many lines as in the file."""
    fences: list[Fence] = field(default_factory=list)


def _reserved(text: str, shown: str) -> Iterator[Problem]:
    for match in markup.RESERVED.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        at = Location(shown, line, match.start() - text.rfind("\n", 0, match.start()))
        yield Problem(
            at,
            "reserved-character",
            f"the private-use character U+{ord(match[0]):04X} is reserved for warpdeck",
            "Remove it.",
        )
    for match in _CHARACTER_REFERENCE.finditer(text):
        number = int(match["hex"], 16) if match["hex"] else int(match["dec"])
        if number in _UNSHOWABLE:
            line = text.count("\n", 0, match.start()) + 1
            at = Location(shown, line, match.start() - text.rfind("\n", 0, match.start()))
            message = f"`{match[0]}` is a character that cannot be shown on a card"
            yield Problem(at, "control-character", message, "Remove it.")


def _front_matter(file: _File) -> int:
    """Read the front matter; return the index of the first line after it."""
    if file.lines[0].rstrip() != "---":
        return 0
    end = next((n for n, ln in enumerate(file.lines[1:], 1) if ln.rstrip() == "---"), None)
    if end is None:
        hint = "Close it with a line `---`."
        file.problem(1, 1, "front-matter", "the front matter is never closed", hint)
        return 1
    text = "\n".join(file.lines[1:end])
    found, problems = yamlfile.parse(text, file.path, "frontmatter", line=2)
    file.problems += problems
    if found and found.data:
        tags = found.data.get("tags", ())
        file.tags = tuple((tag, found.at("tags", n)) for n, tag in enumerate(tags))
    return end + 1


def _sections(file: _File, start: int) -> list[_Section]:
    """Split the lines from index `start` on at `##`, lifting out fences and comments."""
    sections: list[_Section] = []
    # What stands before the first note is read like a note, so that its fences are seen.
    current = _Section(start + 1, "")
    index = start
    while index < len(file.lines):
        line = file.lines[index]
        if opening := _FENCE.match(line):
            index = _take_fence(file, current, index, opening)
        elif _COMMENT.match(line):
            index = _skip_comment(file, current, index)
        else:
            if heading := _HEADING.match(line):
                current = _Section(index + 1, heading["text"], heading.start("text") + 1)
                sections.append(current)
            else:
                if _INDENTED_HEADING.match(line):
                    hint = "Begin it at the start of the line."
                    message = "an indented `##` begins no note"
                    file.problem(index + 1, line.index("#") + 1, "indented-heading", message, hint)
                current.body.append(line)
            index += 1
    return sections


def _skip_comment(file: _File, section: _Section, index: int) -> int:
    end = next((n for n in range(index, len(file.lines)) if "-->" in file.lines[n]), None)
    if end is None:
        hint = "Close it with `-->`."
        file.problem(index + 1, 1, "comment", "this comment is never closed", hint)
        end = len(file.lines) - 1
        section.body += [""] * (end - index + 1)
        return end + 1
    # What stands after the comment on its last line is text again, in its own column.
    after = file.lines[end].index("-->") + len("-->")
    rest = file.lines[end][after:].rstrip()
    section.body += [""] * (end - index) + [markup.PAD * after + rest if rest else ""]
    return end + 1


def _take_fence(file: _File, section: _Section, index: int, opening: re.Match[str]) -> int:
    """Lift the fence that opens at `index` out of the text; return the index after it."""
    prefix = opening["prefix"]
    # A list marker opens the item once; the lines below it are indented by as much.
    inner = re.sub(r"[^ \t>]", " ", prefix)
    end = _fence_end(file.lines, index + 1, inner, opening["marks"])
    if end is None:
        column = len(opening["prefix"]) + 1
        hint = f"Close it with a line {opening['marks']} where it should end."
        file.problem(index + 1, column, "fence", "this code fence is never closed", hint)
        end = len(file.lines)
    lines = [_without_prefix(line, inner) for line in file.lines[index + 1 : end]]
    section.fences.append(_fence(file, opening["info"], lines, index + 1, len(prefix) + 1))
    number = len(section.fences) - 1
    if not any(line.strip() for line in lines):
        hint = "Put the code or a directive such as {{#include file:anchor}} into it."
        file.problem(index + 1, len(prefix) + 1, "empty-fence", "this code fence is empty", hint)
        section.body += [""] * (end - index + 1)
        return end + 1
    rest = [inner.rstrip()] * (end - index - 2)
    section.body.append(f"{prefix}{opening['marks']}{FENCE_LANGUAGE}")
    section.body += [f"{inner}{number}", *rest]
    section.body.append(f"{inner}{opening['marks']}")
    return end + 1


def _fence_end(lines: list[str], start: int, inner: str, marks: str) -> int | None:
    """Return the index of the line that closes a fence, None where it is never closed."""
    close = re.compile(rf" {{0,3}}{re.escape(marks)}{re.escape(marks[0])}*[ \t]*")
    for index in range(start, len(lines)):
        if ">" in inner and not lines[index].lstrip().startswith(">"):
            return None  # its quote ends here, and the fence with it
        if close.fullmatch(_without_prefix(lines[index], inner)):
            return index
    return None


def _without_prefix(line: str, prefix: str) -> str:
    """Drop the quote marks and indentation that the fence itself has, where the line has them."""
    for wanted in prefix:
        if wanted == ">":
            line = re.sub(r"^ {0,3}>", "", line)
        elif line[:1] == "\t":
            return line[1:]  # a tab is as wide as any indentation of a list
        elif line[:1] == " ":
            line = line[1:]
    return line


def _fence(file: _File, info: str, lines: list[str], line: int, column: int) -> Fence:
    match = re.match(r"\s*([^\s{]*)\s*(?:\{([^}]*)\})?", info)
    language, attributes = (match[1], match[2] or "") if match else ("", "")
    code: list[str] = []
    sources: list[Directive] = []
    blanks: list[Blank] = []
    hides: list[Hide] = []
    for number, text in enumerate(lines, line + 1):
        found = _FENCE_DIRECTIVE.match(text)
        if not found:
            code.append(text)
            continue
        at = Location(file.path, number, file.lines[number - 1].index("{{#") + 1)
        if found[1] == BLANK_DIRECTIVE:
            blanks += _blank(file, found[2] or "", at)
        elif found[1] == HIDE_DIRECTIVE:
            hides += _hide(file, found[2] or "", at)
        else:
            sources.append(Directive(found[1], (found[2] or "").strip(), at))
    _check_source(file, code, sources)
    return Fence(
        language=language.lower(),
        classes=tuple(name.lstrip(".") for name in attributes.split()),
        code="" if sources else "\n".join(code),
        source=sources[0] if sources else None,
        blanks=tuple(blanks),
        hides=tuple(hides),
        at=Location(file.path, line, column),
    )


def _check_source(file: _File, code: list[str], sources: list[Directive]) -> None:
    if sources and any(text.strip() for text in code):
        at = sources[0].at
        hint = "Move the text into the kernel file, or into a fence of its own."
        message = "this fence holds a directive and text"
        file.problem(at.line, at.column, "mixed-fence", message, hint)
    for extra in sources[1:]:
        hint = "Give each a fence of its own."
        message = "this fence has a second directive"
        file.problem(extra.at.line, extra.at.column, "mixed-fence", message, hint)


def _blank(file: _File, argument: str, at: Location) -> list[Blank]:
    match = _BLANK.fullmatch(argument)
    if not match or not 1 <= int(match["number"]) <= 499 or match["which"] == "0":
        hint = "Write {{#blank c1 exact text}}, or {{#blank c1 @2 exact text}}."
        message = f"`{argument}` names no blank"
        file.problem(at.line, at.column, "blank-syntax", message, hint)
        return []
    which = match["which"]
    occurrence = None if which is None else 0 if which == "all" else int(which)
    return [Blank(int(match["number"]), occurrence, match["text"].strip(), at)]


def _hide(file: _File, argument: str, at: Location) -> list[Hide]:
    first, _, last = argument.partition(_TO)
    if not first.strip() or (_TO in argument and not last.strip()):
        hint = (
            "Write {{#hide text of a line}}, or {{#hide text of the first ... text of the last}}."
        )
        file.problem(at.line, at.column, "hide-syntax", f"`{argument}` names no lines", hint)
        return []
    return [Hide(first.strip(), last.strip() or first.strip(), at)]


# --- one note ----------------------------------------------------------------


@dataclass(slots=True)
class _Attributes:
    """What `{…}` at the end of a heading says."""

    ids: list[str] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    tags: list[tuple[str, Location]] = field(default_factory=list)
    retired: bool = False
    draft: bool = False


def _note(file: _File, section: _Section) -> Note | None:
    match = _ATTRIBUTES.search(section.heading)
    heading = section.heading[: match.start()].rstrip() if match else section.heading
    column = section.column + (match.start("attributes") if match else len(section.heading))
    attributes = _attributes(file, section.line, column, match["attributes"] if match else "")
    if len(attributes.ids) != 1:
        if not attributes.ids:
            hint = "Add one that is never to change at its end: {#topic-what-it-asks}."
            file.problem(section.line, 1, "no-id", "this note has no id", hint)
        return None
    marks, tags = markup.Marks(), (*file.tags, *attributes.tags)
    front, back, divided, back_line = _divide(file, section)
    # Filled up on the left, so that its columns are those of the file.
    placed = markup.PAD * (section.column - 1) + heading
    heading_marked = markup.mark(placed, file.path, section.line, marks)
    note = Note(
        id=attributes.ids[0],
        topic=file.topic,
        language=file.language,
        kind=attributes.kinds[0] if attributes.kinds else Kind.QUESTION,
        level=attributes.levels[0] if attributes.levels else 0,
        heading=heading_marked,
        front=markup.mark(front, file.path, section.line + 1, marks),
        back=markup.mark(back, file.path, back_line, marks),
        divided=divided,
        fences=tuple(section.fences),
        directives=tuple(marks.directives),
        citations=tuple(marks.citations),
        ordinals=tuple(sorted(marks.ordinals | _blank_ordinals(section.fences))),
        tags=tuple(tag for tag, _ in tags),
        retired=attributes.retired,
        at=Location(file.path, section.line, 1),
        front_line=section.line + 1,
        back_line=back_line,
        tag_places=tuple(place for _, place in tags),
        draft=attributes.draft,
    )
    file.problems += marks.problems
    return note


def _blank_ordinals(fences: list[Fence]) -> set[int]:
    return {blank.ordinal for fence in fences for blank in fence.blanks}


def _divide(file: _File, section: _Section) -> tuple[str, str, bool, int]:
    """Return front, back, whether there is a `---`, and the line at which back begins."""
    dividers = []
    for index, line in enumerate(section.body):
        if line.rstrip() != "---":
            continue
        if index and section.body[index - 1].strip():
            hint = "Put an empty line above it: without one, Markdown takes it for a heading."
            file.problem(
                section.line + 1 + index, 1, "divider", "`---` follows a line of text", hint
            )
        dividers.append(index)
    if not dividers:
        return "", "\n".join(section.body), False, section.line + 1
    for extra in dividers[1:]:
        hint = "A card turns once: keep one `---`; for a rule write `***`."
        file.problem(section.line + 1 + extra, 1, "divider", "this note has a second `---`", hint)
    first = dividers[0]
    front, back = section.body[:first], section.body[first + 1 :]
    return "\n".join(front), "\n".join(back), True, section.line + first + 2


def _attributes(file: _File, line: int, column: int, text: str) -> _Attributes:
    found = _Attributes()
    for match in _ATTRIBUTE.finditer(text):
        where = (line, column + match.start())
        if match["id"]:
            _add_id(file, where, match["id"], found)
        elif match["class"]:
            _add_class(file, where, match["class"], found)
        elif match["key"] == "tags":
            begin = column + match.start("value")
            found.tags += [
                (tag[0], Location(file.path, line, begin + tag.start()))
                for tag in _TAG.finditer(match["value"])
            ]
        else:
            name = match["key"] or match["bad"]
            hint = did_you_mean(name, ["tags", *_CLASSES]) or (
                'Known: #id, a kind such as .code, .level-1, .retired, .draft, tags="…".'
            )
            file.problem(*where, "attribute", f"unknown attribute '{name}'", hint)
    return found


def _add_id(file: _File, where: tuple[int, int], name: str, found: _Attributes) -> None:
    if not _ID.fullmatch(name):
        hint = "Use lower-case letters, digits and single `-` between them."
        file.problem(*where, "bad-id", f"'{name}' is no id", hint)
    if found.ids:
        file.problem(*where, "two-ids", f"a second id, '{name}'", "Keep one.")
    found.ids.append(name)


def _add_class(file: _File, where: tuple[int, int], name: str, found: _Attributes) -> None:
    if name == "retired":
        found.retired = True
    elif name == "draft":
        found.draft = True
    elif name in KIND_CLASSES:
        if found.kinds:
            file.problem(*where, "two-kinds", f"a second kind, '.{name}'", "A note has one kind.")
        found.kinds.append(KIND_CLASSES[name])
    elif name in LEVEL_CLASSES:
        if found.levels:
            file.problem(*where, "two-levels", f"a second level, '.{name}'", "Keep one.")
        found.levels.append(LEVEL_CLASSES[name])
    else:
        hint = did_you_mean(name, _CLASSES) or f"Known: {', '.join('.' + c for c in _CLASSES)}."
        file.problem(*where, "unknown-class", f"unknown class '.{name}'", hint)
