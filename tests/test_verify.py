"""`verify` drives nvcc, programs and sanitizers that are played by scripts; no GPU needed."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from warpdeck import receipts
from warpdeck.commands import verify as verify_command
from warpdeck.kernels import load_kernels
from warpdeck.model import Kernel, Problem
from warpdeck.verify import bugs, kernel, process, program, sanitizer, toolchain
from warpdeck.verify.run import VerifyResult, run

SAMPLES = Path(__file__).resolve().parent / "samples" / "verify"
TOOLS = ("nvcc", "compute-sanitizer", "nvidia-smi")


def only(tools: Sequence[str], folder: Path) -> str:
    """Return a PATH on which there is nothing but `tools`, and Python to run them."""
    folder.mkdir()
    for name in tools:
        (folder / name).symlink_to(SAMPLES / "bin" / name)
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -IS "$@"\n', "utf-8")
    python.chmod(0o755)
    return str(folder)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tools = only(TOOLS, tmp_path / "tools")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return Path(shutil.copytree(SAMPLES / "project", tmp_path / "project"))


def edit(project: Path, old: str, new: str, file: str = "toy/toy.cu") -> None:
    path = project / "kernels" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.fixture(scope="module")
def receipt(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the receipt of the unchanged sample, made once."""
    folder = tmp_path_factory.mktemp("verified")
    with pytest.MonkeyPatch.context() as patch:
        tools = only(TOOLS, folder / "tools")
        patch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
        project = Path(shutil.copytree(SAMPLES / "project", folder / "project"))
        (path,) = verify(project).written
    return path.read_bytes()


def verified(project: Path, receipt: bytes) -> Path:
    """Put the sample's receipt in its place; return its path."""
    path = project / "kernels" / "toy" / "receipts" / "toy-gpu-9000.json"
    path.parent.mkdir()
    path.write_bytes(receipt)
    return path


def kernels(project: Path) -> tuple[Kernel, ...]:
    found, problems = load_kernels(project)
    assert problems == []
    return found


def verify(project: Path, *, seconds: float = 30, refresh: bool = False) -> VerifyResult:
    return run(project, kernels(project), jobs=4, seconds=seconds, refresh=refresh)


def told(result: VerifyResult) -> str:
    return "\n".join(map(str, result.problems))


# --- a kernel that passes ------------------------------------------------------


def test_a_right_kernel_gets_a_whole_receipt(project: Path) -> None:
    result = verify(project)
    assert told(result) == ""
    (path,) = result.written
    data = json.loads(path.read_text("utf-8"))
    assert (data["gpu"], data["driver"], data["nvcc"]) == ("Toy GPU 9000", "600.1", "13.0.88")
    assert data["device"] == {"multiprocessors": 1}
    assert data["limit"] == {"name": "memcpy", "gb_per_s": 4}
    fast = data["versions"][1]
    assert [case["shape"] for case in fast["cases"]] == [[1, 1], [3, 5], [64, 32]]
    assert fast["cases"][2]["ratio_to_limit"] == 0.8
    assert fast["cases"][2]["time_us"] == {"median": 125.0, "min": 124.0, "max": 126.0, "runs": 5}
    assert fast["sanitizers"] == dict.fromkeys(receipts.SANITIZERS, "pass")
    assert data["outputs"] == [{"id": "hello", "stdout": "hello from 32 lanes\n"}]
    receipt, problems = receipts.best(project, kernels(project)[0])
    assert (receipt is not None, problems) == (True, [])


def test_what_each_bug_showed_is_recorded_without_addresses(receipt: bytes) -> None:
    seen = {bug["id"]: (bug["detector"], bug["seen"]) for bug in json.loads(receipt)["bugs"]}
    assert seen == {
        "wrong-value": ("compare", "3x5: 1 wrong"),
        "no-barrier": (
            "racecheck",
            "Race reported between Write access at fast_kernel and Read access at fast_kernel",
        ),
        "slow": ("time", "2 times slower at 64x32: 250 µs, not 120"),
    }


