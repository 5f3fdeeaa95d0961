"""Small note types and notes of the tests' own, so that they outlive changes of the content."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from warpdeck import ledger, package
from warpdeck.ledger import Changes, Ledger, Stamping
from warpdeck.model import (
    CardTemplate,
    Deck,
    Field,
    Location,
    NoteType,
    RenderedNote,
    StampedNote,
)

START = 1_750_000_000
"""A time in the past, in seconds, at which the tests' projects begin."""

BASIC = NoteType(
    1_700_000_000_001,
    "kit: basic",
    (Field(101, "Front"), Field(102, "Back"), Field(103, "Reverse"), Field(104, "Spare")),
    (
        CardTemplate(111, "Forward", "{{Front}}", "{{FrontSide}}<hr id=answer>{{Back}}"),
        CardTemplate(112, "Reverse", "{{#Reverse}}{{Reverse}}{{/Reverse}}", "{{Front}}"),
        CardTemplate(113, "Spare", "{{#Spare}}{{Spare}}{{/Spare}}", "{{Back}}"),
    ),
    ".card { color: black; }",
)
CLOZE = NoteType(
    1_700_000_000_002,
    "kit: cloze",
    (Field(201, "Text"), Field(202, "Extra"), Field(203, "Spare")),
    (CardTemplate(211, "Cloze", "{{cloze:Text}}", "{{cloze:Text}}<br>{{Extra}}"),),
    ".cloze { color: blue; }",
    cloze=True,
)


def basic(
    name: str,
    back: str = "answer",
    *,
    topic: str = "memory",
    language: str = "en",
    reverse: str = "",
    spare: str = "",
    tags: tuple[str, ...] = ("kit",),
    line: int = 1,
) -> RenderedNote:
    """Return a question-and-answer note whose fields say what they were made from."""
    return RenderedNote(
        guid=ledger.guid("kit", name, language),
        id=name,
        language=language,
        topic=topic,
        kind="reverse" if reverse else "question",
        note_type=BASIC.id,
        fields=(f"What is <b>{name}</b>?", back, reverse, spare),
        tags=tags,
        ordinals=(0, *([1] if reverse else []), *([2] if spare else [])),
        question=f"What is {name}?",
        at=Location(f"source/{topic}/{language}.md", line),
    )


def cloze(
    name: str, numbers: tuple[int, ...] = (1,), extra: str = "", topic: str = "memory"
) -> RenderedNote:
    """Return a cloze note with the given cloze numbers."""
    text = f"{name}: " + ", ".join(f"{{{{c{n}::blank {n}}}}}" for n in numbers)
    return replace(
        basic(name, topic=topic),
        kind="cloze",
        note_type=CLOZE.id,
        fields=(text, extra, ""),
        ordinals=tuple(sorted({n - 1 for n in numbers})),
    )


def retired(entry: ledger.Entry) -> RenderedNote:
    """Return the last update of a note that is gone, made from its ledger entry alone."""
    line = "This note was withdrawn."
    fields: tuple[str, ...] = (entry.question, line, "", "")
    if entry.note_type == CLOZE.id:
        blanks = " ".join(f"{{{{c{o + 1}::{line}}}}}" for o in entry.ordinals)
        fields = (f"{entry.question} {blanks}", line, "")
    elif len(entry.ordinals) > 1:
        fields = (entry.question, line, line, line if 2 in entry.ordinals else "")
    return RenderedNote(
        guid=entry.guid,
        id=entry.id,
        language=entry.language,
        topic=entry.topic,
        kind=entry.kind,
        note_type=entry.note_type,
        fields=fields,
        tags=("retired",),
        ordinals=entry.ordinals,
        question=entry.question,
        at=Location("source/notes.lock"),
        retired=True,
    )


@dataclass
class Project:
    """A project that publishes: its ledger, and a clock that only goes forward."""

    ledger: Ledger = field(default_factory=Ledger)
    now: int = START
    types: tuple[NoteType, ...] = (BASIC, CLOZE)
    stamping: Stamping | None = None

    def build(self, notes: list[RenderedNote], only: str | None = None) -> bytes:
        """Stamp `notes` and whatever went missing, and return the package of topic `only`."""
        gone = ledger.missing(self.ledger, {note.guid for note in notes})
        chosen = [n for n in [*notes, *map(retired, gone)] if only in (None, n.topic)]
        stamping = ledger.stamp(self.ledger, chosen, self.types, self.now)
        assert stamping.problems == ()
        self.ledger, self.stamping = stamping.ledger, stamping
        decks: dict[str, list[StampedNote]] = {}
        for stamped in stamping.notes:
            name = f"Kit::{stamped.note.language}::{stamped.note.topic}"
            decks.setdefault(name, []).append(stamped)
        return package.build([Deck(n, tuple(s)) for n, s in decks.items()], stamping.note_types)

    def release(self, notes: list[RenderedNote], only: str | None = None) -> bytes:
        """Return the package as it is published: a day later than the last one."""
        self.now += 86_400
        self.build(notes)
        changes = self.changes
        self.ledger = ledger.release(self.ledger, self.now + 60)
        built = self.build(notes, only)
        assert self.stamping is not None
        self.stamping = replace(self.stamping, changes=changes)
        return built

    @property
    def changes(self) -> Changes:
        """Return what the last release changed."""
        assert self.stamping is not None
        return self.stamping.changes
