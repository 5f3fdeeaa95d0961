"""The harness against kernels that cheat; needs nvcc and a GPU, so CI skips it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from warpdeck.model import Problem
from warpdeck.verify import process, program, toolchain

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "tests" / "samples" / "verify" / "cheats.cu"
SECONDS = 120.0

pytestmark = [
    pytest.mark.xdist_group("gpu"),  # two timed programs at once would disturb each other
    pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc on PATH"),
    pytest.mark.skipif(
        isinstance(toolchain.gpu(ROOT), Problem), reason="no GPU: nvidia-smi names none"
    ),
]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Compile the cheats once for each set of macros."""
    tools = toolchain.find((), SECONDS, ROOT)
    assert isinstance(tools, toolchain.Toolchain)
    programs = {}
    for macro in ("", "-DLOOSE", "-DWIDE", "-DOVERCLAIM", "-DMIMIC"):
        path = tmp_path_factory.mktemp("cheats") / "cheats"
        made = tools.compile(SAMPLE, path, ["-std=c++17", "-O3", *([macro] if macro else [])])
        assert isinstance(made, toolchain.Compiled), made
        programs[macro] = made.program
    return programs


def kind(path: Path, version: str, *options: str) -> str:
    run = program.run(path, version, SECONDS, *options)
    return run.failure.kind if run.failure else "passed"


def test_an_honest_copy_passes_and_is_timed(build: dict[str, Path]) -> None:
    run = program.run(build[""], "honest", SECONDS)
    assert run.failure is None
    assert len(run.cases) == 7
    assert [name for name, _ in run.cases[-1].times] == ["honest", "copy"]


@pytest.mark.parametrize(
    ("cheat", "expected"),
    [
        ("no-op", "not-finite"),
        ("nan-output", "not-finite"),
        ("merges-max", "value"),
        ("merges-min", "value"),
        ("stale-buffer", "value"),
        ("failing-launch", "launch"),
        ("off-by-one", "guard"),
        ("writes-input", "input"),
        ("powers-of-two", "not-finite"),
        ("through-half", "value"),
        ("cached-answer", "special"),
        ("scrubs-nan", "special"),
        ("in-step", "race"),
    ],
)
def test_a_cheat_is_caught_by_the_check_made_for_it(
    build: dict[str, Path], cheat: str, expected: str
) -> None:
    assert kind(build[""], cheat, "--check-only") == expected


def test_work_on_another_stream_is_caught_when_timed(build: dict[str, Path]) -> None:
    assert kind(build[""], "other-stream") == "stream"


def test_other_bits_from_run_to_run_are_caught(build: dict[str, Path]) -> None:
    assert kind(build["-DLOOSE"], "unsteady", "--check-only") == "race"


def test_a_reference_that_makes_the_kernel_s_mistake_is_caught(build: dict[str, Path]) -> None:
    assert kind(build["-DMIMIC"], "honest", "--check-only") == "reference"


def median(path: Path, version: str, shape: int = 1 << 22) -> float:
    run = program.run(path, version, SECONDS, "--shape", str(shape))
    assert run.failure is None
    return run.cases[-1].times[0][1].median


def test_memory_that_was_kept_in_l2_is_no_faster(build: dict[str, Path]) -> None:
    assert median(build[""], "persisted-l2") > 0.9 * median(build[""], "honest")


def test_work_that_the_call_has_waited_for_is_timed(build: dict[str, Path]) -> None:
    """It takes a millisecond, longer than the stream is held."""
    large = 1 << 29
    honest = median(build[""], "honest", large)
    assert median(build[""], "over-before", large) > 0.9 * honest


def test_short_work_before_the_start_is_impossible(build: dict[str, Path]) -> None:
    """At 2^26 the host waits for 140 µs, while the stream is held."""
    assert kind(build[""], "over-before") == "impossible"


def test_the_host_s_time_is_not_the_device_s(build: dict[str, Path]) -> None:
    assert median(build[""], "slow-host") < 1.2 * median(build[""], "honest")


def test_a_tolerance_that_hides_a_lower_precision_is_caught(build: dict[str, Path]) -> None:
    assert kind(build["-DWIDE"], "honest", "--check-only") == "tolerance"


def test_a_time_below_the_memory_s_limit_is_impossible(build: dict[str, Path]) -> None:
    assert kind(build["-DOVERCLAIM"], "honest") == "impossible"


def test_a_seed_gives_the_same_inputs_again_and_none_gives_fresh_ones(
    build: dict[str, Path],
) -> None:
    def seeds(*options: str) -> set[int]:
        run = program.run(build[""], "honest", SECONDS, "--check-only", *options)
        return {case.seed for case in run.cases}

    assert seeds("--seed", "7") == {7}
    assert seeds() != seeds()


@pytest.mark.parametrize("arguments", [["--verison", "x"], ["--version"], ["--shape", "0x4"]])
def test_wrong_usage_is_told_and_exits_with_2(build: dict[str, Path], arguments: list[str]) -> None:
    ran = process.run([str(build[""]), *arguments], SECONDS, ROOT)
    assert ran.code == 2
    assert "cheats:" in ran.stderr
