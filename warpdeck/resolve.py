"""What a directive stands for: code from kernels/, figures from receipts.

Owns: names of files, anchors, bugs, outputs and versions to their text and numbers. Must
not know Markdown, HTML or printing. Everything it cannot find is a SnippetError, which
lint.py turns into a Problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from warpdeck import profile, snippets
from warpdeck.files import read_text
from warpdeck.host_code import UNMEASURED, HostCode, HostProof
from warpdeck.model import (
    BugSpec,
    Case,
    Directive,
    HostOperation,
    Kernel,
    OutputSpec,
    Profile,
    ProgramReceipt,
    Receipt,
    Snippet,
    StepSpec,
    Version,
)
from warpdeck.snippets import SnippetError, did_you_mean

CODE_DIRECTIVES = ("include", "bug", "fix", "output")
"""Directives that fill a fence."""
FIGURE_DIRECTIVES = ("seen", "time", "rate", "ratio", "speedup", "profile")
"""Directives that fill in a figure in prose."""

_HOST_DIRECTIVES = ("bug", "fix", "output")

HARNESS = "harness"
"""The folder of kernels/ that every kernel's hash covers."""
BROKEN_KERNEL = "broken-kernel"
"""Rule of the problem that a kernel.yml was left out because of its own problems."""
UNVERIFIED = "unverified"
"""Origin of code that no receipt can cover."""

_INCLUDE = re.compile(r"(?P<file>[^\s:]+)(?::(?P<anchor>[\w-]+))?")
_NAMED = re.compile(r"(?P<kernel>[\w-]+):(?P<name>[\w-]+)")
_MEASURED = re.compile(
    r"(?P<kernel>[\w-]+):(?P<name>[\w-]+)(?:/(?P<other>[\w-]+))?(?:\s+(?P<shape>[0-9]{1,18}(?:x[0-9]{1,18})*))?"
)
_PROFILED = re.compile(r"(?P<kernel>[\w-]+):(?P<name>[\w-]+)\s+(?P<figure>[\w-]+)")


@dataclass(frozen=True, slots=True)
class Proof:
    """What stands behind a piece of code on a card."""

    kernel: Kernel
    receipt: Receipt | None
    """None where there is none, or it is of another state of the code."""
    version: Version | None = None
    step: StepSpec | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """The text of a fence, and what was proven of it."""

    text: str
    origin: str
    """include, bug, fix, output, UNVERIFIED, or what the author wrote there: literal, sketch."""
    proof: Proof | HostProof | None
    """None for files that belong to no kernel.yml."""


