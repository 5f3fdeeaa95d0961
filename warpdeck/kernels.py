"""kernels/<op>/kernel.yml of a CUDA kernel: everything about an operation that is not code.

Owns: which of the three forms the file has (programs.py reads that of host programs), reading
it, and whether what it names is there: files, anchors, steps, the text that a bug edits. Must
not know nvcc, receipts or notes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from warpdeck import yamlfile
from warpdeck.files import read_text
from warpdeck.model import (
    BugSpec,
    Edit,
    Kernel,
    Location,
    OutputSpec,
    Problem,
    StepSpec,
    SurvivorSpec,
)
from warpdeck.snippets import SnippetError, anchors, apply_edits, did_you_mean, region
from warpdeck.yamlfile import Yaml


def load_kernels(root: Path) -> tuple[tuple[Kernel, ...], list[Problem]]:
    """Read every kernels/*/kernel.yml of the project at `root` that is a kernel's, by name.

    A kernel with problems is left out, so that what names it fails only once, here. A file
    that cannot be read is told here, whichever form it was meant to have.
    """
    kernels, problems = [], []
    for path in sorted((root / "kernels").glob("*/kernel.yml")):
        kernel, found = load_kernel(path, path.relative_to(root).as_posix())
        problems += found
        if kernel:
            kernels.append(kernel)
    return tuple(kernels), problems


def form(data: Any) -> str:
    """Return which form the data of a kernel.yml has, the name of its schema."""
    keys = data if isinstance(data, dict) else {}
    if "programs" in keys:
        return "host"
    return "outputs" if "outputs" in keys and "file" not in keys else "kernel"


def load_kernel(path: Path, shown: str) -> tuple[Kernel | None, list[Problem]]:
    """Read one kernel.yml; `shown` is its path for messages. The folder is its name.

    Returns no kernel and no problem for a whole file of the other form.
    """
    yaml, problems = yamlfile.load(path, shown, form)
    if yaml is None or form(yaml.data) == "host":
        return None, problems
    kernel = _kernel(path.parent.name, yaml)
    problems = [*_names(kernel, yaml), *_files(kernel, yaml, path.parent)]
    if kernel.file:
        name = f"{Path(shown).parent}/{kernel.file}"
        code, unreadable = read_text(path.parent / kernel.file, name)
        if not unreadable:
            problems += [*_anchors(kernel, yaml, code), *_edits(kernel, yaml, code)]
    return (None if problems else kernel), problems


def _kernel(name: str, yaml: Yaml) -> Kernel:
    data: dict[str, Any] = yaml.data
    limit = data.get("limit", "")
    return Kernel(
        name=name,
        file=data.get("file", ""),
        flags=tuple(data["flags"]),
        limit=limit if isinstance(limit, str) else "",
        limit_labels=() if isinstance(limit, str) else tuple(limit.items()),
        draft=data.get("draft", False),
        arch=data.get("arch", ""),
        shape=tuple(data.get("shape") or ()),
        steps=tuple(
            StepSpec(step["name"], step.get("anchor", step["name"]), tuple(step["labels"].items()))
            for step in data.get("steps") or ()
        ),
        bugs=tuple(
            BugSpec(
                bug["id"],
                bug["version"],
                edits(bug),
                bug["expect"],
            )
            for bug in data.get("bugs") or ()
        ),
        outputs=tuple(
            OutputSpec(output["id"], output["file"]) for output in data.get("outputs") or ()
        ),
        mutants=data.get("mutants", False),
        profile=data.get("profile", False),
        survivors=tuple(
            SurvivorSpec(mutant, entry["reason"], yaml.at("survivors", index, "mutant", number))
            for index, entry in enumerate(data.get("survivors") or ())
            for number, mutant in enumerate(_several(entry["mutant"]))
        ),
        large=tuple(tuple(shape) for shape in data.get("large") or ()),
        timed=tuple(tuple(shape) for shape in data.get("timed") or ()),
    )


def _several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def edits(bug: Mapping[str, Any]) -> tuple[Edit, ...]:
    """Return the edits of a bug in the data of a kernel.yml."""
    return tuple(Edit(edit["find"], edit["replace"]) for edit in bug["edits"])