def test_what_is_fresh_is_left_alone_even_without_a_gpu(
    project: Path, receipt: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = verified(project, receipt)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    monkeypatch.setenv("PATH", "/nowhere")
    again = verify(project)
    assert again == VerifyResult((), ("toy",), ())
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_refresh_verifies_again(project: Path, receipt: bytes) -> None:
    verified(project, receipt)
    assert verify(project).written == ()
    assert len(verify(project, refresh=True).written) == 1


def test_a_change_of_code_is_verified_again(project: Path, receipt: bytes) -> None:
    verified(project, receipt)
    edit(project, "// Read by", "// Read with care by")
    assert len(verify(project).written) == 1


# --- kernels that fail -----------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("wrong", "version 'copy' failed (value): 3x5: 1 wrong"),
        ("crashes", "version 'copy' failed (crash): was ended by SIGABRT"),
        ("stops", "version 'copy' failed (crash): ended too early"),
        ("babbles", "printed what is no record: hello"),
        ("untimed", "version 'copy' was not timed at [64, 32]"),
        ("racecheck", "version 'copy' did not pass racecheck: Race reported between Write"),
        ("breaks", "version 'copy' did not pass memcheck: the program exited with 1"),
    ],
)
def test_a_version_that_fails_is_a_problem_and_leaves_the_old_receipt(
    project: Path, receipt: bytes, behaviour: str, expected: str
) -> None:
    path = verified(project, receipt)
    edit(project, "copy: right", f"copy: {behaviour}")
    result = verify(project)
    assert result.written == ()
    assert expected in told(result)
    assert told(result).startswith("kernels/toy/kernel.yml:1:1: ")
    assert path.read_bytes() == receipt


def test_a_version_that_hangs_is_ended_and_the_other_kernels_go_on(project: Path) -> None:
    shutil.copytree(project / "kernels" / "toy", project / "kernels" / "good")
    (project / "kernels" / "good" / "toy.cu").rename(project / "kernels" / "good" / "good.cu")
    edit(project, "file: toy.cu", "file: good.cu", "good/kernel.yml")
    edit(project, "copy: right", "copy: hangs")
    began = time.monotonic()
    result = verify(project, seconds=3)
    assert time.monotonic() - began < 60
    assert "version 'copy' failed (time-limit): did not end within 3 seconds" in told(result)
    assert [path.parent.parent.name for path in result.written] == ["good"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("wrong 125", "right 125", "bug 'wrong-value' was not caught by compare; nothing did"),
        (
            "expect: compare",
            "expect: memcheck",
            "bug 'wrong-value' was not caught by memcheck; only compare (3x5: 1 wrong)",
        ),
        ('"250"', '"126"', "bug 'slow' was not caught by time; nothing did"),
    ],
)
def test_a_bug_that_its_detector_misses_is_a_problem(
    project: Path, old: str, new: str, expected: str
) -> None:
    edit(project, old, new, "toy/kernel.yml")
    result = verify(project)
    assert result.written == ()
    assert expected in told(result)


def test_code_that_does_not_compile_is_told_with_the_compiler_s_words(project: Path) -> None:
    edit(project, "fast: right 125", "fast: right 125 // syntax error")
    result = verify(project)
    said = told(result)
    assert "kernels/toy/toy.cu:6:1: does not compile: error: expected a ';'. Mend the code" in said
    assert "bug 'slow'" not in said


def test_a_bug_that_does_not_compile_is_told_by_its_name(project: Path) -> None:
    edit(project, 'replace: "250"', 'replace: "syntax error"', "toy/kernel.yml")
    assert "bug 'slow' does not compile: error: expected a ';'. Mend the edit" in told(
        verify(project)
    )


def test_a_step_that_the_program_does_not_know_is_told(project: Path) -> None:
    edit(project, "fast: right 125\n", "rapid: right 125\n")
    edit(project, '"fast: right 125"', '"rapid: right 125"', "toy/kernel.yml")
    assert "--list knows no version 'fast'" in told(verify(project))


