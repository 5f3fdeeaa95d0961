"""The types that the modules exchange.

Owns: plain, frozen data. Must not know: any library, any file, any rule.

Anki's words are used throughout (note, card, note type, template, field, deck);
CUDA's for kernels. `Model`, genanki's word for a note type, stays inside package.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file on disk, 1-based, the path relative to the project's root."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        """Return `path:line:column`, which editors make clickable."""
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something that the author must mend; it prints as one line."""

    at: Location
    rule: str
    """Short name of the rule, for tests and for grouping: `unknown-anchor`."""
    message: str
    """What is wrong, a sentence without its full stop."""
    hint: str
    """How to mend it, a sentence."""

    def __str__(self) -> str:
        """Return `file:line:column: what is wrong. How to mend it`."""
        return f"{self.at}: {self.message}. {self.hint}"


class WarpdeckError(Exception):
    """Carries problems to the command line, which prints them all and exits with 1."""

    def __init__(self, *problems: Problem) -> None:
        """Collect `problems`, at least one."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(sorted(problems))


class UsageError(Exception):
    """Arguments that name nothing; the command line exits with 2."""


class Kind(str, Enum):
    """What a note asks of the learner; the class on its heading."""

    QUESTION = "question"
    REVERSE = "reverse"
    CLOZE = "cloze"
    TYPE = "type"
    CODE = "code"
    BUG = "bug"
    OUTPUT = "output"
    LADDER = "ladder"


# --- source ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Project:
    """source/project.yml: what makes these decks this project's and no other's."""

    name: str
    """Part of every GUID, so fixed for ever."""
    languages: tuple[str, ...]
    answer_words: int
    """Most words of prose in an answer; 0 is no limit."""
    code_columns: int
    """Most columns of a code line; 0 is no limit."""
    download: str = ""
    """Where a learner gets the packages; empty where the author gave no address."""
    issues: str = ""
    """Where a learner reports an error; empty where the author gave no address."""


COLOURS = 12
"""How many accent colours there are for topics."""


@dataclass(frozen=True, slots=True)
class Topic:
    """source/<topic>/topic.yml."""

    name: str
    """The folder's name."""
    decks: tuple[tuple[str, str], ...]
    """(language, deck name) pairs; a deck name is fixed for ever: Anki matches decks by it."""
    order: int
    description: tuple[tuple[str, str], ...]
    """(language, sentence) pairs for the report; never shipped, it would overwrite the user's."""
    colour: int
    """Number of the accent colour of its cards, 1 to COLOURS; card.css has their values."""

    def title(self, language: str) -> str:
        """Return the last part of the deck's name: what a card calls the topic."""
        return dict(self.decks).get(language, self.name).split("::")[-1]


@dataclass(frozen=True, slots=True)
class Reference:
    """One document of source/references.yml."""

    key: str
    title: str
    url: str
    edition: str
    checked: str
    """ISO date on which the document was last read for this deck."""


QUESTION_TAG = "q::"
"""Begins the tag by which a note says which question of questions.yml it answers."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of source/questions.yml, which notes claim to answer."""

    id: str
    """What notes name in the tag `q::<id>`."""
    titles: tuple[tuple[str, str], ...]
    """(language, short title) pairs."""


@dataclass(frozen=True, slots=True)
class Term:
    """One concept of source/glossary.yml and the one word that each language has for it."""

    words: tuple[tuple[str, str], ...]
    """(language, word) pairs."""
    wrong: tuple[tuple[str, str], ...]
    """(language, word) pairs: words for the same that no note may use."""


@dataclass(frozen=True, slots=True)
class Citation:
    """`[@key#section]`."""

    key: str
    section: str
    at: Location


@dataclass(frozen=True, slots=True)
class Directive:
    """`{{#name argument}}`: something that the build fills in."""

    name: str
    argument: str
    at: Location


@dataclass(frozen=True, slots=True)
class Blank:
    """`{{#blank cN text}}`: text to hide in the code above it."""

    ordinal: int
    """Cloze number, from 1."""
    occurrence: int | None
    """Which occurrence to hide, from 1; 0 is all of them, None the only one."""
    text: str
    at: Location


