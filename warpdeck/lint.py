"""What must hold over all of source/ and kernels/, besides each file's own syntax.

Owns: the rules, one small function each, all returning Problems. Must not know printing,
exit codes, HTML or genanki.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import groupby

from warpdeck import glossary, highlight, markup
from warpdeck.model import QUESTION_TAG, Fence, Kind, Location, Note, Problem
from warpdeck.parse import FENCE_LANGUAGE
from warpdeck.snippets import did_you_mean
from warpdeck.source import Source

WORKING_CODE = ("c", "cpp", "c++", "cuda", "cu", "ptx", "python", "py")
"""Languages of code that a reader would try: it is included from kernels/ or a sketch."""

_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[A-Za-z0-9][\w.'’/-]*")
# A fence as parse.py leaves it behind: its number on the line after the marks.
_LIFTED = re.compile(rf"(?:`{{3,}}|~{{3,}}){FENCE_LANGUAGE}\n[^\n]*")
_CALLOUT = re.compile(r"^[ \t>]*> ?\[!([^\]\n]*)\]", re.MULTILINE)
_QUOTE = re.compile(r"(?: {0,3}> ?)+")
_LIST_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_INDENTED = re.compile(r"(?: {4}| {0,3}\t)")
# 200 Chinese characters say about what 120 English words say.
_WORDS_PER_CJK = 0.6


def lint(source: Source, reserved_names: Iterable[str] = ()) -> list[Problem]:
    """Return every problem of `source`; `reserved_names` are words that no topic may be named."""
    source = replace(source, notes=(*source.notes, *source.drafts), drafts=())
    judge = _judge(replace(source, notes=(), incomplete=frozenset()))
    problems = [problem for note in source.notes for problem in judge(note)]
    problems += _duplicate_ids(source)
    problems += _duplicate_questions(source)
    problems += _translations(source)
    problems += _deck_names(source)
    problems += _topic_names(source, tuple(reserved_names))
    return problems


@lru_cache(maxsize=1)
def _judge(around: Source) -> Callable[[Note], tuple[Problem, ...]]:
    """Return what finds the problems of one note; `around` is all but the notes.

    It remembers: while `preview --serve` runs, nearly every note is as it was.
    """

    @lru_cache(maxsize=50_000)
    def judge(note: Note) -> tuple[Problem, ...]:
        return tuple(problem for rule in _NOTE_RULES for problem in rule(note, around))

    return judge


# --- one note ----------------------------------------------------------------


def _question(note: Note, source: Source) -> Iterator[Problem]:
    if not _written(note.heading) and note.kind is not Kind.CLOZE:
        yield Problem(
            note.at, "no-question", "this note has no question", "Write it after the `##`."
        )
    if note.kind is Kind.CLOZE and markup.CLOZE_TOKEN.search(note.heading):
        yield Problem(
            note.at, "cloze-heading", "a blank stands in the heading", "Move it into the body."
        )


def _answer(note: Note, source: Source) -> Iterator[Problem]:
    if not _written(note.back):
        yield Problem(
            note.at, "no-answer", f"note '{note.id}' has no answer", "Write it below the heading."
        )
    elif note.divided and not _written(note.front):
        yield Problem(
            note.at, "empty-front", "nothing stands before the `---`", "Write it, or remove `---`."
        )


def _needs_front_code(note: Note, source: Source) -> Iterator[Problem]:
    if note.kind not in (Kind.BUG, Kind.OUTPUT):
        return
    if not note.divided or FENCE_LANGUAGE not in note.front:
        yield Problem(
            note.at,
            "no-code",
            f"a .{note.kind.value} note shows code before its answer",
            "Put the code fence first, then a line `---`, then the answer.",
        )


def _blanks(note: Note, source: Source) -> Iterator[Problem]:
    if note.kind is Kind.CLOZE and not note.ordinals:
        yield Problem(
            note.at,
            "no-cloze",
            "a .cloze note hides nothing",
            "Write {{c1::text}}, or {{#blank c1 text}} in a code fence.",
        )
    written = note.heading + note.front + note.back
    if note.kind is not Kind.CLOZE and markup.CLOZE_TOKEN.search(written):
        yield Problem(
            note.at,
            "cloze-place",
            f"note '{note.id}' hides text but is not a .cloze note",
            "Add the class .cloze to its heading.",
        )


def _expected(note: Note, source: Source) -> Iterator[Problem]:
    if note.kind is not Kind.TYPE:
        return
    typed = note.front if note.divided else note.back
    lines = _written(typed).split("\n")
    if len(lines) > 1 or FENCE_LANGUAGE in typed:
        above = len(typed) - len(typed.lstrip())
        yield Problem(
            Location(note.at.path, note.front_line + typed.count("\n", 0, above)),
            "type-lines",
            "the text to type is more than one line",
            "Keep one line before the `---`, the rest after it.",
        )


def _citations(note: Note, source: Source) -> Iterator[Problem]:
    known = [reference.key for reference in source.references]
    for citation in note.citations:
        if citation.key not in known:
            hint = did_you_mean(citation.key, known) or "Describe it in source/references.yml."
            message = f"unknown reference '{citation.key}'"
            yield Problem(citation.at, "unknown-reference", message, hint)
    if not note.citations:
        yield Problem(
            note.at,
            "no-citation",
            f"note '{note.id}' cites nothing",
            "Add [@key#section] of a primary source from source/references.yml.",
        )


def _callouts(note: Note, source: Source) -> Iterator[Problem]:
    for text, first in ((note.front, note.front_line), (note.back, note.back_line)):
        for match in _CALLOUT.finditer(text):
            if match[1].lower() not in markup.CALLOUTS:
                line = first + text.count("\n", 0, match.start(1))
                column = match.start(1) - text.rfind("\n", 0, match.start(1)) - 2
                known = f"Known: {', '.join(name.upper() for name in markup.CALLOUTS)}."
                hint = (
                    did_you_mean(match[1].upper(), [name.upper() for name in markup.CALLOUTS])
                    or known
                )
                at = Location(note.at.path, line, column)
                yield Problem(at, "callout", f"unknown callout '[!{match[1]}]'", hint)


def _written(text: str) -> str:
    return markup.unpadded(text).strip()


def _fences(note: Note, source: Source) -> Iterator[Problem]:
    for fence in note.fences:
        yield from _fence_language(fence)
        yield from _fence_width(fence, source.project.code_columns)


def _fence_language(fence: Fence) -> Iterator[Problem]:
    unknown = [name for name in fence.classes if name != "sketch"]
    for name in unknown:
        hint = did_you_mean(name, ["sketch"]) or "Known: .sketch."
        yield Problem(fence.at, "fence-class", f"unknown class '.{name}' on a fence", hint)
    if not highlight.knows(fence.language):
        yield Problem(
            fence.at,
            "fence-language",
            f"unknown language '{fence.language}'",
            did_you_mean(fence.language, (*WORKING_CODE, "text", "bash"))
            or "Write one that Pygments knows, or `text`.",
        )
    bare = fence.source is None and "sketch" not in fence.classes
    if bare and not unknown and fence.language in WORKING_CODE:
        yield Problem(
            fence.at,
            "unverified-code",
            "this code could be taken for working code, and nothing has run it",
            f"Move it into kernels/ and include it, or mark it: ```{fence.language} {{.sketch}}.",
        )


def _fence_width(fence: Fence, most: int) -> Iterator[Problem]:
    for number, line in enumerate(fence.code.split("\n"), 1):
        if most and len(line) > most:
            yield Problem(
                Location(fence.at.path, fence.at.line + number, most + 1),
                "code-width",
                f"this line of code has {len(line)} columns, more than {most}",
                "Break it: a phone would scroll.",
            )


def _questions(note: Note, source: Source) -> Iterator[Problem]:
    known = [question.id for question in source.questions]
    for tag, at in zip(note.tags, note.tag_places, strict=True):
        if not known or not tag.startswith(QUESTION_TAG):
            continue
        named = tag.removeprefix(QUESTION_TAG)
        if named not in known:
            near = did_you_mean(named, known)
            hint = near or "Write one of source/questions.yml, or add it there."
            yield Problem(at, "unknown-question", f"there is no question '{named}'", hint)


def _wrong_words(note: Note, source: Source) -> Iterator[Problem]:
    return glossary.problems(note, source.glossary)


def _indented_code(note: Note, source: Source) -> Iterator[Problem]:
    for text, first in ((note.front, note.front_line), (note.back, note.back_line)):
        for number, column in _indented_blocks(text):
            yield Problem(
                Location(note.at.path, first + number, column),
                "indented-code",
                "indented by four spaces, which is no code block here",
                "Use a fence.",
            )


def _indented_blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield line (from 0) and column of each block that Markdown elsewhere takes for code.

    Such a block stands after an empty line, outside lists: in one, the indentation is its own.
    """
    in_list, in_block, around = False, False, 0
    for (quotes, empty), group in groupby(_unquoted(text), key=lambda line: line[:2]):
        if quotes != around:
            in_list, in_block, around = False, False, quotes
        if empty:
            continue
        paragraph = [line[2:] for line in group]
        number, column, first = paragraph[0]
        indented = _INDENTED.match(first) and not first.lstrip().startswith(("```", "~~~"))
        if not indented:
            in_list = in_list and first[0].isspace()
        elif not in_list and not in_block:
            yield number, column
        in_block = bool(indented) and not in_list
        in_list = in_list or any(_LIST_ITEM.match(line) for _, _, line in paragraph)