@pytest.mark.parametrize("printed", ["", "pid"])
def test_an_output_that_says_nothing_or_two_things_is_a_problem(
    project: Path, printed: str
) -> None:
    edit(project, "prints: hello from 32 lanes", f"prints: {printed}", "toy/hello.cu")
    text = "output 'hello' failed, printed nothing, or never the same twice in a row"
    # An empty line is a line: only what differs between runs is refused here.
    assert (text in told(verify(project))) == (printed == "pid")


# The first prints "cold" in the first of its runs, the second "busy" in the second.
@pytest.mark.parametrize("printed", ["warm", "calm"])
def test_what_two_warm_runs_in_a_row_print_is_the_output(project: Path, printed: str) -> None:
    edit(project, "prints: hello from 32 lanes", f"prints: {printed}", "toy/hello.cu")
    result = verify(project)
    assert told(result) == ""
    receipt = json.loads(result.written[0].read_text("utf-8"))
    assert [output["stdout"] for output in receipt["outputs"]] == [f"{printed}\n"]


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("nvcc", "nvcc is not on PATH"),
        ("compute-sanitizer", "compute-sanitizer is not on PATH"),
        ("nvidia-smi", "there is no GPU to run on (nvidia-smi is not on PATH)"),
    ],
)
def test_a_missing_tool_is_one_clear_problem(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, expected: str
) -> None:
    present = [name for name in TOOLS if name != tool]
    monkeypatch.setenv("PATH", only(present, tmp_path / "bin"))
    result = verify(project)
    assert result.written == ()
    assert expected in told(result)
    assert len(result.problems) == 1


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("hangs", "time-limit (did not end within 3 seconds)"),
        ("crashes", "crash (was ended by SIGABRT)"),
        ("killed", "crash (was ended by SIGKILL)"),
        ("exhausts", "crash (exited with 1: out of memory)"),
    ],
)
def test_a_bug_that_ends_badly_is_told_and_the_other_kernels_go_on(
    project: Path, behaviour: str, expected: str
) -> None:
    shutil.copytree(project / "kernels" / "toy", project / "kernels" / "zoo")
    edit(project, '"fast: wrong 125"', f'"fast: {behaviour} 125"', "toy/kernel.yml")
    result = verify(project, seconds=3)
    assert f"bug 'wrong-value' was not caught by compare; only {expected}" in told(result)
    assert [path.parent.parent.name for path in result.written] == ["zoo"]


# --- several GPUs, several machines -------------------------------------------------------


def several(project: Path, names: Sequence[str]) -> None:
    for name in names:
        shutil.copytree(project / "kernels" / "toy", project / "kernels" / name)


def give_gpus(tools: Path, *names: str) -> None:
    """Put an nvidia-smi on PATH that lists `names`."""
    (tools / "nvidia-smi").unlink()
    lines = "\n".join(f"{name}, 600.1" for name in names)
    (tools / "nvidia-smi").write_text(f"#!/bin/sh\ncat <<'END'\n{lines}\nEND\n", "utf-8")
    (tools / "nvidia-smi").chmod(0o755)


def devices(result: VerifyResult) -> list[str]:
    texts = [json.loads(path.read_text("utf-8")) for path in result.written]
    return [data["outputs"][0]["stdout"].strip() for data in texts]