@dataclass(frozen=True, slots=True)
class Hide:
    """`{{#hide first ... last}}`: whole lines of the code above it that the card leaves out."""

    first: str
    """Text of the first line left out."""
    last: str
    """Text of the last line left out."""
    at: Location


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced code block of a note, lifted out before Markdown could touch its text."""

    language: str
    """The first word of the info string, lower case; may be empty."""
    classes: tuple[str, ...]
    """`sketch` and the like from the info string."""
    code: str
    """The text as written; empty where `source` gives it."""
    source: Directive | None
    """The directive that gives the code."""
    blanks: tuple[Blank, ...]
    hides: tuple[Hide, ...]
    at: Location
    """The opening fence."""


@dataclass(frozen=True, slots=True)
class Note:
    """One `##` section of source/<topic>/<language>.md, parsed and not yet rendered.

    In `heading`, `front` and `back` our own marks are tokens (see markup.py); all three have
    as many lines as in the file, so that a position in them is one in the file.
    """

    id: str
    topic: str
    language: str
    kind: Kind
    level: int
    """1 to 3, 0 where the author gave none."""
    heading: str
    """Markdown of the question."""
    front: str
    """Markdown before the `---`; empty where there is none."""
    back: str
    """Markdown after the `---`, or all of the body where there is none."""
    divided: bool
    """Whether there is a `---`."""
    fences: tuple[Fence, ...]
    directives: tuple[Directive, ...]
    citations: tuple[Citation, ...]
    ordinals: tuple[int, ...]
    """Cloze numbers in use, from 1, sorted."""
    tags: tuple[str, ...]
    retired: bool
    at: Location
    """The heading."""
    front_line: int
    """Line in the file of the first line of `front`."""
    back_line: int
    """Line in the file of the first line of `back`."""
    tag_places: tuple[Location, ...] = ()
    """Where each of `tags` stands, in their order."""
    draft: bool = False
    """Whether it waits for something, such as a receipt, and is in no deck yet."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A region of a file under kernels/, exactly as it stands there."""

    path: str
    """Relative to kernels/, with `/`."""
    anchor: str
    code: str


# --- kernels ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edit:
    """One exact replacement: `find` occurs exactly once in the region it is applied to."""

    find: str
    replace: str


@dataclass(frozen=True, slots=True)
class BugSpec:
    """A named way to break a verified version (kernel.yml, `bugs`)."""

    id: str
    version: str
    edits: tuple[Edit, ...]
    expect: str
    """The detector that must catch it: compare, memcheck, racecheck, initcheck, synccheck, time;
    of a host program check, asan, ubsan, tsan."""


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """A program whose captured stdout is a card's answer (kernel.yml, `outputs`)."""

    id: str
    file: str
    """File name beside kernel.yml."""


@dataclass(frozen=True, slots=True)
class SurvivorSpec:
    """Why a mutant may survive every check (kernel.yml, `survivors`)."""

    mutant: str
    """Its id, `<anchor>:<line>:<column>:<operator>`."""
    reason: str
    """Begins with `equivalent: ` or `undetected: `."""
    at: Location


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One version of the ladder, in ladder order (kernel.yml, `steps`)."""

    name: str
    anchor: str
    labels: tuple[tuple[str, str], ...]
    """(language, a few words for charts) pairs."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """kernels/<op>/kernel.yml: everything about an operation that is not code."""

    name: str
    file: str
    """Its program; empty where there are output programs alone, and no steps."""
    flags: tuple[str, ...]
    limit: str
    """Name of the step that is the bound which the others are measured against; empty where
    no step is, as under a roofline."""
    shape: tuple[int, ...]
    """The shape whose figures the cards show."""
    steps: tuple[StepSpec, ...]
    bugs: tuple[BugSpec, ...]
    outputs: tuple[OutputSpec, ...]
    limit_labels: tuple[tuple[str, str], ...] = ()
    """(language, a few words) pairs for a limit that is no step."""
    draft: bool = False
    """Whether it waits to be verified: without a receipt it is no problem, and on no card."""
    arch: str = ""
    """The oldest target that the code compiles for; the only one where it ends in a letter."""
    mutants: bool = False
    """Whether a receipt must say what became of the mutants."""
    profile: bool = False
    """Whether a receipt must say which units each version keeps busy."""
    survivors: tuple[SurvivorSpec, ...] = ()
    large: tuple[tuple[int, ...], ...] = ()
    """Shapes with more than 2^31 elements somewhere, for mutants that overflow an int."""
    timed: tuple[tuple[int, ...], ...] = ()
    """Shapes that mutants are timed at besides `shape`: other paths run there."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Spread of repeated timed launches, in microseconds."""

    median: float
    min: float
    max: float
    runs: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """How a version compares with somebody else's code for the same."""

    name: str
    ratio: float
    """Its time by ours: above 1 we are faster."""


@dataclass(frozen=True, slots=True)
class Case:
    """One shape of one version, checked, and timed where the shape is large enough."""

    shape: tuple[int, ...]
    seed: int
    max_error: float
    tolerance: float
    time_us: Timing | None = None
    gb_per_s: float | None = None
    ratio_to_limit: float | None = None
    tflop_per_s: float | None = None
    """None where memory or a link bounds the time: its rate is then in bytes."""
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """What the compiler gave one `__global__` function."""

    function: str
    registers: int
    """Of a thread."""
    shared_bytes: int
    """Static shared memory of a block."""
    spilled_bytes: int
    """Local memory of a thread that holds what found no register."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that no check caught."""

    mutant: str
    mutation: str
    """What it changes: "`<` → `<=` in `if (row < M)`"."""
    reason: str
    """Why that is no fault of the checks, or why it has to be borne; empty: not argued yet."""


