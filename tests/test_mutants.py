"""Mutants are compiled, run, caught or argued; scripts play compiler, sanitizer and ncu."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from test_verify import TOOLS, give_gpus, only

from warpdeck import mutation, receipts
from warpdeck.kernels import load_kernels
from warpdeck.verify import batch, bugs, process, profiler, program
from warpdeck.verify.run import VerifyResult, run

SAMPLE = Path(__file__).resolve().parent / "samples" / "mutants"
COPY = Path("kernels") / "copy"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tools = only((*TOOLS, "ncu"), tmp_path / "tools")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return Path(shutil.copytree(SAMPLE, tmp_path / "project"))


def edit(project: Path, old: str, new: str, file: str = "kernel.yml") -> None:
    path = project / COPY / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def verify(project: Path, **options: Any) -> tuple[VerifyResult, list[str]]:
    kernels, found = load_kernels(project)
    assert found == []
    lines: list[str] = []
    return run(project, kernels, jobs=4, seconds=30, report=lines.append, **options), lines


def told(result: VerifyResult) -> str:
    return "\n".join(map(str, result.problems))


def written(project: Path) -> dict[str, Any]:
    path = project / COPY / "receipts" / "toy-gpu-9000.json"
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return {version["name"]: version["mutants"] for version in data["versions"]}


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sample with its receipt, made once."""
    folder = tmp_path_factory.mktemp("mutants")
    with pytest.MonkeyPatch.context() as patch:
        tools = only((*TOOLS, "ncu"), folder / "tools")
        patch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
        project = Path(shutil.copytree(SAMPLE, folder / "project"))
        result, _ = verify(project)
        assert told(result) == ""
    return project


def test_each_detector_catches_its_mutants(verified: Path) -> None:
    tile = written(verified)["tile"]
    assert tile["by"] == {
        "bank-conflicts": 1,  # found by ncu
        "compare": 9,
        "crash": 3,  # SIGABRT, SIGKILL, out of memory
        "memcheck": 1,
        "overflow": 1,  # size_t → int, at the shape `large`
        "racecheck": 1,
        "time": 1,
        "timeout": 1,
    }
    assert (tile["made"], tile["killed"], tile["equivalent"]) == (21, 18, 1)
    assert tile["survivors"][0] == {
        "mutant": "tile:4:21:index-shifted",
        "mutation": "`threadIdx.x` → `(threadIdx.x + 1)` in "
        "`if (i < n) tile[threadIdx.x] = x[size_t(i)];`",
        "reason": "equivalent: nobody reads the tile",
    }
    assert len(tile["survivors"]) == 2


def test_mutants_are_timed_at_further_shapes(project: Path) -> None:
    edit(project, "tile[(threadIdx.x-1)]: right", "tile[(threadIdx.x-1)]: uneven", "copy.cu")
    edit(project, ', "tile:4:21:index-shifted-2"]', "]")
    result, _ = verify(project)
    assert "tile:4:21:index-shifted-2" in told(result)  # no slower at `shape`
    edit(project, "large:", "timed: [[65, 33]]\nlarge:")
    (project / COPY / "receipts" / "toy-gpu-9000.json").unlink()
    result, _ = verify(project)
    assert told(result) == ""
    assert written(project)["tile"]["by"]["time"] == 2


def test_a_mutant_that_does_not_compile_is_none(verified: Path) -> None:
    whole = written(verified)["whole"]
    assert (whole["made"], whole["killed"], whole["not_compiled"]) == (1, 1, 1)


def test_the_score_leaves_out_what_is_equivalent(verified: Path) -> None:
    (kernel,), _ = load_kernels(verified)
    receipt, problems = receipts.best(verified, kernel)
    assert problems == []
    assert receipt is not None
    assert mutation.score(receipt.versions) == (19, 19)


# --- several in one process ---------------------------------------------------------------