def _names(kernel: Kernel, yaml: Yaml) -> Iterator[Problem]:
    steps = [step.name for step in kernel.steps]
    yield from unique(steps, "steps", "name", yaml)
    yield from unique([bug.id for bug in kernel.bugs], "bugs", "id", yaml)
    yield from unique([output.id for output in kernel.outputs], "outputs", "id", yaml)
    named = [spec.mutant for spec in kernel.survivors]
    for index, spec in enumerate(kernel.survivors):
        if spec.mutant in named[:index]:
            message = f"survivors argues '{spec.mutant}' a second time"
            yield Problem(spec.at, "twice", message, "Delete one of the two.")
    if kernel.limit and kernel.limit not in steps:
        yield _unknown_step(kernel.limit, steps, yaml, "limit")
    for index, bug in enumerate(kernel.bugs):
        if bug.version not in steps:
            yield _unknown_step(bug.version, steps, yaml, "bugs", index, "version")


def unique(names: Sequence[str], group: str, key: str, yaml: Yaml) -> Iterator[Problem]:
    """Yield a problem for each name that `group` holds a second time."""
    counts = Counter(names)
    for index, name in enumerate(names):
        if counts[name] > 1 and name in names[:index]:
            yield Problem(
                yaml.at(group, index, key),
                "twice",
                f"{group} holds '{name}' a second time",
                "Give one of the two another name.",
            )


def _unknown_step(name: str, steps: list[str], yaml: Yaml, *keys: str | int) -> Problem:
    hint = did_you_mean(name, steps) or f"Steps: {', '.join(steps)}."
    return Problem(yaml.at(*keys), "unknown-step", f"there is no step '{name}'", hint)


def _files(kernel: Kernel, yaml: Yaml, folder: Path) -> Iterator[Problem]:
    named = [(kernel.file, ("file",))] if kernel.file else []
    named += [(o.file, ("outputs", i, "file")) for i, o in enumerate(kernel.outputs)]  # type: ignore[misc]
    for name, keys in named:
        yield from missing_file(folder / name, yaml.at(*keys))


def missing_file(path: Path, at: Location) -> Iterator[Problem]:
    """Yield a problem where a file that kernel.yml names is not beside it."""
    if not path.is_file():
        beside = path.parent.glob(f"*{path.suffix}")
        hint = did_you_mean(path.name, [p.name for p in beside if p.is_file()])
        message = f"there is no file '{path.name}' beside kernel.yml"
        yield Problem(at, "missing-file", message, hint or "Write it.")
    elif not path.resolve().is_relative_to(path.parent.parent.resolve()):
        message = f"'{path.name}' is a link that leaves kernels/"
        yield Problem(at, "outside-kernels", message, "Put the file itself here.")


def _anchors(kernel: Kernel, yaml: Yaml, code: str) -> Iterator[Problem]:
    known = anchors(code)
    for index, step in enumerate(kernel.steps):
        if step.anchor not in known:
            hint = did_you_mean(step.anchor, known) or f"Mark it: `// ANCHOR: {step.anchor}`."
            message = f"{kernel.file} has no anchor '{step.anchor}'"
            yield Problem(yaml.at("steps", index, "anchor"), "unknown-anchor", message, hint)


def _edits(kernel: Kernel, yaml: Yaml, code: str) -> Iterator[Problem]:
    by_name = {step.name: step.anchor for step in kernel.steps}
    for index, bug in enumerate(kernel.bugs):
        try:
            broken = region(code, by_name[bug.version])
        except (KeyError, SnippetError):
            continue  # said where the step or its anchor is named
        yield from misfits(broken, bug, index, yaml)


def misfits(code: str, bug: BugSpec, index: int, yaml: Yaml) -> Iterator[Problem]:
    """Yield a problem for each edit of `bug`, the `index`th of the file, that `code` refuses."""
    for number, edit in enumerate(bug.edits):
        try:
            code = apply_edits(code, [edit])
        except SnippetError as error:
            yield error.at(yaml.at("bugs", index, "edits", number, "find"))