@dataclass(frozen=True, slots=True)
class Mutants:
    """What became of a version's mutants: `made` is killed + equivalent + survivors."""

    made: int
    killed: int
    by: tuple[tuple[str, int], ...]
    """(detector, mutants that it was the first to catch) pairs."""
    equivalent: int
    """Those of which the compiler made the same code as of the original."""
    survivors: tuple[Survivor, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """What the GPU's counters said while a version ran once at its kernel's `shape`."""

    function: str
    """Of the launches that a call makes, the longest: only it is counted."""
    percent: tuple[tuple[str, int], ...]
    """(name, percentage) pairs; profile.py says what each is of."""
    read: tuple[tuple[str, int], ...]
    """(name, bytes) pairs."""
    stall: str
    """The reason for which most warps waited, in Nsight Compute's words."""


@dataclass(frozen=True, slots=True)
class Version:
    """One verified version of a kernel."""

    name: str
    anchor: str
    cases: tuple[Case, ...]
    sanitizers: tuple[tuple[str, str], ...]
    """(tool, `pass` or its message) pairs for memcheck, racecheck, initcheck, synccheck."""
    mutants: Mutants | None = None
    resources: tuple[Resources, ...] = ()
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class Bug:
    """A broken variant and what really happened when it ran."""

    id: str
    version: str
    detector: str
    seen: str
    also: tuple[str, ...] = ()
    """Other detectors that caught it too."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a program really printed."""

    id: str
    stdout: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """kernels/<op>/receipts/<gpu>.json: what a run on a GPU proved, and of which source."""

    kernel: str
    gpu: str
    driver: str
    nvcc: str
    flags: tuple[str, ...]
    date: str
    source_sha256: str
    versions: tuple[Version, ...]
    bugs: tuple[Bug, ...] = ()
    outputs: tuple[Output, ...] = ()


# --- host programs ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """A program of C++ or Python that checks itself (kernel.yml, `programs`)."""

    id: str
    file: str
    """File name beside kernel.yml; its suffix chooses the runner."""
    ranks: int | None = None
    """Processes under mpirun; None runs it alone."""
    flags: tuple[str, ...] = ()
    """Of g++."""
    packages: tuple[str, ...] = ()
    """What a Python program imports besides the standard library."""
    gpu: bool = False
    """Whether it needs an NVIDIA GPU."""


@dataclass(frozen=True, slots=True)
class HostOperation:
    """kernels/<op>/kernel.yml of the form for host programs."""

    name: str
    programs: tuple[ProgramSpec, ...]
    bugs: tuple[BugSpec, ...]
    """Their `version` is the id of a program."""


@dataclass(frozen=True, slots=True)
class ProgramReceipt:
    """kernels/<op>/receipts/<program>.json: what a run of a host program proved."""

    operation: str
    program: str
    runner: str
    """`g++`, `mpirun` or `python`."""
    tools: tuple[tuple[str, str], ...]
    """(tool or package, version) pairs: what compiled, launched and served it."""
    cpu: str
    gpu: str
    """Empty where it needs none."""
    flags: tuple[str, ...]
    ranks: int | None
    date: str
    source_sha256: str
    stdout: str
    sanitizers: tuple[str, ...]
    """What it ran under without a report: asan, ubsan, tsan."""
    bugs: tuple[Bug, ...]


# --- decks -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardTemplate:
    """A card template of a note type; `id` never changes, so a rename stays clean in Anki."""

    id: int
    name: str
    front: str
    back: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a note type; `id` never changes, so a rename stays clean in Anki."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class NoteType:
    """A note type as Anki stores it; fields and templates are frozen from version 1 on."""

    id: int
    name: str
    fields: tuple[Field, ...]
    templates: tuple[CardTemplate, ...]
    css: str
    cloze: bool = False


@dataclass(frozen=True, slots=True)
class RenderedNote:
    """A note ready for Anki, not yet stamped: everything that a learner will see of it."""

    guid: str
    id: str
    language: str
    topic: str
    kind: str
    note_type: int
    """Id of its note type."""
    fields: tuple[str, ...]
    """HTML, one for each field of the note type, in order."""
    tags: tuple[str, ...]
    """Sorted."""
    ordinals: tuple[int, ...]
    """0-based ordinals of the cards that this note makes (cloze 1 is 0); sorted, never empty."""
    question: str
    """Plain text, one line: names the note in the ledger and in messages."""
    at: Location
    retired: bool = False


@dataclass(frozen=True, slots=True)
class StampedNote:
    """A rendered note with the ids and times under which Anki will know it."""

    note: RenderedNote
    note_id: int
    """Milliseconds since 1970, in the past; the cards' ids are note_id + 1 + ordinal."""
    mod: int
    """Seconds since 1970; strictly greater at each change, else Anki skips the update."""
    due: int
    """Position among new cards, assigned once."""


@dataclass(frozen=True, slots=True)
class StampedNoteType:
    """A note type with its modification time, in seconds since 1970."""

    note_type: NoteType
    mod: int


@dataclass(frozen=True, slots=True)
class Deck:
    """A deck and the notes whose cards go into it."""

    name: str
    notes: tuple[StampedNote, ...] = field(default=())