def printed(command: Sequence[str]) -> process.Ran:
    """Play a program: 2 breaks its process unless right after the original, 3 always does.

    4 is wrong at the second shape, 5 hangs at the third, 6 is never wrong, 7 is right and ends
    the process.
    """
    numbers = [int(number) for number in command[-1].strip(",").split(",")]
    shapes = command[command.index("--shapes") + 1].split(",") if "--shapes" in command else [""]
    said, wrong = "", set[int]()
    for turn, shape in enumerate(shapes):
        for place, number in enumerate(n for n in numbers if n not in wrong):
            said += f'{{"mutant": {number}, "turn": {turn}}}\n'
            if number == 3 or (number == 2 and place > 1):
                return process.Ran(1, said, "")
            if number == 7:
                return process.Ran(0, said + '{"version": "v", "done": {"cases": 1}}\n', "")
            if number == 5 and shape == "3x3":
                return process.Ran(-signal.SIGALRM, said, "")
            if number == 4 and shape == "2x2":
                wrong.add(number)
                failure = '{"kind": "value", "shape": [2, 2], "message": "off"}'
                said += f'{{"version": "v", "failure": {failure}}}\n{{"ended": 1}}\n'
            else:
                said += '{"version": "v", "done": {"cases": 1}}\n{"ended": 0}\n'
    return process.Ran(0, said, "")


def test_a_break_counts_only_right_after_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "run", lambda command, *_: printed(command))
    found = program.run_each(Path("/mutants"), "v", [1, 2, 3, 4], 9)
    assert {n for n, run in found.items() if run.failure} == {3}
    assert sorted(found) == [0, 1, 2, 3, 4]


def test_a_mutant_that_ends_the_process_in_peace_is_not_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = iter(range(9))

    def noted(command: Sequence[str], *_: object) -> process.Ran:
        next(left)
        return printed(command)

    monkeypatch.setattr(process, "run", noted)
    found = program.run_each(Path("/mutants"), "v", [1, 7, 6], 9, shapes=["1x1", "2x2"])
    assert sorted(found) == [0, 1, 6, 7]


def test_too_little_memory_is_no_proof_of_a_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_each(*_: object) -> dict[int, program.VersionRun]:
        kinds = {0: None, 1: "memory", 2: "value"}
        failures = {n: program.Failure(kind, "") if kind else None for n, kind in kinds.items()}
        return {n: program.VersionRun({}, (), failure) for n, failure in failures.items()}

    monkeypatch.setattr(program, "run_each", run_each)
    assert bugs.timed_each("v", Path("/mutants"), [1, 2], (8, 8), 9) == {0: None, 2: None}


def test_shape_after_shape_those_that_were_right_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = list[Sequence[str]]()

    def noted(command: Sequence[str], *_: object) -> process.Ran:
        commands.append(command[-3:])
        return printed(command)

    monkeypatch.setattr(process, "run", noted)
    shapes = ["1x1", "2x2", "3x3", "4x4"]
    numbers = [1, 2, 3, 4, 5, 6]
    found = program.run_each(Path("/mutants"), "v", numbers, 9, shapes=shapes)
    kinds = {n: run.failure.kind for n, run in found.items() if run.failure}
    assert kinds == {3: "crash", 4: "value", 5: "time-limit"}
    assert sorted(found) == [0, 1, 2, 3, 4, 5, 6]
    assert [(command[0], command[2]) for command in commands] == [
        ("1x1,2x2,3x3,4x4", "0,1,2,3,4,5,6,"),
        ("1x1,2x2,3x3,4x4", "0,2,1,3,4,5,6,"),
        ("1x1,2x2,3x3,4x4", "0,3,2,1,4,5,6,"),
        ("1x1,2x2,3x3,4x4", "0,2,1,4,5,6,"),
        ("3x3,4x4", "0,5,2,1,6,"),
        ("3x3,4x4", "0,2,1,6,"),
    ]


# --- reasons ----------------------------------------------------------------------------


