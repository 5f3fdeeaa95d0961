"""Many mutants compiled as one program, in one go.

Owns: the source of such a program, which of its mutants a compiler's error concerns, and
which of them the compiler turned into the same code as the original. Must not know what a
mutant is tested with.

Each mutant is a copy of the whole file in a namespace of its own, `mutant_<number>_`; number
0 is the original, the control. What nothing of the version can call is left empty in every
copy, so that a ladder of ten kernels is not compiled ten times over. `--mutant <number>`
chooses one, `--mutant <number>,<number>` runs several one after the other, at each of
`--shapes` if there are any, and ends where one takes far longer than number 0 took before it.
Where such a program cannot be made (the file has an `extern "C"`, say), each mutant becomes a
program of its own.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from warpdeck.snippets import anchors, line_numbers
from warpdeck.verify import syntax
from warpdeck.verify.mutate import LAUNCH, Mutant
from warpdeck.verify.syntax import Node
from warpdeck.verify.toolchain import Toolchain

SIZE = 16
"""Mutants in one program: enough to share the headers, few enough to keep all cores busy."""


@dataclass(frozen=True, slots=True)
class Built:
    """A mutant, or the control, that can be run."""

    program: Path
    number: int | None = None
    """Which it is in its program, 0 for the original; None where it is alone in it."""
    same_code: bool = False
    """Whether the compiler made the same code of it as of the original."""

    @property
    def options(self) -> tuple[str, ...]:
        """What chooses it in its program."""
        return () if self.number is None else ("--mutant", str(self.number))


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some mutants of one version."""

    control: Built | None
    """The original, compiled in the same way; None where that cannot be done."""
    built: Mapping[str, Built]
    """By mutant's id; a mutant that does not compile is not there."""
    error: str = ""
    """Why there is no control."""


def batches(mutants: Sequence[Mutant], tough: Collection[str] = ()) -> list[tuple[Mutant, ...]]:
    """Deal `mutants` out into parts of at most SIZE and of about the same size.

    Those whose ids are in `tough` keep to parts of their own: they take all detectors, and a
    detector runs once for a whole part.
    """
    kinds = [[m for m in mutants if (m.id in tough) == is_tough] for is_tough in (True, False)]
    return [part for kind in kinds if kind for part in _dealt(kind)] or [()]


