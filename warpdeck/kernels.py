"""kernels/<op>/kernel.yml: everything about an operation that is not code.

Owns: reading it, and whether what it names is there: files, anchors, steps, the text that a
bug edits. Must not know nvcc, receipts or notes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from warpdeck import yamlfile
from warpdeck.files import read_text
from warpdeck.model import BugSpec, Edit, Kernel, OutputSpec, Problem, StepSpec, SurvivorSpec
from warpdeck.snippets import SnippetError, anchors, apply_edits, did_you_mean, region
from warpdeck.yamlfile import Yaml


def load_kernels(root: Path) -> tuple[tuple[Kernel, ...], list[Problem]]:
    """Read every kernels/*/kernel.yml of the project at `root`, sorted by name.

    A kernel with problems is left out, so that what names it fails only once, here.
    """
    kernels, problems = [], []
    for path in sorted((root / "kernels").glob("*/kernel.yml")):
        kernel, found = load_kernel(path, path.relative_to(root).as_posix())
        problems += found
        if kernel:
            kernels.append(kernel)
    return tuple(kernels), problems


def load_kernel(path: Path, shown: str) -> tuple[Kernel | None, list[Problem]]:
    """Read one kernel.yml; `shown` is its path for messages. The folder is its name."""
    yaml, problems = yamlfile.load(path, shown, "kernel")
    if yaml is None:
        return None, problems
    kernel = _kernel(path.parent.name, yaml)
    problems = [*_names(kernel, yaml), *_files(kernel, yaml, path.parent)]
    code, unreadable = read_text(path.parent / kernel.file, f"{Path(shown).parent}/{kernel.file}")
    if not unreadable:
        problems += [*_anchors(kernel, yaml, code), *_edits(kernel, yaml, code)]
    return (None if problems else kernel), problems


def _kernel(name: str, yaml: Yaml) -> Kernel:
    data: dict[str, Any] = yaml.data
    return Kernel(
        name=name,
        file=data["file"],
        flags=tuple(data["flags"]),
        limit=data["limit"],
        shape=tuple(data["shape"]),
        steps=tuple(
            StepSpec(step["name"], step.get("anchor", step["name"]), tuple(step["labels"].items()))
            for step in data["steps"]
        ),
        bugs=tuple(
            BugSpec(
                bug["id"],
                bug["version"],
                tuple(Edit(edit["find"], edit["replace"]) for edit in bug["edits"]),
                bug["expect"],
            )
            for bug in data.get("bugs") or ()
        ),
        outputs=tuple(
            OutputSpec(output["id"], output["file"]) for output in data.get("outputs") or ()
        ),
        mutants=data.get("mutants", False),
        survivors=tuple(
            SurvivorSpec(mutant, entry["reason"], yaml.at("survivors", index, "mutant", number))
            for index, entry in enumerate(data.get("survivors") or ())
            for number, mutant in enumerate(_several(entry["mutant"]))
        ),
        large=tuple(data.get("large") or ()),
    )


def _several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _names(kernel: Kernel, yaml: Yaml) -> Iterator[Problem]:
    steps = [step.name for step in kernel.steps]
    yield from _unique(steps, "steps", "name", yaml)
    yield from _unique([bug.id for bug in kernel.bugs], "bugs", "id", yaml)
    yield from _unique([output.id for output in kernel.outputs], "outputs", "id", yaml)
    named = [spec.mutant for spec in kernel.survivors]
    for index, spec in enumerate(kernel.survivors):
        if spec.mutant in named[:index]:
            message = f"survivors argues '{spec.mutant}' a second time"
            yield Problem(spec.at, "twice", message, "Delete one of the two.")
    if kernel.limit not in steps:
        yield _unknown_step(kernel.limit, steps, yaml, "limit")
    for index, bug in enumerate(kernel.bugs):
        if bug.version not in steps:
            yield _unknown_step(bug.version, steps, yaml, "bugs", index, "version")


def _unique(names: Sequence[str], group: str, key: str, yaml: Yaml) -> Iterator[Problem]:
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
    named = [(kernel.file, ("file",))]
    named += [(o.file, ("outputs", i, "file")) for i, o in enumerate(kernel.outputs)]  # type: ignore[misc]
    for name, keys in named:
        path = folder / name
        if not path.is_file():
            hint = did_you_mean(name, [p.name for p in folder.glob("*.cu") if p.is_file()])
            message = f"there is no file '{name}' beside kernel.yml"
            yield Problem(yaml.at(*keys), "missing-file", message, hint or "Write it.")
        elif not path.resolve().is_relative_to(folder.parent.resolve()):
            message = f"'{name}' is a link that leaves kernels/"
            yield Problem(yaml.at(*keys), "outside-kernels", message, "Put the file itself here.")


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
        for number, edit in enumerate(bug.edits):
            try:
                broken = apply_edits(broken, [edit])
            except SnippetError as error:
                yield error.at(yaml.at("bugs", index, "edits", number, "find"))
