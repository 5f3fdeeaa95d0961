"""What `report` counts of receipts, questions and the glossary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import write_tree

from warpdeck import report, workspace
from warpdeck.cli import main
from warpdeck.report import KernelCount, Report

RECEIPT = "kernels/vector-add/receipts/test-gpu.json"


def made(project: Path) -> Report:
    found, problems = workspace.read(project, allow_stale=True)
    assert found and problems == []
    return report.make(found.source, found.kernels, found.receipts)


def with_receipt(project: Path, **changes: Any) -> KernelCount:
    """Change the one version of the project's receipt; return what is counted of its kernel."""
    document = json.loads((project / RECEIPT).read_text())
    bugs = changes.pop("bugs", [])
    document["bugs"] = bugs
    document["versions"][0] |= changes
    (project / RECEIPT).write_text(json.dumps(document))
    return made(project).kernels[0]


def case(shape: list[int], error: float = 0.0, tolerance: float = 0.0) -> dict[str, Any]:
    return {"shape": shape, "seed": 1, "max_error": error, "tolerance": tolerance}


TIMED = {
    **case([1024]),
    "time_us": {"median": 2.0, "min": 1.9, "max": 2.5, "runs": 50},
    "gb_per_s": 6.1,
    "ratio_to_limit": 0.5,
}


def test_the_case_nearest_to_its_tolerance_is_the_worst(project: Path) -> None:
    cases = [TIMED, case([1], 3e-3, 1e-2), case([2], 9e-5, 1e-4), case([1], 1e-3, 1.0)]
    count = with_receipt(project, cases=cases)
    assert (count.max_error, count.tolerance) == (9e-5, 1e-4)
    assert count.sizes == 3, "a shape counts once"
    assert count.sanitizers == ("memcheck", "racecheck", "initcheck", "synccheck")


def test_bugs_are_counted_by_the_detector_that_caught_them(project: Path) -> None:
    bugs = [
        {"id": name, "version": "add", "detector": detector, "seen": "x"}
        for name, detector in (("a", "racecheck"), ("b", "compare"), ("c", "compare"))
    ]
    assert with_receipt(project, bugs=bugs).caught == {"compare": 2, "racecheck": 1}


def test_a_receipt_may_say_nothing_of_mutants(project: Path) -> None:
    assert with_receipt(project).mutants is None


def argue(project: Path, survivors: list[dict[str, str]]) -> None:
    """Give kernel.yml the reason of each survivor, without which its receipt counts for nothing."""
    lines = (f"  - {{ mutant: '{s['mutant']}', reason: '{s['reason']}' }}\n" for s in survivors)
    kernel = project / "kernels/vector-add/kernel.yml"
    kernel.write_text(f"{kernel.read_text()}mutants: true\nsurvivors:\n{''.join(lines)}")


def test_a_stale_kernel_has_no_figures(project: Path) -> None:
    path = project / "kernels/vector-add/vector-add.cu"
    path.write_text(path.read_text() + "\n")
    (count,) = made(project).kernels
    assert (count.receipt, count.gpu, count.sizes) == ("missing or stale", "", 0)
    assert (count.sanitizers, dict(count.caught), count.mutants) == ((), {}, None)


def test_baseline_of_the_fastest_step(project: Path) -> None:
    kernel = project / "kernels/vector-add/kernel.yml"
    kernel.write_text(
        kernel.read_text() + "  - name: twice\n    anchor: add\n    labels: { en: twice }\n"
    )
    document = json.loads((project / RECEIPT).read_text())
    compared = {**TIMED, "baseline": {"name": "cuBLAS", "ratio": 0.9}, "tflop_per_s": 12.5}
    document["versions"].append(document["versions"][0] | {"name": "twice", "cases": [compared]})
    found, _ = workspace.read(project, allow_stale=True)
    assert found
    from warpdeck.receipts import source_sha256

    document["source_sha256"] = source_sha256(project, found.kernels[0])
    (project / RECEIPT).write_text(json.dumps(document))
    (count,) = made(project).kernels
    assert (count.best, count.ratio_to_limit) == ("twice", 0.5)
    assert count.baseline and (count.baseline.name, count.baseline.ratio) == ("cuBLAS", 0.9)


def test_mutants_that_no_check_could_kill_do_not_count(project: Path) -> None:
    survivors = [
        {"mutant": "add:2:5:compare", "mutation": "`<` → `<=`", "reason": "equivalent: x"},
        {"mutant": "add:3:5:plus", "mutation": "`+` → `-`", "reason": "undetected: y"},
    ]
    mutants = {
        "made": 104,
        "killed": 99,
        "by": {"compare": 99},
        "equivalent": 3,
        "survivors": survivors,
    }
    argue(project, survivors)
    count = with_receipt(project, mutants=mutants).mutants
    assert count and (count.made, count.killed, count.equivalent, count.total) == (104, 99, 4, 100)


def test_json_has_coverage_and_glossary_where_the_project_has_them(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--json"], project) == 0
    assert not {"coverage", "glossary"} & json.loads(capsys.readouterr().out).keys()
    add_lists(project)
    assert main(["report", "--json"], project) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["coverage"] == {
        "questions": [
            {"id": "H01", "titles": {"en": "Threads", "zh": "线程"}, "notes": ["bas-warp-size"]},
            {"id": "H02", "titles": {"zh": "存储"}, "notes": []},
        ],
        "open": ["H02"],
    }
    assert data["glossary"] == {"terms": 1}


def test_tables_say_what_is_proven_and_what_is_open(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_lists(project)
    assert main(["report"], project) == 0
    shown = capsys.readouterr().out
    assert "vector-add  1      0          0          4 of 4" in shown
    assert "questions: 1 of 2 answered" in shown and "open: H02" in shown
    assert "glossary: 1 term\n" in shown
    assert main(["report", "--coverage"], project) == 0
    shown = capsys.readouterr().out
    assert "Threads   bas-warp-size" in shown and "存储      open" in shown


def test_coverage_of_a_project_without_questions_is_wrong_usage(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--coverage"], project) == 2
    assert "source/questions.yml" in capsys.readouterr().err


def add_lists(project: Path) -> None:
    """Add a list of questions, one of them answered, and a glossary."""
    write_tree(
        project,
        {
            "source/questions.yml": "H01: { en: Threads, zh: 线程 }\nH02: { zh: 存储 }\n",
            "source/glossary.yml": "- { en: warp, zh: 线程束, not: { zh: [线程捆] } }\n",
        },
    )
    for language in ("zh", "en"):
        path = project / f"source/basics/{language}.md"
        text = path.read_text().replace(
            "#bas-warp-size .level-1", '#bas-warp-size .level-1 tags="q::H01"'
        )
        path.write_text(text)