def _unquoted(text: str) -> Iterator[tuple[int, bool, int, int, str]]:
    """Yield for each line: depth of quotes, whether it is empty, line, column, text in them."""
    for number, line in enumerate(text.split("\n")):
        quote = _QUOTE.match(line)
        prefix = quote[0] if quote else ""
        rest = markup.unpadded(line[len(prefix) :]).rstrip()
        column = len(line) - len(line[len(prefix) :].lstrip()) + 1
        yield prefix.count(">"), not rest, number, column, rest


def _length(note: Note, source: Source) -> Iterator[Problem]:
    most = source.project.answer_words
    words = count_words(note.back)
    if most and words > most:
        yield Problem(
            Location(note.at.path, note.back_line),
            "long-answer",
            f"the answer of '{note.id}' has {words} words, more than {most}",
            "Split it into two notes, or cut it.",
        )


def count_words(text: str) -> int:
    """Return the words of prose in Markdown; a Chinese character counts 0.6 of one."""
    prose = markup.TOKEN.sub(" ", markup.CLOZE_TOKEN.sub("", markup.unpadded(text)))
    prose = _LIFTED.sub(" ", prose)
    prose = re.sub(r"\]\([^)]*\)|\[!\w+\]", " ", prose)
    return round(len(_WORD.findall(prose)) + _WORDS_PER_CJK * len(_CJK.findall(prose)))