class Resolver:
    """Looks directives up in one state of kernels/."""

    def __init__(
        self,
        root: Path,
        kernels: Mapping[str, Kernel],
        receipts: Mapping[str, Receipt],
        *,
        operations: Iterable[HostOperation] = (),
        program_receipts: Iterable[ProgramReceipt] = (),
        strict: bool = False,
    ) -> None:
        """Take the kernels by name, the host operations, and of their receipts the fresh ones.

        `strict` refuses code that no receipt can cover.
        """
        self._strict = strict
        self._folder = root / "kernels"
        self._kernels = MappingProxyType(dict(kernels))
        self._receipts = MappingProxyType(dict(receipts))
        self._texts: dict[str, str] = {}
        self._host = HostCode(operations, program_receipts, self._text)

    def code(self, directive: Directive) -> Code:
        """Return what a fence's directive stands for.

        Raises SnippetError for an unknown directive, file, anchor, bug or output, and for
        a path that leaves kernels/.
        """
        if directive.name == "include":
            return self._include(directive.argument)
        if (named := self._of_host(directive.argument)) and directive.name in _HOST_DIRECTIVES:
            look_up = {"bug": self._host.bug, "fix": self._host.fix, "output": self._host.output}
            text, proof = look_up[directive.name](*named)
            return Code(text, directive.name, proof)
        if directive.name in ("bug", "fix"):
            kernel, bug = self._bug(directive.argument)
            text = self._broken(kernel, bug) if directive.name == "bug" else _fix(bug)
            return Code(text, directive.name, Proof(kernel, self._receipts.get(kernel.name)))
        if directive.name == "output":
            return self._output(directive.argument)
        raise _unknown_directive(directive.name, CODE_DIRECTIVES)

    def snippet(self, argument: str) -> Snippet:
        """Return the region that `{{#include argument}}` names; raises like `code`."""
        match = _INCLUDE.fullmatch(argument)
        if not match:
            raise SnippetError(
                "include-syntax",
                f"`{argument}` names no code",
                "Write {{#include file.cu:anchor}}.",
            )
        path = _kernel_path(match["file"])
        text = self._text(path)
        anchor = match["anchor"] or ""
        try:
            code = snippets.region(text, anchor) if anchor else snippets.without_markers(text)
        except SnippetError as error:
            raise SnippetError(error.rule, f"kernels/{path}: {error.message}", error.hint) from None
        if not code.strip():
            hint = "Write the code, or remove the fence."
            raise SnippetError("empty-file", f"kernels/{path} holds no code", hint)
        return Snippet(path, anchor, code)

    def figure(self, directive: Directive) -> str:
        """Return the words of a measured figure, such as `140 µs`.

        Raises SnippetError for an unknown name, and where no fresh receipt holds it.
        """
        if special := {"seen": self._seen, "profile": self._profiled}.get(directive.name):
            return special(directive.argument)
        if directive.name not in FIGURE_DIRECTIVES:
            raise _unknown_directive(directive.name, FIGURE_DIRECTIVES)
        match = _MEASURED.fullmatch(directive.argument)
        if not match or (directive.name == "speedup") != bool(match["other"]):
            raise SnippetError(
                "figure-syntax",
                f"`{directive.argument}` names no figure",
                "Write {{#time kernel:version}} or {{#speedup kernel:version/other}}.",
            )
        kernel = self.kernel(match["kernel"])
        shape = tuple(map(int, match["shape"].split("x"))) if match["shape"] else kernel.shape
        case = self._case(kernel, match["name"], shape)
        if directive.name == "time":
            return in_time(_time_us(case))
        if directive.name == "rate":
            return rate_of(case)
        if directive.name == "ratio":
            return in_percent(case.ratio_to_limit or 0.0)
        other = self._case(kernel, match["other"], shape)
        if not _time_us(case):
            return UNMEASURED
        return f"{two_digits(_time_us(other) / _time_us(case))}×"

    def kernel(self, name: str) -> Kernel:
        """Return the kernel `name`; raises SnippetError where there is none."""
        if name not in self._kernels:
            if name in self._host.names():
                message = f"{name} is of host programs, which are not timed"
                raise SnippetError("not-timed", message, "Let a program print the figure.")
            if name in {path.parent.name for path in self._folder.glob("*/kernel.yml")}:
                raise _broken(name)
            known = (*self._kernels, *self._host.names())
            hint = did_you_mean(name, known) or "Kernels are the folders of kernels/."
            raise SnippetError("unknown-kernel", f"there is no kernel '{name}'", hint)
        self._refuse_draft(self._kernels[name])
        return self._kernels[name]

    def ladder(self, kernel: Kernel, last: StepSpec) -> tuple[tuple[StepSpec, Case], ...]:
        """Return the measured steps up to `last`; empty without a fresh receipt."""
        steps = kernel.steps[: kernel.steps.index(last) + 1]
        receipt = self._receipts.get(kernel.name)
        if receipt is None:
            return ()
        return tuple((step, self._case(kernel, step.name, kernel.shape)) for step in steps)

    def step_before(self, code: Code) -> tuple[StepSpec, str] | None:
        """Return the step that `code`, a step of a ladder, improves on, and its code.

        None for the first step, and after the limit, which no step improves on.
        """
        if not isinstance(code.proof, Proof) or code.proof.step is None:
            return None
        kernel = code.proof.kernel
        index = kernel.steps.index(code.proof.step)
        if index == 0 or kernel.steps[index - 1].name == kernel.limit:
            return None
        before = kernel.steps[index - 1]
        return before, self.snippet(f"{kernel.name}/{kernel.file}:{before.anchor}").code

    def _text(self, path: str) -> str:
        if path not in self._texts:
            if not _inside(self._folder / path, self._folder):
                raise _outside(path)
            text, problems = read_text(self._folder / path, f"kernels/{path}")
            if problems:
                names = [
                    p.relative_to(self._folder).as_posix()
                    for suffix in ("c*", "py")
                    for p in self._folder.glob(f"*/*.{suffix}")
                ]
                problem = problems[0]
                hint = did_you_mean(path, names) if problem.rule == "missing-file" else problem.hint
                raise SnippetError(
                    "unknown-file" if problem.rule == "missing-file" else problem.rule,
                    f"kernels/{path}: {problem.message}",
                    hint or "Paths are relative to kernels/; x.cu is short for x/x.cu.",
                )
            self._texts[path] = text
        return self._texts[path]

    def _include(self, argument: str) -> Code:
        snippet = self.snippet(argument)
        folder, _, file = snippet.path.partition("/")
        if folder == HARNESS:  # every receipt's hash covers it
            return Code(snippet.code, "include", None)
        if folder in self._host.names():
            host = self._host.included(folder, file)
            if host is None:
                self._refuse_unverified(snippet.path, None)
            # Python's own style leaves empty lines between a function and the anchor's end.
            return Code(snippet.code.strip("\n"), "include" if host else UNVERIFIED, host)
        kernel = self._kernels.get(folder)
        if kernel:
            self._refuse_draft(kernel)
        if kernel is None or not _is_covered(kernel, file):
            self._refuse_unverified(snippet.path, kernel)
            return Code(snippet.code, UNVERIFIED, None)
        receipt = self._receipts.get(kernel.name)
        step = None
        if file == kernel.file:
            step = next((s for s in kernel.steps if s.anchor == snippet.anchor), None)
        version = _version(receipt, step.name) if receipt and step else None
        return Code(snippet.code, "include", Proof(kernel, receipt, version, step))

    def _of_host(self, argument: str) -> tuple[str, str] | None:
        """Return the operation and the name in a directive's argument, if of host programs."""
        match = _NAMED.fullmatch(argument)
        named = match is not None and match["kernel"] in self._host.names()
        return (match["kernel"], match["name"]) if match and named else None

    def _refuse_draft(self, kernel: Kernel) -> None:
        if self._strict and kernel.draft and kernel.name not in self._receipts:
            raise SnippetError(
                "draft-kernel",
                f"kernel '{kernel.name}' is a draft: nothing has verified its code yet",
                f"Run `uv run build.py verify {kernel.name}` on a machine with a GPU, or make this "
                "note a .draft too.",
            )

    def _refuse_unverified(self, path: str, kernel: Kernel | None) -> None:
        folder = path.split("/")[0]
        if not self._strict:
            return
        known = kernel is not None or folder in self._host.names()
        if not known and (self._folder / folder / "kernel.yml").exists():
            raise _broken(folder)
        raise SnippetError(
            "unverified-file",
            f"no receipt can cover kernels/{path}: no kernel.yml names it",
            f"Name it in kernels/{folder}/kernel.yml, or build with --allow-stale.",
        )

    def _broken(self, kernel: Kernel, bug: BugSpec) -> str:
        step = next(step for step in kernel.steps if step.name == bug.version)
        snippet = self.snippet(f"{kernel.name}/{kernel.file}:{step.anchor}")
        return snippets.apply_edits(snippet.code, bug.edits)

    def _bug(self, argument: str) -> tuple[Kernel, BugSpec]:
        kernel, name = self._named(argument)
        bug = next((bug for bug in kernel.bugs if bug.id == name), None)
        if bug is None:
            known = [bug.id for bug in kernel.bugs]
            hint = did_you_mean(name, known) or f"Describe it in kernels/{kernel.name}/kernel.yml."
            raise SnippetError("unknown-bug", f"{kernel.name} has no bug '{name}'", hint)
        return kernel, bug

    def _output(self, argument: str) -> Code:
        kernel, name = self._named(argument)
        spec: OutputSpec | None = next((o for o in kernel.outputs if o.id == name), None)
        if spec is None:
            known = [output.id for output in kernel.outputs]
            hint = did_you_mean(name, known) or f"Describe it in kernels/{kernel.name}/kernel.yml."
            raise SnippetError("unknown-output", f"{kernel.name} has no output '{name}'", hint)
        receipt = self._receipts.get(kernel.name)
        output = next((o for o in receipt.outputs if o.id == name), None) if receipt else None
        if receipt and output is None:
            raise _not_in_receipt(kernel, f"output '{name}'")
        text = output.stdout.removesuffix("\n") if output else ""
        return Code(text, "output", Proof(kernel, receipt))

    def _seen(self, argument: str) -> str:
        if named := self._of_host(argument):
            return self._host.seen(*named)
        kernel, spec = self._bug(argument)
        receipt = self._receipts.get(kernel.name)
        bug = next((b for b in receipt.bugs if b.id == spec.id), None) if receipt else None
        if receipt and bug is None:
            raise _not_in_receipt(kernel, f"bug '{spec.id}'")
        return f"{bug.detector}: {bug.seen}" if bug else UNMEASURED

    def _profiled(self, argument: str) -> str:
        match = _PROFILED.fullmatch(argument)
        if not match:
            message = f"`{argument}` names no figure of a profile"
            hint = "Write it as in {{#profile transpose:tile l1}}."
            raise SnippetError("figure-syntax", message, hint)
        kernel = self.kernel(match["kernel"])
        self._known_step(kernel, match["name"])
        figure = match["figure"]
        if figure not in profile.NAMES:
            hint = did_you_mean(figure, profile.NAMES) or f"Figures: {', '.join(profile.NAMES)}."
            raise SnippetError("unknown-figure", f"a profile holds no '{figure}'", hint)
        receipt = self._receipts.get(kernel.name)
        version = _version(receipt, match["name"]) if receipt else None
        if receipt is None:
            return UNMEASURED
        if version is None or version.profile is None:
            message = f"the receipt of {kernel.name} holds no profile of '{match['name']}'"
            hint = "Write `profile: true` into its kernel.yml, then verify on a machine with ncu."
            raise SnippetError("not-in-receipt", message, hint)
        return _profile_figure(version.profile, figure)

    def _named(self, argument: str) -> tuple[Kernel, str]:
        match = _NAMED.fullmatch(argument)
        if not match:
            message = f"`{argument}` is not kernel:name"
            raise SnippetError("directive-syntax", message, "Write it as in {{#bug transpose:x}}.")
        return self.kernel(match["kernel"]), match["name"]

    def _known_step(self, kernel: Kernel, name: str) -> None:
        if name not in [step.name for step in kernel.steps]:
            known = [step.name for step in kernel.steps]
            hint = did_you_mean(name, known) or f"Versions: {', '.join(known)}."
            raise SnippetError("unknown-version", f"{kernel.name} has no version '{name}'", hint)

    def _case(self, kernel: Kernel, name: str, shape: tuple[int, ...]) -> Case:
        self._known_step(kernel, name)
        receipt = self._receipts.get(kernel.name)
        if receipt is None:
            return Case(shape, 0, 0.0, 0.0)
        version = _version(receipt, name)
        case = shown_case(version, shape) if version else None
        if case is None:
            size = "x".join(map(str, shape))
            raise _not_in_receipt(kernel, f"time of '{name}' at {size}")
        return case