def test_each_gpu_takes_kernels_of_its_own(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    edit(project, "prints: hello from 32 lanes", "prints: device", "toy/hello.cu")
    several(project, ["b", "c"])
    give_gpus(tmp_path / "tools", "Toy GPU 9000", "Other GPU", "Toy GPU 9000")
    result = verify(project)
    assert told(result) == ""
    assert [path.parent.parent.name for path in result.written] == ["b", "c", "toy"]
    assert set(devices(result)) == {"0", "2"}  # another kind of GPU would be another receipt


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("1", {"1"}), ("1,2", {"1", "2"}), ("GPU-5a,GPU-7b", {"GPU-5a", "GPU-7b"})],
)
def test_cuda_visible_devices_is_kept_to(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chosen: str,
    expected: set[str],
) -> None:
    edit(project, "prints: hello from 32 lanes", "prints: device", "toy/hello.cu")
    several(project, ["b"])
    give_gpus(tmp_path / "tools", *["Toy GPU 9000"] * 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert set(devices(verify(project))) == expected


def test_no_gpu_is_left_by_cuda_visible_devices(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "there is no GPU to run on (CUDA_VISIBLE_DEVICES is empty)" in told(verify(project))


def test_what_was_finished_before_an_interruption_is_kept_and_the_rest_goes_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several(project, ["b", "c"])
    whole = kernel.verify

    def interrupted(setup: kernel.Setup, spec: Kernel) -> tuple[Path | None, list[Problem]]:
        if spec.name == "c":
            raise KeyboardInterrupt
        return whole(setup, spec)

    with monkeypatch.context() as patch:
        patch.setattr(kernel, "verify", interrupted)
        with pytest.raises(KeyboardInterrupt):
            verify(project)
        with pytest.raises(KeyboardInterrupt):  # nothing is started any more
            process.run(["true"], 5, project)
    result = verify(project)
    assert result.fresh == ("b",)
    assert [path.parent.parent.name for path in result.written] == ["c", "toy"]


def test_a_child_that_an_interruption_ended_says_nothing_of_what_it_ran(tmp_path: Path) -> None:
    process.begin()
    began = tmp_path / "began"
    try:
        with ThreadPoolExecutor(1) as threads:
            ran = threads.submit(process.run, ["sh", "-c", "touch began; sleep 60"], 60, tmp_path)
            while not began.exists() and not ran.done():
                time.sleep(0.01)
            process.end_all()
            with pytest.raises(KeyboardInterrupt):  # not: it crashed
                ran.result()
    finally:
        process.begin()  # or no other test could start a child


def test_shards_share_out_all_kernels(project: Path) -> None:
    several(project, ["a", "b", "c", "d"])
    seen = []
    for number in (1, 2, 3):
        assert verify_command.run(arguments("--shard", f"{number}/3"), project) == []
        now = {path.parent.parent.name for path in project.glob("kernels/*/receipts/*.json")}
        seen.append(now)
    assert seen == [{"a", "d"}, {"a", "d", "b", "toy"}, {"a", "d", "b", "toy", "c"}]
    assert verify_command.run(arguments("--shard", "9/9"), project) == []


# --- compile only ----------------------------------------------------------------


def test_compile_only_needs_no_gpu_and_writes_nothing(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", only(["nvcc"], tmp_path / "bin"))
    lines: list[str] = []
    result = run(project, kernels(project), compile_only=True, jobs=2, report=lines.append)
    assert result == VerifyResult((), (), ())
    assert lines == ["toy: compiled 5 programs for sm_75, sm_90, sm_120"]
    assert not (project / "kernels" / "toy" / "receipts").exists()


# --- the command -------------------------------------------------------------------


def arguments(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    verify_command.add_arguments(parser)
    return parser.parse_args(given)


def test_what_a_fresh_receipt_proves_to_compile_is_not_compiled_again(
    project: Path, receipt: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify_command.run(arguments("--compile-only"), project) == []
    assert "toy: compiled 5 programs for sm_75" in capsys.readouterr().err
    verified(project, receipt)
    assert verify_command.run(arguments("--compile-only"), project) == []
    assert "toy: compiled 2 programs for sm_75" in capsys.readouterr().err


def test_a_project_without_the_harness_is_told(project: Path) -> None:
    shutil.rmtree(project / "kernels" / "harness")
    (problem,) = verify_command.run(arguments("--compile-only"), project)
    assert str(problem).startswith("kernels/harness:1:1: there is no folder kernels/harness/")


def test_a_misspelt_kernel_is_told(project: Path) -> None:
    problems = verify_command.run(arguments("tyo"), project)
    assert [str(p) for p in problems] == [
        "kernels:1:1: there is no kernel 'tyo'. Did you mean 'toy'?"
    ]


def test_a_problem_of_one_kernel_does_not_stop_another(project: Path) -> None:
    shutil.copytree(project / "kernels" / "toy", project / "kernels" / "bad")
    edit(project, "limit: copy", "limit: cpoy", "bad/kernel.yml")
    assert verify_command.run(arguments("toy", "--compile-only"), project) == []
    assert len(verify_command.run(arguments("--compile-only"), project)) == 1


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "1/0", "-1/2", "a/b"])
def test_a_share_must_be_one_of_its_number(shard: str) -> None:
    with pytest.raises(SystemExit):
        arguments("--shard", shard)


@pytest.mark.parametrize("arch", ["90", "sm_90 -o x", "compute_90"])
def test_an_architecture_must_look_like_one(arch: str) -> None:
    with pytest.raises(SystemExit):
        arguments("--arch", arch)


# --- parts -----------------------------------------------------------------------


def test_a_child_and_its_children_end_with_their_time(tmp_path: Path) -> None:
    marker = tmp_path / "late"
    script = f"(sleep 2; touch {marker}) & sleep 60"
    ran = process.run(["bash", "-c", script], 0.3, tmp_path)
    assert ran.timed_out
    assert ran.ending(0.3) == "did not end within 0 seconds"
    time.sleep(2.2)
    assert not marker.exists()


def test_output_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MOST_OUTPUT", 1000)
    ran = process.run(["bash", "-c", "yes"], 0.2, tmp_path)
    assert len(ran.stdout) == 1000


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "Invalid __global__ write of size 4 bytes\n"
            "    at void k<(int)4>(const float *, float *, int, int)+0x210 in san.cu:15\n"
            "    by thread (0,1,0) in block (2,0,0)",
            "Invalid __global__ write of size 4 bytes at k<(int)4>",
        ),
        (
            "Error: Race reported between Write access at k(float *)+0x1a0 in san.cu:9\n"
            "    and Read access at k(float *)+0x240 in san.cu:16 [8308 hazards]",
            "Race reported between Write access at k and Read access at k",
        ),
        (
            "Barrier error detected. Divergent thread(s) in warp.\n"
            "    at k(const float *, float *)+0x1b0 in san.cu:8",
            "Barrier error detected. Divergent thread(s) in warp. at k",
        ),
    ],
)
def test_a_sanitizer_s_report_becomes_one_stable_line(lines: str, expected: str) -> None:
    text = "\n".join(f"========= {line}" for line in ["COMPUTE-SANITIZER", *lines.split("\n")])
    ran = process.Ran(99, f"which 4: no error\n{text}\n========= ERROR SUMMARY: 1 error", "")
    assert sanitizer.complaint(ran) == expected