_NOTE_RULES: tuple[Callable[[Note, Source], Iterator[Problem]], ...] = (
    _question,
    _answer,
    _needs_front_code,
    _blanks,
    _expected,
    _citations,
    _callouts,
    _fences,
    _indented_code,
    _length,
    _questions,
    _wrong_words,
)


# --- all notes -----------------------------------------------------------------


def _duplicate_ids(source: Source) -> Iterator[Problem]:
    first: dict[tuple[str, str], Note] = {}
    for note in source.notes:
        other = first.setdefault((note.language, note.id), note)
        if other is not note:
            yield Problem(
                note.at,
                "duplicate-id",
                f"id '{note.id}' is taken (first at {other.at.path}:{other.at.line})",
                "Give one of the two another id; keep the one that was published.",
            )


def _duplicate_questions(source: Source) -> Iterator[Problem]:
    first: dict[tuple[str, str], Note] = {}
    for note in source.notes:
        asked = unicodedata.normalize("NFC", markup.unpadded(note.heading)).casefold()
        asked = " ".join(asked.split())
        # With something shown before the `---` the same words may ask another thing.
        if not asked or _written(note.front) or note.kind is Kind.CLOZE:
            continue
        other = first.setdefault((note.language, asked), note)
        if other is not note and other.id != note.id:
            yield Problem(
                note.at,
                "duplicate-question",
                f"'{other.id}' asks the same question ({other.at.path}:{other.at.line})",
                "Reword one, so that a learner can tell them apart.",
            )


def _translations(source: Source) -> Iterator[Problem]:
    by_id: dict[str, dict[str, Note]] = defaultdict(dict)
    for note in source.notes:
        by_id[note.id].setdefault(note.language, note)
    for note_id, notes in by_id.items():
        languages = [name for name in source.project.languages if name in notes]
        note = notes[languages[0]]
        for language in source.project.languages:
            if language not in notes and (note.topic, language) not in source.incomplete:
                yield Problem(
                    note.at,
                    "untranslated",
                    f"note '{note_id}' is not in {language}.md",
                    f"Write it in source/{note.topic}/{language}.md under the same id.",
                )
        for language in languages[1:]:
            yield from _differences(note, notes[language])


def _differences(note: Note, other: Note) -> Iterator[Problem]:
    pairs: tuple[tuple[str, object, object], ...] = (
        ("topic", note.topic, other.topic),
        ("kind", note.kind.value, other.kind.value),
        ("level", note.level, other.level),
        ("cloze numbers", note.ordinals, other.ordinals),
        (".retired", note.retired, other.retired),
        (".draft", note.draft, other.draft),
        ("questions", _asked(note), _asked(other)),
    )
    for what, one, two in pairs:
        if one != two:
            yield Problem(
                other.at,
                "translations-differ",
                f"'{other.id}' has {what} {_said(two)} here and {_said(one)} in "
                f"{note.at.path}:{note.at.line}",
                "Make them agree.",
            )


def _asked(note: Note) -> tuple[str, ...]:
    return tuple(sorted(tag for tag in note.tags if tag.startswith(QUESTION_TAG)))


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _deck_names(source: Source) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for topic in source.topics:
        at = Location(f"source/{topic.name}/topic.yml")
        for language, name in topic.decks:
            here = f"{topic.name} ({language})"
            if any(part != part.strip() or not part for part in name.split("::")):
                # Anki would rename it on import, and never find it again.
                hint = "Write names with `::` alone between them, as in `A::B`."
                yield Problem(at, "deck-name", f"deck '{name}' has an empty or padded part", hint)
            # Anki matches decks by name without regard to case.
            other = first.setdefault(unicodedata.normalize("NFC", name).casefold(), here)
            if other != here:
                hint = "Give each its own name."
                yield Problem(at, "deck-name", f"deck '{name}' is also that of {other}", hint)


def _topic_names(source: Source, reserved: tuple[str, ...]) -> Iterator[Problem]:
    for topic in source.topics:
        at = Location(f"source/{topic.name}/topic.yml")
        if topic.name in reserved:
            hint = "Rename the folder."
            yield Problem(at, "topic-name", f"'{topic.name}' is the name of a command", hint)
        elif not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", topic.name):
            hint = "Name the folder with lower-case letters, digits and `-`."
            yield Problem(at, "topic-name", f"'{topic.name}' cannot name a deck file", hint)