def _dealt(mutants: Sequence[Mutant]) -> list[tuple[Mutant, ...]]:
    parts = -(-len(mutants) // SIZE)
    return [tuple(mutants[n::parts]) for n in range(parts)]


def compile_batch(
    tools: Toolchain, body: bytes, mutants: Sequence[Mutant], folder: Path, flags: Sequence[str]
) -> Batch:
    """Compile `mutants` of the file `body` in `folder`; `flags` lead to what it includes.

    A mutant that does not compile is taken out and the others are compiled again.
    """
    left = list(mutants)
    for attempt in range(len(mutants) + 1):
        text, starts = source(body, left)
        path = folder / f"try-{attempt}" / "mutants.cu"
        path.parent.mkdir(parents=True)
        path.write_bytes(text)
        keep = ("--keep", "--keep-dir", str(path.parent))
        program = path.parent / "mutants"
        ran = tools.run(path, program, (*_flags(flags), *keep))
        if ran.code == 0:
            return _batch(left, program)
        guilty = _guilty(ran.stdout + ran.stderr, path.name, starts)
        if not guilty or min(guilty) < 1:  # the original itself, or what is included
            return Batch(None, {}, (ran.stdout + ran.stderr)[-2000:])
        left = [mutant for number, mutant in enumerate(left, 1) if number not in guilty]
    return Batch(None, {}, "no mutant compiles")


def compile_alone(
    tools: Toolchain, body: bytes, mutants: Sequence[Mutant], folder: Path, flags: Sequence[str]
) -> Batch:
    """Compile each of `mutants`, and the control, as a program of its own in `folder`."""
    made: dict[str, Built] = {}
    for number, mutant in enumerate([None, *mutants]):
        path = folder / f"mutant_{number}" / "alone.cu"
        path.parent.mkdir(parents=True)
        path.write_bytes(_HALF + (mutant.apply(body) if mutant else body))
        program = path.parent / "alone"
        ran = tools.run(path, program, _flags(flags))
        if ran.code == 0:
            made[mutant.id if mutant else ""] = Built(program)
        elif mutant is None:
            return Batch(None, {}, (ran.stdout + ran.stderr)[-2000:])
    return Batch(made.pop(""), made)


_NEEDLESS = re.compile(r"-O\d?|-lineinfo|--generate-line-info")


def _flags(flags: Sequence[str]) -> list[str]:
    """Leave out what costs time here and gives nothing: line numbers, other people's code.

    -O is the host's level: the device's code stays the same. At 1 the host's code, which takes
    most of the time, is compiled in little more than half of it. The references are loops, and
    take a third of the time when those are vectorised, as at level 3.
    """
    left = [flag for flag in flags if not _NEEDLESS.fullmatch(flag)]
    return [*left, "-O1", "-Xcompiler", ",".join(_LOOPS), "-DHARNESS_NO_BASELINES"]


_LOOPS = ("-ftree-vectorize", "-fvect-cost-model=dynamic", "-fstrict-aliasing")


def _batch(mutants: Sequence[Mutant], program: Path) -> Batch:
    same = same_code([path.read_text("utf-8") for path in program.parent.glob("*.ptx")])
    built = {
        mutant.id: Built(program, number, mutant.device_only and number in same)
        for number, mutant in enumerate(mutants, 1)
    }
    return Batch(Built(program, 0), built)


# --- the source ----------------------------------------------------------------------

_HALF = b"#include <cuda_fp16.h>\n"
"""Some mutants round to half."""
_HEADERS = b"".join(
    b"#include <%s>\n" % name
    for name in (
        *(b"cstdio", b"cstdlib", b"cstring", b"ctime", b"deque", b"functional", b"map"),
        *(b"set", b"string", b"sys/time.h", b"utility", b"vector"),
    )
)
_INCLUDE = re.compile(rb"^[ \t]*#[ \t]*include\b[^\n]*", re.MULTILINE)


def source(body: bytes, mutants: Sequence[Mutant]) -> tuple[bytes, list[int]]:
    """Return the program's text and the line on which each namespace begins, 1-based."""
    includes = b"\n".join(dict.fromkeys(match[0] for match in _INCLUDE.finditer(body)))
    once = b"harness::main(" in body
    parts = [_HEADERS + _HALF + includes + (_REMEMBERED if once else b"")]
    starts = []
    line = parts[0].count(b"\n") + 2
    for number, mutant in enumerate([None, *mutants]):
        code = _INCLUDE.sub(b"", mutant.apply(body) if mutant else body)
        begin = b"namespace mutant_%d_ {%s" % (number, b" REMEMBERED" if once else b"")
        part = b"%s\n%s\n}" % (begin, code)
        starts.append(line)
        line += part.count(b"\n") + 1
        parts.append(part)
    parts.append(_main(len(mutants) + 1))
    starts.append(line)
    return b"\n".join(parts) + b"\n", starts


_REMEMBERED = b"""
// The mutants of a program get the same inputs, one after the other: what the reference makes of
// them is computed once, and kept until the next shape.
namespace remembered {
template <class T>
bool same(const std::vector<std::vector<T>>& a, const std::vector<std::vector<T>>& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); i++)
        if (a[i].size() != b[i].size() ||
            (a[i].size() && std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(T))))
            return false;
    return true;
}
// `whose`: "" for the operation's reference, or the name of the version that has one.
template <class In>
harness::Doubles once(const std::string& whose, const harness::Case<In>& inputs,
                      const std::function<harness::Doubles(const harness::Case<In>&)>& reference) {
    using Known = std::deque<std::pair<harness::Case<In>, harness::Doubles>>;
    static std::map<std::string, Known> all;
    Known& known = all[whose];
    if (!known.empty() && known.front().first.shape != inputs.shape) known.clear();
    for (auto& entry : known)
        if (same(entry.first.in, inputs.in) && same(entry.first.indices, inputs.indices))
            return entry.second;
    known.emplace_back(inputs, reference(inputs));
    return known.back().second;
}
template <class Owner, class In>
void wrap(Owner& owner, const std::string& whose, const harness::Case<In>*) {
    if (!owner.reference) return;
    auto reference = owner.reference;
    owner.reference = [=](const harness::Case<In>& inputs) {
        return once<In>(whose, inputs, reference);
    };
}
template <class In, class Out>
harness::Operation<In, Out> in(harness::Operation<In, Out> op) {
    const harness::Case<In>* type = nullptr;
    wrap(op, "", type);
    for (auto& version : op.versions) wrap(version, version.name, type);
    return op;
}
}  // namespace remembered
// What a file calls as harness::main, in a namespace of its own.
#define REMEMBERED namespace harness { using namespace ::harness; template <class In, class Out> \\
    int main(const Operation<In, Out>& op, int argc, char** argv) { \\
        return ::harness::main(remembered::in(op), argc, argv); } }"""

_SHORTEST, _PATIENCE = 1.0, 10.0
"""A mutant hangs when it takes so many times the original's seconds, and so many on top."""

_MAIN = """\
static int run_mutant(int mutant, int argc, char** argv) {
    switch (mutant) {
%s
    default: return 2;
    }
}
static double seconds_now() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}
// Ends the process then; 0: not at all.
static void end_in(double seconds) {
    itimerval when = {};
    when.it_value.tv_sec = long(seconds);
    when.it_value.tv_usec = long(1e6 * (seconds - long(seconds)));
    setitimer(ITIMER_REAL, &when, nullptr);
}
// Runs the mutants of `list` at each of `shapes`, at those after it only where all went well.
static int run_mutants(char* list, char* shapes, int argc, char** argv) {
    cudaDeviceSynchronize();  // or the first one's time would be that of starting CUDA
    std::set<int> wrong;
    char* shape = std::strtok(shapes, ",");
    for (int turn = 0; turn == 0 || shape; turn++, shape = std::strtok(nullptr, ",")) {
        std::vector<char*> words(argv, argv + argc);
        char flag[] = "--shape";
        if (shape) words.insert(words.end(), {flag, shape});
        double limit = 0;
        for (char* next = list; next; next = std::strchr(next, ',')) {
            if (*next == ',' && !*++next) break;
            int mutant = std::atoi(next);
            if (wrong.count(mutant)) continue;
            std::printf("{\\"mutant\\": %%d, \\"turn\\": %%d}\\n", mutant, turn);
            std::fflush(stdout);
            double begin = seconds_now();
            end_in(limit);
            int code = run_mutant(mutant, int(words.size()), words.data());
            // What a broken context says of the next one would be no truth about that.
            if (cudaDeviceSynchronize() != cudaSuccess) return 1;
            cudaGetLastError();
            end_in(0);
            if (mutant == 0) limit = %g + %g * (seconds_now() - begin);
            std::printf("{\\"ended\\": %%d}\\n", code);
            std::fflush(stdout);
            if (code != 0) wrong.insert(mutant);
            if (wrong.count(0)) return 1;
        }
    }
    return 0;
}
// Takes the value of `flag` out of the arguments; null where there is none.
static char* taken(const char* flag, int* argc, char** argv) {
    for (int i = 1; i + 1 < *argc; i++) {
        if (std::strcmp(argv[i], flag)) continue;
        char* value = argv[i + 1];
        for (int k = i; k + 2 <= *argc; k++) argv[k] = argv[k + 2];
        *argc -= 2;
        return value;
    }
    return nullptr;
}
int main(int argc, char** argv) {
    char* list = taken("--mutant", &argc, argv);
    char* shapes = taken("--shapes", &argc, argv);
    char none[] = "";
    if (!list) return 2;
    if (!std::strchr(list, ',')) return run_mutant(std::atoi(list), argc, argv);
    return run_mutants(list, shapes ? shapes : none, argc, argv);
}"""


def _main(count: int) -> bytes:
    cases = "\n".join(f"    case {n}: return mutant_{n}_::main(argc, argv);" for n in range(count))
    return (_MAIN % (cases, _SHORTEST, _PATIENCE)).encode()


# --- what need not be compiled -----------------------------------------------------------


def without_strangers(tree: Node, anchor: str, limit: str, others: Iterable[str]) -> bytes:
    """Return the file with the kernels empty that the version `anchor` cannot launch.

    Those are `__global__` functions in the regions `others` that nothing comes to from the
    version, its launcher, those of `limit`, or code outside all regions. Offsets and lines
    stay as they are.
    """
    own, foreign = _spans(tree, (anchor, limit)), _spans(tree, others)
    functions = list(syntax.functions(tree))
    mine = [f for f in functions if _inside(f, own) or not _inside(f, foreign)]
    used = _reached([f for f in mine if _name(f) != "main"], functions)
    code = bytearray(tree.source)
    for function in functions:
        body = function.part("body")
        if body and syntax.is_kernel(function) and function not in mine and function not in used:
            code[body.start + 1 : body.end - 1] = re.sub(
                rb"[^\n]", b" ", code[body.start + 1 : body.end - 1]
            )
    return bytes(code)


def _spans(tree: Node, names: Iterable[str]) -> list[tuple[int, int]]:
    """Return where the regions `names` and their launchers begin and end, in bytes."""
    text = tree.source.decode("utf-8", "replace")
    ends = [0, *(match.end() for match in re.finditer(b"\n", tree.source)), len(tree.source)]
    known = anchors(text)
    wanted = (name + end for name in names for end in ("", LAUNCH))
    numbers = [line_numbers(text, name) for name in wanted if name in known]
    return [(ends[first - 1], ends[last]) for first, last in numbers]


def _inside(node: Node, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= node.start and node.end <= end for start, end in spans)


def _name(function: Node) -> str:
    return syntax.name_of(function.part("declarator"))


def _reached(start: Sequence[Node], functions: Sequence[Node]) -> list[Node]:
    """Return the functions whose names are mentioned in `start`, or in what is so reached."""
    waiting, used = list(start), list[Node]()
    while waiting:
        words = set(re.findall(r"\w+", waiting.pop().text))
        new = [f for f in functions if _name(f) in words and f not in used]
        used += new
        waiting += new
    return used


# --- what the compiler said and made ---------------------------------------------------------

_ERROR_LINE = re.compile(r"\berror\b|fatal|undefined reference", re.IGNORECASE)
_NAMESPACE = re.compile(r"mutant_(\d+)_")


def _guilty(said: str, file: str, starts: Sequence[int]) -> set[int]:
    """Return the numbers of the mutants that errors name, by their line or their namespace."""
    numbered = re.compile(re.escape(file) + r"(?:\((\d+)\)|:(\d+))|at line (\d+) of")
    guilty: set[int] = set()
    lines = said.splitlines()
    blamed = [line for line in lines if _ERROR_LINE.search(line)]
    for line in blamed:
        guilty |= {int(match[1]) for match in _NAMESPACE.finditer(line)}
        for match in numbered.finditer(line):
            guilty.add(bisect_right(starts, int(match[1] or match[2] or match[3])) - 1)
    if not guilty:  # an error in a header, followed by the line that led there
        for match in re.finditer(r"at line (\d+) of \S*" + re.escape(file), said):
            guilty.add(bisect_right(starts, int(match[1])) - 1)
    return guilty


_MANGLED = re.compile(r"(\d+)mutant_(\d+)_")
_UNSTEADY = ((re.compile(r"\$L__BB\d+_"), "$L__BB_"), (re.compile(r"__local_depot\d+"), "__depot"))


def same_code(ptx: Sequence[str]) -> set[int]:
    """Return the mutants whose PTX is that of number 0, names apart, for every target."""
    same: set[int] | None = None
    for text in ptx:
        code: dict[int, list[str]] = {}
        for piece in _pieces(text):
            if match := _MANGLED.search(piece):
                code.setdefault(int(match[2]), []).append(_neutral(piece))
        original = sorted(code.pop(0, []))
        found = {number for number, pieces in code.items() if sorted(pieces) == original}
        same = found if same is None else same & found
    return same or set()


_NO_CODE = re.compile(r"\s*\.(?:loc|file|section|version|target|address_size)\b")


def _pieces(ptx: str) -> Iterator[str]:
    """Yield each function and each variable of a PTX file, comments and line numbers left out."""
    piece: list[str] = []
    depth = 0  # inline assembly has braces of its own
    for line in ptx.splitlines():
        line = re.sub(r"//.*", "", line).rstrip()
        if not line or _NO_CODE.match(line):
            continue
        piece.append(line)
        depth += line.count("{") - line.count("}")
        if depth == 0 and line.endswith((";", "}")):
            yield "\n".join(piece)
            piece = []


def _neutral(piece: str) -> str:
    for pattern, text in _UNSTEADY:
        piece = pattern.sub(text, piece)
    return _MANGLED.sub("mutant", piece)