@pytest.mark.parametrize(
    ("ran", "expected"),
    [
        (process.Ran(0, "========= ERROR SUMMARY: 0 errors", ""), "pass"),
        (process.Ran(0, "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors)", ""), "pass"),
        (process.Ran(0, "", ""), "the program exited with 0: "),
        (process.Ran(1, "========= ERROR SUMMARY: 0 errors", "x"), "the program exited with 1: x"),
        (process.Ran(1, "Device not supported", ""), "Device not supported"),
    ],
)
def test_only_a_clean_report_is_a_pass(ran: process.Ran, expected: str) -> None:
    assert expected in sanitizer.verdict(ran, 60)


@pytest.mark.parametrize(
    ("oldest", "asked", "left"),
    [
        ("", ("sm_75", "sm_90"), ("sm_75", "sm_90")),
        ("sm_80", ("sm_75", "sm_90", "sm_120"), ("sm_90", "sm_120")),
        ("sm_80", (), ()),
        ("sm_90a", ("sm_75", "sm_90"), ("sm_90a",)),
        ("sm_90a", (), ("sm_90a",)),
    ],
)
def test_code_is_compiled_for_the_targets_that_it_knows(
    oldest: str, asked: tuple[str, ...], left: tuple[str, ...]
) -> None:
    tools = toolchain.Toolchain("nvcc", "13.0", asked, 60)
    assert tools.narrowed(oldest).archs == left


