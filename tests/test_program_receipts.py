"""A program's receipt is fresh, stale, missing or broken, and says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from warpdeck import program_receipts
from warpdeck.model import HostOperation, ProgramReceipt, ProgramSpec, WarpdeckError
from warpdeck.programs import load_programs

SAMPLE = Path(__file__).resolve().parent / "samples" / "host"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "project"))


def named(project: Path, name: str = "mean") -> tuple[HostOperation, ProgramSpec]:
    operations, found = load_programs(project)
    assert found == []
    operation = next(operation for operation in operations if operation.name == name)
    return operation, operation.programs[0]


def document(project: Path, name: str = "mean") -> dict[str, Any]:
    """Return a receipt that proves all that the program asks for."""
    operation, program = named(project, name)
    return {
        "kernel": operation.name,
        "program": program.id,
        "runner": "python" if program.file.endswith(".py") else "g++",
        "tools": {"Tool": "1.2.3"},
        "machine": {"cpu": "Toy CPU"},
        "flags": list(program.flags),
        "date": "2026-11-23",
        "source_sha256": program_receipts.source_sha256(project, operation, program),
        "stdout": "it ran\n",
        "sanitizers": dict.fromkeys(program_receipts.sanitizers(program), "pass"),
        "bugs": [{"id": bug.id, "detector": bug.expect, "seen": "wrong"} for bug in operation.bugs],
    }


def edit(project: Path, name: str, old: str, new: str) -> None:
    path = project / "kernels" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def fresh(project: Path, name: str = "mean") -> tuple[ProgramReceipt | None, list[str]]:
    receipt, found = program_receipts.fresh(project, *named(project, name))
    return receipt, [str(problem) for problem in found]


def test_what_was_written_is_read_back(project: Path) -> None:
    path = program_receipts.write(project, *named(project, "bound"), document(project, "bound"))
    assert path == project / "kernels" / "bound" / "receipts" / "bound.json"
    receipt, found = fresh(project, "bound")
    assert found == [] and receipt
    assert (receipt.stdout, receipt.sanitizers) == ("it ran\n", ("asan", "ubsan"))
    assert [(bug.id, bug.detector) for bug in receipt.bugs] == [
        ("past-the-end", "asan"),
        ("first", "check"),
    ]


def test_a_missing_receipt_names_the_command(project: Path) -> None:
    receipt, found = fresh(project)
    assert receipt is None
    assert found == [
        "kernels/mean/kernel.yml:1:1: program 'mean' of 'mean' has never been verified. Run "
        "`uv run build.py verify mean --host`, or build with --allow-stale."
    ]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("mean/mean.py", "1e-12", "1e-11"),
        ("mean/kernel.yml", "(len(x) + 1)", "(len(x) + 2)"),
        ("mean/kernel.yml", "    file: mean.py", "    file: mean.py\n    packages: [numpy]"),
        ("mean/kernel.yml", "id: one-too-many", "id: one-more"),
    ],
)
def test_what_a_run_uses_makes_it_stale(project: Path, file: str, old: str, new: str) -> None:
    program_receipts.write(project, *named(project), document(project))
    edit(project, file, old, new)
    receipt, found = fresh(project)
    assert receipt is None
    assert "has changed since it was verified" in found[0]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("mean/kernel.yml", "en: mean", "en: the mean"),
        ("bound/bound.cpp", "3, 1, 4", "2, 7, 1"),
        ("bound/kernel.yml", "-O1", "-O2"),
    ],
)
def test_titles_and_other_programs_do_not(project: Path, file: str, old: str, new: str) -> None:
    program_receipts.write(project, *named(project), document(project))
    edit(project, file, old, new)
    assert fresh(project)[0]


def test_line_ends_of_windows_are_no_change(project: Path) -> None:
    program_receipts.write(project, *named(project), document(project))
    path = project / "kernels" / "mean" / "mean.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert fresh(project)[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.pop("stdout"), "'stdout' is a required property"),
        (lambda data: data.update(stdout=""), "stdout: "),
        (lambda data: data.update(stdout="\x1b[31mred"), "stdout holds U+001B"),
        (lambda data: data.update(sanitizers={"asan": "pass"}), "it did not run under ubsan"),
        (lambda data: data["sanitizers"].update(asan="leak"), "'pass' was expected"),
        (lambda data: data["bugs"].pop(), "bug 'first' is not in it"),
        (lambda data: data["bugs"][0].update(detector="check"), "was caught by check, not asan"),
        (lambda data: data["bugs"][0].update(seen="\x07"), "bug 'past-the-end' holds U+0007"),
        (lambda data: data.update(program="other"), "it is of program 'other' of 'bound'"),
    ],
)
def test_a_receipt_that_proves_less_is_broken_and_never_written(
    project: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    data = document(project, "bound")
    path = program_receipts.write(project, *named(project, "bound"), data)
    change(data)
    before = path.read_bytes()
    with pytest.raises(WarpdeckError, match="not a whole receipt"):
        program_receipts.write(project, *named(project, "bound"), data)
    assert path.read_bytes() == before
    path.write_text(json.dumps(data), "utf-8")
    receipt, found = fresh(project, "bound")
    assert receipt is None
    assert said in found[0]


def test_a_truncated_receipt_is_broken(project: Path) -> None:
    path = program_receipts.write(project, *named(project), document(project))
    path.write_bytes(path.read_bytes()[:50])
    assert "this is not JSON" in fresh(project)[1][0]


def test_a_receipt_of_no_program_is_told(project: Path) -> None:
    path = program_receipts.write(project, *named(project), document(project))
    operation, _ = named(project)
    assert list(program_receipts.orphans(project, operation)) == []
    path.rename(path.with_name("gone.json"))
    (problem,) = program_receipts.orphans(project, operation)
    assert str(problem) == (
        "kernels/mean/receipts/gone.json:1:1: kernel.yml has no program 'gone'. Delete the file."
    )


def test_a_gpu_that_was_asked_for_must_be_named(project: Path) -> None:
    edit(project, "mean/kernel.yml", "    file: mean.py", "    file: mean.py\n    gpu: true")
    with pytest.raises(WarpdeckError, match="it ran without a GPU"):
        program_receipts.write(project, *named(project), document(project))
    data = document(project)
    data["machine"]["gpu"] = "Toy GPU"
    program_receipts.write(project, *named(project), data)
    assert fresh(project)[0]