@pytest.fixture
def copied(verified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the verified sample on a machine that has nothing."""
    monkeypatch.setenv("PATH", "/nowhere")
    return Path(shutil.copytree(verified, tmp_path / "copied"))


def test_what_is_done_is_left_alone(copied: Path) -> None:
    before = (copied / COPY / "receipts" / "toy-gpu-9000.json").read_bytes()
    result, _ = verify(copied)
    assert result == VerifyResult((), ("copy",), ())
    assert (copied / COPY / "receipts" / "toy-gpu-9000.json").read_bytes() == before


def test_a_survivor_without_a_reason_is_told_with_the_entry_to_add(copied: Path) -> None:
    edit(copied, '"tile:4:21:index-shifted", ', "")
    result, _ = verify(copied)
    assert told(result) == (
        "kernels/copy/kernel.yml:1:1: no check of version 'tile' catches a mutant: "
        "`threadIdx.x` → `(threadIdx.x + 1)` in `if (i < n) tile[threadIdx.x] = x[size_t(i)];`. "
        "Check what it breaks, or argue it under `survivors`: "
        '`- { mutant: "tile:4:21:index-shifted", reason: "equivalent: …" }`.'
    )
    (kernel,), _ = load_kernels(copied)
    receipt, problems = receipts.best(copied, kernel)
    assert receipt is None
    assert [problem.rule for problem in problems] == ["survivor"]


def test_a_reason_is_copied_into_the_receipt_without_a_gpu(copied: Path) -> None:
    edit(copied, "nobody reads the tile", "the tile is never read")
    (kernel,), _ = load_kernels(copied)
    assert [p.rule for p in receipts.best(copied, kernel)[1]] == ["other-reason", "other-reason"]
    result, _ = verify(copied)
    assert told(result) == ""
    assert len(result.written) == 1
    reasons = {entry["reason"] for entry in written(copied)["tile"]["survivors"]}
    assert reasons == {"equivalent: the tile is never read"}
    assert receipts.best(copied, kernel)[1] == []


def test_an_argued_survivor_that_was_caught_is_told_with_its_line(copied: Path) -> None:
    edit(
        copied, '["tile:4:21:index-shifted", ', '["tile:4:11:compare", "tile:4:21:index-shifted", '
    )
    result, _ = verify(copied)
    assert told(result) == (
        "kernels/copy/kernel.yml:14:14: mutant 'tile:4:11:compare' does not survive: it was "
        "caught, or is not made. Delete the entry."
    )


def test_too_many_survivors_are_told_however_well_argued(copied: Path) -> None:
    edit(copied, "equivalent: nobody", "undetected: nobody")
    assert "19 of 21 mutants that are not equivalent were caught. Strengthen the checks until " in (
        told(verify(copied)[0])
    )


# --- what asks for mutants -----------------------------------------------------------------


def test_a_receipt_without_mutants_is_enough_until_kernel_yml_asks(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copied / COPY / "receipts" / "toy-gpu-9000.json"
    data = json.loads(path.read_text("utf-8"))
    for version in data["versions"]:
        del version["mutants"]
    path.write_bytes(json.dumps(data).encode())
    (kernel,), _ = load_kernels(copied)
    (problem,) = receipts.best(copied, kernel)[1]
    assert problem.rule == "missing-mutants"
    assert "uv run build.py verify copy" in problem.hint
    edit(copied, "mutants: true", "mutants: false")
    (kernel,), _ = load_kernels(copied)
    assert receipts.best(copied, kernel)[1] == []


def test_mutants_are_added_to_a_fresh_receipt_whose_times_stay(
    verified: Path, project: Path
) -> None:
    folder = project / COPY / "receipts"
    shutil.copytree(verified / COPY / "receipts", folder)
    path = folder / "toy-gpu-9000.json"
    data = json.loads(path.read_text("utf-8"))
    taken = [version.pop("mutants") for version in data["versions"]]
    data["driver"] = "599"
    path.write_bytes(json.dumps(data).encode())
    result, lines = verify(project)
    assert told(result) == ""
    again = json.loads(path.read_text("utf-8"))
    assert [version["mutants"] for version in again["versions"]] == taken
    assert again["driver"] == "599"
    text = "\n".join(lines)
    assert "copy/whole: compiled 1 of 2 mutants and" in text
    assert "copy/tile: compiled 21 of 21 mutants and" in text
    assert "copy/tile: 21 mutants, 18 killed (bank-conflicts 1, compare 9, " in text


def test_what_was_tested_before_an_interruption_is_not_tested_again(
    verified: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(verified / COPY / "receipts", project / COPY / "receipts")
    path = project / COPY / "receipts" / "toy-gpu-9000.json"
    data = json.loads(path.read_text("utf-8"))
    taken = data["versions"][1].pop("mutants")
    path.write_bytes(json.dumps(data).encode())
    _, lines = verify(project)
    assert "copy/tile: compiled 21 of 21 mutants and" in "\n".join(lines)
    assert "copy/whole" not in "\n".join(lines)
    assert written(project)["tile"] == taken


def test_every_gpu_takes_a_share_of_one_kernel_s_mutants(
    verified: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    give_gpus(tmp_path / "tools", "Toy GPU 9000", "Other GPU", "Toy GPU 9000")
    used = list[str]()
    compare = bugs.wrong_each

    def noted(*given: Any) -> dict[int, str]:
        used.append(process.run(["printenv", "CUDA_VISIBLE_DEVICES"], 9, tmp_path).stdout.strip())
        return compare(*given)

    monkeypatch.setattr(batch, "SIZE", 2)
    monkeypatch.setattr(bugs, "wrong_each", noted)
    result, _ = verify(project)
    assert told(result) == ""
    assert set(used) == {"0", "2"}
    assert written(project) == written(verified)


def test_a_receipt_whose_mutants_do_not_add_up_is_broken(copied: Path) -> None:
    path = copied / COPY / "receipts" / "toy-gpu-9000.json"
    path.write_text(path.read_text("utf-8").replace('"killed": 18', '"killed": 20'), "utf-8")
    (kernel,), _ = load_kernels(copied)
    receipt, (problem,) = receipts.best(copied, kernel)
    assert receipt is None
    assert "the mutants of version 'tile' do not add up" in problem.message


def test_words_about_survivors_leave_a_receipt_fresh(copied: Path) -> None:
    (before,), _ = load_kernels(copied)
    edit(copied, "nobody reads", "no one reads")
    edit(copied, "mutants: true", "mutants: false")
    (after,), _ = load_kernels(copied)
    assert receipts.source_sha256(copied, before) == receipts.source_sha256(copied, after)


# --- where it goes wrong -----------------------------------------------------------------


def test_a_copy_that_is_wrong_unchanged_is_a_problem_and_the_receipt_stays(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bugs, "wrong_each", lambda *_: {0: "value"})
    monkeypatch.setattr(bugs, "wrong", lambda *_: {"compare": "3x5: 1 wrong"})
    result, _ = verify(project)
    assert "version 'whole' fails unchanged: 3x5: 1 wrong. Mend the code." in told(result)
    assert len(result.written) == 1  # what was proven before is kept
    data = json.loads(result.written[0].read_text("utf-8"))
    assert all("mutants" not in version for version in data["versions"])


def test_a_copy_that_is_wrong_only_among_its_mutants_is_compiled_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bugs, "wrong_each", lambda *_: {0: "value"})
    edit(project, "x[size_t(i)]", "x[i]", "copy.cu")  # no time for all of them
    result, _ = verify(project)
    assert told(result) == ""
    assert written(project)["tile"]["by"]["compare"] == 10


def test_a_file_that_cannot_be_copied_is_compiled_mutant_by_mutant(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> batch.Batch:
        return batch.Batch(None, {}, "error: extern")

    monkeypatch.setattr(batch, "compile_batch", refused)
    edit(project, "x[size_t(i)]", "x[i]", "copy.cu")  # no time for all of them
    result, _ = verify(project)
    assert told(result) == ""
    tile = written(project)["tile"]
    assert (tile["made"], tile["by"]["compare"], tile["equivalent"]) == (20, 10, 0)


def test_without_a_parser_the_rest_is_verified(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    result, _ = verify(project)
    assert "mutants need the package tree_sitter, which is not installed. Install it: " in (
        told(result)
    )
    assert len(result.written) == 1


def test_without_ncu_nothing_is_counted(tmp_path: Path) -> None:
    assert profiler.read("==ERROR== ERR_NVGPUCTRPERM: no permission\n") == {}
    assert profiler.read("") == {}


def test_only_the_mutants_launches_are_profiled(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = list[Sequence[str]]()

    def noted(command: Sequence[str], *_: object) -> process.Ran:
        commands.append(command)
        return process.Ran(0, "", "")

    monkeypatch.setattr(process, "run", noted)
    profiler.count("ncu", Path("/mutants"), "v", (8, 8), 9, [0, 3])
    profiler.count("ncu", Path("/alone"), "v", (8, 8), 9)
    words = " ".join(commands[0])
    assert "--kernel-name-base demangled --kernel-name regex:mutant_ /mutants " in words
    assert words.endswith(" --mutant 0,3,")
    assert "--kernel-name " not in " ".join(commands[1])


def test_counts_are_summed_without_the_harness() -> None:
    head = '"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"'
    rows = [
        f'"{n}","{kernel}","{metric}","","1,024"'
        for n, kernel in enumerate(
            ["void mutant_1_::k(int)", "void mutant_1_::k(int)", "harness::x", "mutant_0_::k"]
        )
        for metric in profiler.COUNTERS
    ]
    text = "\n".join(["==PROF== Profiling", head, *rows])
    assert profiler.read(text) == {
        0: {"bank-conflicts": 1024.0, "sectors": 1024.0},
        1: {"bank-conflicts": 2048.0, "sectors": 2048.0},
    }


def test_compile_only_compiles_the_mutants_too(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", only(["nvcc"], tmp_path / "bin"))
    result, lines = verify(project, compile_only=True)
    assert told(result) == ""
    assert lines[-1] == "copy: compiled 22 of 23 mutants for sm_90"