def test_output_programs_alone_get_a_receipt_of_what_they_print(project: Path) -> None:
    (project / "kernels" / "toy" / "kernel.yml").write_text(
        "title: { en: Toys }\nflags: []\noutputs: [{ id: hello, file: hello.cu }]\n", "utf-8"
    )
    result = verify(project)
    assert told(result) == ""
    (path,) = result.written
    data = json.loads(path.read_text("utf-8"))
    assert (data["versions"], data["bugs"]) == ([], [])
    assert [output["id"] for output in data["outputs"]] == ["hello"]
    assert verify(project).fresh == ("toy",)


def test_the_program_s_limit_and_baseline_go_into_the_receipt() -> None:
    line = {
        "version": "fast",
        "case": {
            "shape": [8, 8, 8],
            "seed": 1,
            "max_error": 0,
            "tolerance": 0,
            "bytes": 768e6,
            "flops": 1024e6,
            "times": {"fast": {"median": 100, "min": 99, "max": 101, "runs": 50}},
            "limit": {"name": "FP32 peak", "us": 80},
            "baseline": {"name": "cuBLAS", "us": 90},
        },
    }
    done = {"version": "fast", "done": {"cases": 1}}
    ran = process.Ran(0, f"{json.dumps(line)}\n{json.dumps(done)}\n", "")
    (case,) = program.read(ran, 60).cases
    data = kernel._case(case)
    assert (data["gb_per_s"], data["tflop_per_s"]) == (7680, 10.24)
    assert data["ratio_to_limit"] == 0.8
    assert data["limit"] == {"name": "FP32 peak", "gb_per_s": 9600, "tflop_per_s": 12.8}
    assert data["baseline"] == {"name": "cuBLAS", "ratio": 0.9}


def test_ptxas_lines_become_resources() -> None:
    text = """\
ptxas info    : Compiling entry function '_Z4copyPf' for 'sm_90'
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 26 registers, used 0 barriers
ptxas info    : Compiling entry function '_Z4tilePf' for 'sm_90'
    16 bytes stack frame, 12 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 34 registers, used 1 barriers, 16384 bytes smem
"""
    assert toolchain.ptxas(text) == {
        "_Z4copyPf": toolchain.Resources(26, 0, 0),
        "_Z4tilePf": toolchain.Resources(34, 16384, 12),
    }


def test_a_variant_holds_the_edit_and_all_that_it_includes(project: Path, tmp_path: Path) -> None:
    (toy,) = kernels(project)
    own = project / "kernels" / "toy" / "own.h"
    own.write_text("// own", "utf-8")
    path = bugs.write_variant(toy, toy.bugs[0], project / "kernels", tmp_path / "out")
    assert "fast: wrong 125" in path.read_text("utf-8")
    assert "copy: right 100" in path.read_text("utf-8")
    assert (path.parent / "own.h").exists()
    assert (path.parent.parent / "harness" / "harness.h").exists()


def test_the_last_word_of_a_program_that_died_is_kept() -> None:
    run_ = program.read(process.Ran(1, "", "a\nout of memory\n"), 60)
    assert run_.failure == program.Failure("crash", "exited with 1: out of memory")


def test_changing_the_code_during_the_run_is_noticed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: Callable[[Path, float], tuple[str, ...]] = program.versions

    def versions(path: Path, seconds: float) -> tuple[str, ...]:
        edit(project, "// Read by", "// Read now by")
        return whole(path, seconds)

    monkeypatch.setattr(program, "versions", versions)
    assert "the code changed while it was being verified" in told(verify(project))