def shown_case(version: Version, shape: tuple[int, ...]) -> Case | None:
    """Return the timed case of `version` at `shape`."""
    return next((c for c in version.cases if c.shape == shape and c.time_us), None)


def two_digits(value: float) -> str:
    """Return `value` with two significant digits, which re-measuring does not change."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.1e}")
    return (
        f"{rounded:.0f}"
        if rounded >= 10
        else f"{rounded:.1f}"
        if rounded >= 1
        else f"{rounded:.2g}"
    )


def in_time(microseconds: float) -> str:
    """Return a time in µs, ms or s; `?` for 0, which no measurement gives."""
    if microseconds == 0:
        return UNMEASURED
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size * 0.995:
            return _with_unit(two_digits(microseconds / size), unit)
    return _with_unit(two_digits(microseconds), "µs")


def in_rate(gb_per_s: float) -> str:
    """Return a rate in TB/s or GB/s; `?` for 0."""
    if gb_per_s == 0:
        return UNMEASURED
    if gb_per_s >= 995:
        return _with_unit(two_digits(gb_per_s / 1000), "TB/s")
    return _with_unit(two_digits(gb_per_s), "GB/s")


def rate_of(case: Case) -> str:
    """Return the rate of `case` in what its kernel is bound by: arithmetic, else bytes."""
    if case.tflop_per_s:
        return _with_unit(two_digits(case.tflop_per_s), "TFLOP/s")
    return in_rate(case.gb_per_s or 0.0)


def in_percent(ratio: float) -> str:
    """Return a ratio as a percentage; `?` for 0.

    Beside 100 % two digits would hide, or make up, as much as the last step of a ladder gains.
    """
    if not ratio:
        return UNMEASURED
    percent = ratio * 100
    return _with_unit(f"{percent:.0f}" if 100 <= percent < 200 else two_digits(percent), "%")


def in_bytes(count: int) -> str:
    """Return a size in GB or MB, of 10^9 and 10^6 bytes."""
    if count >= 995_000_000:
        return _with_unit(two_digits(count / 1e9), "GB")
    return _with_unit(two_digits(count / 1e6), "MB")


def in_whole_percent(percent: int) -> str:
    """Return a percentage of a profile, which is whole."""
    return _with_unit(str(percent), "%")


def _profile_figure(seen: Profile, figure: str) -> str:
    percent, read = dict(seen.percent), dict(seen.read)
    if figure in percent:
        return in_whole_percent(percent[figure])
    return in_bytes(read[figure]) if figure in read else seen.stall


def _with_unit(number: str, unit: str) -> str:
    """Return both with a space at which no line ends."""
    return f"{number}\u00a0{unit}"


def _time_us(case: Case) -> float:
    return case.time_us.median if case.time_us else 0.0


def _version(receipt: Receipt, name: str) -> Version | None:
    return next((version for version in receipt.versions if version.name == name), None)


def _is_covered(kernel: Kernel, file: str) -> bool:
    """Return whether the receipt's hash covers `file` of the kernel's folder."""
    return file.endswith((".h", ".cuh")) or file in (
        kernel.file,
        *(output.file for output in kernel.outputs),
    )


def _kernel_path(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise _outside(name)
    # As posix, so that `a//a.cu` is known as the kernel's own file.
    return path.as_posix() if len(path.parts) > 1 else f"{path.stem}/{path.name}"


def _inside(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a name too long, a link to itself: read_text says so
        return True


def _broken(kernel: str) -> SnippetError:
    """Return what is told of where the kernel.yml stands, once, and so needs no words here."""
    return SnippetError(BROKEN_KERNEL, f"kernel '{kernel}' has problems", "Mend its kernel.yml.")


def _outside(name: str) -> SnippetError:
    return SnippetError(
        "outside-kernels",
        f"`{name}` leaves kernels/",
        "Move the code into kernels/ and name it relative to that folder.",
    )


def _fix(bug: BugSpec) -> str:
    return "\n".join(edit.find.strip("\n") for edit in bug.edits)


def _not_in_receipt(kernel: Kernel, what: str) -> SnippetError:
    return SnippetError(
        "not-in-receipt",
        f"the receipt of {kernel.name} holds no {what}",
        f"Run `uv run build.py verify {kernel.name} --refresh` on a machine with a GPU.",
    )


def _unknown_directive(name: str, here: tuple[str, ...]) -> SnippetError:
    everywhere = (*CODE_DIRECTIVES, "blank", *FIGURE_DIRECTIVES)
    if name in everywhere:
        place = "a code fence" if name in (*CODE_DIRECTIVES, "blank") else "prose"
        return SnippetError(
            "directive-place", f"{{{{#{name}}}}} does not belong here", f"It stands in {place}."
        )
    hint = did_you_mean(name, everywhere) or f"Here you may write: {', '.join(here)}."
    return SnippetError("unknown-directive", f"unknown directive '{name}'", hint)
