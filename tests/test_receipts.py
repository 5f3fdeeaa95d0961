"""A receipt speaks of the code in the tree, or it is missing, stale or broken, and says so."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from warpdeck import jsonfile, receipts
from warpdeck.kernels import load_kernels
from warpdeck.model import Edit, Kernel, Receipt, WarpdeckError

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "tests" / "samples" / "verify" / "project"
TOY = Path("kernels") / "toy"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "project"))


def toy(project: Path) -> Kernel:
    (kernel,), found = load_kernels(project)
    assert found == []
    return kernel


def document(project: Path, gpu: str = "Toy GPU 9000") -> dict[str, Any]:
    """Return a receipt that proves all that the toy kernel asks for."""
    kernel = toy(project)
    timed = {
        "shape": [64, 32],
        "seed": 1,
        "max_error": 0.0,
        "tolerance": 0.0,
        "time_us": {"median": 125.0, "min": 124.0, "max": 126.0, "runs": 5},
        "gb_per_s": 3200,
        "ratio_to_limit": 0.8,
    }
    return {
        "kernel": "toy",
        "gpu": gpu,
        "driver": "600.1",
        "nvcc": "13.0.88",
        "flags": ["-O3"],
        "date": "2026-11-23",
        "source_sha256": receipts.source_sha256(project, kernel),
        "limit": {"name": "copy", "gb_per_s": 4000},
        "versions": [
            {
                "name": step.name,
                "anchor": step.anchor,
                "cases": [dict(timed)],
                "sanitizers": dict.fromkeys(receipts.SANITIZERS, "pass"),
            }
            for step in kernel.steps
        ],
        "bugs": [
            {"id": bug.id, "version": bug.version, "detector": bug.expect, "seen": "it"}
            for bug in kernel.bugs
        ],
        "outputs": [{"id": output.id, "stdout": "hello\n"} for output in kernel.outputs],
    }


def best(project: Path) -> tuple[Receipt | None, list[str]]:
    receipt, found = receipts.best(project, toy(project))
    return receipt, [str(problem) for problem in found]


# --- reading and writing -------------------------------------------------------


def test_what_is_written_is_read_back(project: Path) -> None:
    path = receipts.write(project, toy(project), document(project))
    assert path == project / TOY / "receipts" / "toy-gpu-9000.json"
    receipt, found = best(project)
    assert found == []
    assert receipt == receipts.parse(document(project))
    assert receipt is not None
    assert receipt.versions[1].cases[0].time_us is not None
    assert receipt.versions[1].cases[0].ratio_to_limit == 0.8


@pytest.mark.parametrize(
    ("limit", "shown"), [("FP32 peak", 1.5), ("memory peak", None), ("both copies", None)]
)
def test_flops_are_shown_where_arithmetic_is_the_limit(
    project: Path, limit: str, shown: float | None
) -> None:
    data = document(project)
    data["versions"][1]["cases"][0] |= {"tflop_per_s": 1.5, "limit": {"name": limit}}
    receipt = receipts.parse(data)
    assert receipt.versions[1].cases[0].tflop_per_s == shown


def test_our_own_receipts_are_whole() -> None:
    for kernel in load_kernels(ROOT)[0]:
        assert receipts.load(ROOT, kernel)[1] == []


def test_the_file_has_a_case_a_line_and_is_the_same_each_time(project: Path) -> None:
    data = jsonfile.dump(document(project))
    assert data == jsonfile.dump(json.loads(data))
    lines = [line for line in data.decode().splitlines() if '"shape"' in line]
    assert len(lines) == 2
    assert json.loads(data) == document(project)


def test_a_name_of_a_gpu_becomes_a_file_name(project: Path) -> None:
    path = receipts.path_of(project, toy(project), "../../NVIDIA RTX™ 4090 / Ti")
    assert path.name == "nvidia-rtx-4090-ti.json"
    assert path.parent == project / TOY / "receipts"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda d: d["versions"].pop(), "version 'fast' is not in it"),
        (lambda d: d["versions"][0]["sanitizers"].update(racecheck="Race"), "pass racecheck: Race"),
        (lambda d: d["versions"][0]["sanitizers"].pop("initcheck"), "initcheck: not run"),
        (lambda d: d["versions"][1]["cases"][0].update(max_error=0.5), "is off by 0.5"),
        (lambda d: d["versions"][1]["cases"][0].pop("time_us"), "'fast' was not timed"),
        (lambda d: d["bugs"].pop(0), "bug 'wrong-value' is not in it"),
        (lambda d: d["bugs"][1].update(detector="compare"), "caught by compare, not racecheck"),
        (lambda d: d["outputs"].clear(), "output 'hello' is not in it"),
        (lambda d: d.update(kernel="other"), "it is of kernel 'other'"),
        (lambda d: d.pop("driver"), "'driver' is a required property"),
        (lambda d: d.update(date="yesterday"), "date: "),
        (lambda d: d["versions"][0]["cases"][0].update(gb_per_s=-1), "gb_per_s"),
        (lambda d: d["versions"][0].update(cases=[]), "versions.0.cases"),
        (lambda d: d["bugs"][0].update(seen="a\x1fb"), "bug 'wrong-value' holds U+001F"),
        (lambda d: d["outputs"][0].update(stdout="\x1b[1m"), "output 'hello' holds U+001B"),
    ],
)
def test_what_does_not_prove_all_is_neither_written_nor_believed(
    project: Path, spoil: Callable[[dict[str, Any]], object], told: str
) -> None:
    whole = document(project)
    path = receipts.write(project, toy(project), whole)
    before = path.read_bytes()
    spoiled = copy.deepcopy(whole)
    spoil(spoiled)
    with pytest.raises(WarpdeckError, match=r"not a whole receipt") as caught:
        receipts.write(project, toy(project), spoiled)
    assert told in str(caught.value)
    assert path.read_bytes() == before
    path.write_text(json.dumps(spoiled), "utf-8")
    receipt, found = best(project)
    assert receipt is None
    assert any(told in line for line in found), found


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda data: data[: len(data) // 2], "this is not JSON"),
        (lambda data: b"", "this is not JSON"),
        (lambda data: b"[]", "is not of type 'object'"),
        (lambda data: b"[" * 100_000, "this is not JSON"),
        (lambda data: data.replace(b"125.0", b"NaN"), "NaN is no number"),
        (lambda data: data.replace(b"600.1", b"\\ud800", 1), "this is not JSON"),
        (lambda data: b"<<<<<<< HEAD\n" + data, "1:1: not a whole receipt: this is not JSON"),
        (lambda data: b"\xff" + data, "is not UTF-8"),
    ],
)
def test_a_broken_file_is_told_with_the_way_out(
    project: Path, spoil: Callable[[bytes], bytes], told: str
) -> None:
    path = receipts.write(project, toy(project), document(project))
    path.write_bytes(spoil(path.read_bytes()))
    receipt, found = best(project)
    assert receipt is None
    assert len(found) == 1
    assert found[0].startswith("kernels/toy/receipts/toy-gpu-9000.json:")
    assert told in found[0]


# --- freshness -----------------------------------------------------------------


def test_a_missing_receipt_names_the_command_that_makes_it(project: Path) -> None:
    receipt, found = best(project)
    assert receipt is None
    assert found == [
        "kernels/toy/kernel.yml:1:1: kernel 'toy' has never been verified. On a machine with a "
        "GPU run `uv run build.py verify toy`, or build with --allow-stale."
    ]


@pytest.mark.parametrize(
    "file",
    ["toy/toy.cu", "toy/hello.cu", "harness/harness.h", "harness/new.h", "toy/own.cuh"],
)
def test_any_byte_of_the_code_makes_it_stale(project: Path, file: str) -> None:
    receipts.write(project, toy(project), document(project))
    path = project / "kernels" / file
    path.write_text((path.read_text("utf-8") if path.exists() else "") + "// x\n", "utf-8")
    receipt, found = best(project)
    assert receipt is None
    assert len(found) == 1
    assert "has changed since it was verified" in found[0]
    assert "uv run build.py verify toy" in found[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-O3", "-O2"),
        ("shape: [64, 32]", "shape: [64, 33]"),
        ("expect: time", "expect: compare"),
        ('replace: "250"', 'replace: "251"'),
        ("- id: slow", "- id: slower"),
        ("limit: copy", "limit: fast"),
        ("- id: hello", "- id: hi"),
    ],
)
def test_what_a_run_uses_of_kernel_yml_makes_it_stale(project: Path, old: str, new: str) -> None:
    before = receipts.source_sha256(project, toy(project))
    path = project / TOY / "kernel.yml"
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    assert receipts.source_sha256(project, toy(project)) != before


@pytest.mark.parametrize("name", ["harness/.DS_Store", "harness/harness.h~", "toy/._own.h"])
def test_what_an_editor_leaves_behind_leaves_it_fresh(project: Path, name: str) -> None:
    receipts.write(project, toy(project), document(project))
    (project / "kernels" / name).write_text("x")
    assert best(project)[1] == []


def test_two_files_that_swap_their_bytes_are_a_change(project: Path) -> None:
    before = receipts.source_sha256(project, toy(project))
    one, two = (project / "kernels" / "harness" / name for name in ("harness.h", "a.h"))
    two.write_text("// a", "utf-8")
    with_both = receipts.source_sha256(project, toy(project))
    text = one.read_text("utf-8")
    one.write_text(two.read_text("utf-8"), "utf-8")
    two.write_text(text, "utf-8")
    assert len({before, with_both, receipts.source_sha256(project, toy(project))}) == 3


def test_words_and_line_ends_leave_it_fresh(project: Path) -> None:
    receipts.write(project, toy(project), document(project))
    path = project / TOY / "kernel.yml"
    path.write_text(
        path.read_text("utf-8").replace("玩具", "小玩具").replace("快", "更快"), "utf-8"
    )
    code = project / TOY / "toy.cu"
    code.write_bytes(code.read_bytes().replace(b"\n", b"\r\n"))
    assert best(project)[1] == []
    assert best(project)[0] is not None


def test_an_edit_of_a_bug_changes_the_hash(project: Path) -> None:
    kernel = toy(project)
    bug = replace(kernel.bugs[0], edits=(Edit("fast: right 125", "fast: wrong 126"),))
    other = replace(kernel, bugs=(bug, *kernel.bugs[1:]))
    assert receipts.source_sha256(project, kernel) != receipts.source_sha256(project, other)


def test_a_second_gpu_changes_no_card(project: Path) -> None:
    receipts.write(project, toy(project), document(project, "Z old"))
    later = {**document(project, "A new"), "date": "2027-01-01"}
    receipts.write(project, toy(project), later)
    receipt, found = best(project)
    assert found == []
    assert receipt is not None
    assert receipt.gpu == "Z old"
    assert len(receipts.load(project, toy(project))[0]) == 2


def test_a_fresh_receipt_does_not_hide_a_broken_one(project: Path) -> None:
    receipts.write(project, toy(project), document(project))
    (project / TOY / "receipts" / "other.json").write_text("{", "utf-8")
    receipt, found = best(project)
    assert receipt is not None
    assert len(found) == 1
    assert "other.json:1:2" in found[0]
