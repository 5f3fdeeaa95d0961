"""What units a version keeps busy: counted under ncu, which a script plays; told where not."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench
from test_resolve import KERNEL, RECEIPT, directive
from test_verify import SAMPLES, TOOLS, only

from warpdeck import profile, receipts
from warpdeck.kernels import load_kernels
from warpdeck.model import Profile
from warpdeck.proof import ladder_chart
from warpdeck.resolve import Proof, Resolver
from warpdeck.snippets import SnippetError
from warpdeck.verify import profiler
from warpdeck.verify.run import VerifyResult, run

TOY = Path("kernels") / "toy"
TABLE = (SAMPLES / "bin" / "busy.csv").read_text("utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = Path(shutil.copytree(SAMPLES / "project", tmp_path / "project"))
    with_tools((*TOOLS, "ncu"), tmp_path / "tools", monkeypatch)
    ask(path)
    return path


def with_tools(names: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = [p for p in os.environ["PATH"].split(os.pathsep) if "tools" not in p]
    monkeypatch.setenv("PATH", os.pathsep.join([only(names, folder), *system]))


def ask(project: Path) -> None:
    path = project / TOY / "kernel.yml"
    path.write_text(path.read_text("utf-8").replace("shape:", "profile: true\nshape:"), "utf-8")


def verify(project: Path) -> tuple[VerifyResult, list[str]]:
    kernels, problems = load_kernels(project)
    assert problems == []
    lines: list[str] = []
    return run(project, kernels, jobs=2, seconds=30, report=lines.append), lines


def told(result: VerifyResult) -> str:
    return "\n".join(map(str, result.problems))


def document(project: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((project / TOY / "receipts/toy-gpu-9000.json").read_text())
    return data


def test_the_longest_launch_of_the_first_call_is_counted() -> None:
    seen = profiler.read_busy(TABLE)
    assert seen and seen.function == "tile_kernel<4>"  # not plan, harness, nor what came later
    assert dict(seen.percent) == {
        "issue": 18,
        "fma": 5,
        "tensor": 0,
        "constant": 0,
        "lsu": 10,
        "l1": 62,
        "l2": 22,
        "dram": 17,
        "l2-tags": 8,
        "l1-hits": 0,
    }
    assert dict(seen.read) == {"l2-read": 268435456, "dram-read": 268440064}
    assert seen.stall == "Short Scoreboard"  # who is not selected waits for nothing


@pytest.mark.parametrize(
    "text",
    [
        "",
        "==ERROR== ERR_NVGPUCTRPERM: no permission\n",
        TABLE.replace("l1tex__data_pipe", "other"),  # a figure is missing
        TABLE.replace("Stall ", "Other "),
        TABLE.replace("gpu__time_duration", "other"),
        TABLE.replace("plan_kernel", "harness::a")
        .replace("void tile_kernel", "harness::b")
        .replace("void fallback_kernel", "harness::c"),
    ],
)
def test_what_ncu_does_not_count_is_no_profile(text: str) -> None:
    assert profiler.read_busy(text) is None


def test_a_share_of_a_peak_ends_at_100() -> None:
    seen = profiler.read_busy(TABLE.replace('"62.44"', '"100.9"'))
    assert seen and dict(seen.percent)["l1"] == 100


def test_every_version_is_profiled_once(project: Path) -> None:
    result, lines = verify(project)
    assert told(result) == ""
    assert lines[-1] == "toy: profiled copy, fast"
    found = document(project)
    assert [v["profile"]["percent"]["l1"] for v in found["versions"]] == [62, 62]
    before = (project / TOY / "receipts/toy-gpu-9000.json").read_bytes()
    result, lines = verify(project)
    assert (result.written, lines) == ((), ["toy: unchanged since it was verified"])
    assert (project / TOY / "receipts/toy-gpu-9000.json").read_bytes() == before


def test_only_what_is_missing_is_profiled(project: Path) -> None:
    verify(project)
    found = document(project)
    del found["versions"][1]["profile"]
    (kernel,) = load_kernels(project)[0]
    receipts.write(project, kernel, found)
    assert receipts.best(project, kernel)[1][0].rule == "missing-profile"
    result, lines = verify(project)
    assert (told(result), lines) == ("", ["toy: profiled fast"])
    assert receipts.best(project, kernel)[1] == []


def test_without_ncu_it_says_so_and_keeps_the_rest(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiler, "find", lambda: None)
    result, _ = verify(project)
    assert told(result) == (
        "kernels/toy/kernel.yml:1:1: ncu is not on PATH. Install Nsight Compute, or take "
        "`profile: true` out."
    )
    assert "profile" not in document(project)["versions"][0]
    assert document(project)["versions"][0]["sanitizers"]["memcheck"] == "pass"


def test_counters_that_may_not_be_read_are_a_problem(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiler, "read_busy", lambda text: None)
    result, _ = verify(project)
    assert "ncu counted nothing of version 'copy'. Let it read the GPU's counters" in told(result)
    assert "profile" not in document(project)["versions"][0]


def test_code_that_changes_meanwhile_gets_no_profile(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = profiler.busy

    def edited(*arguments: Any) -> Profile | None:
        path = project / TOY / "toy.cu"
        path.write_text(path.read_text() + "\n")
        return busy(*arguments)

    monkeypatch.setattr(profiler, "busy", edited)
    result, _ = verify(project)
    assert "the code changed while it was profiled. Verify again." in told(result)
    assert "profile" not in document(project)["versions"][0]


def test_a_kernel_that_does_not_ask_is_not_profiled(project: Path) -> None:
    path = project / TOY / "kernel.yml"
    path.write_text(path.read_text().replace("profile: true\n", ""))
    result, _ = verify(project)
    assert told(result) == ""
    assert "profile" not in document(project)["versions"][0]


def second_gpu(project: Path, change: dict[str, str]) -> None:
    """Copy the receipt as that of another GPU, which nobody profiled."""
    found = document(project) | change
    for version in found["versions"]:
        del version["profile"]
    (kernel,) = load_kernels(project)[0]
    receipts.write(project, kernel, found)


@pytest.mark.parametrize("date", ["2020-01-01", "2099-01-01"])
def test_the_profiles_of_one_gpu_are_enough(project: Path, date: str) -> None:
    verify(project)
    second_gpu(project, {"gpu": "Other GPU", "date": date})
    (kernel,) = load_kernels(project)[0]
    best, problems = receipts.best(project, kernel)
    assert (best and best.gpu, problems) == ("Toy GPU 9000", [])
    (project / TOY / "receipts/toy-gpu-9000.json").unlink()
    best, problems = receipts.best(project, kernel)
    assert (best, [problem.rule for problem in problems]) == (None, ["missing-profile"])


def as_of_another_gpu(project: Path) -> None:
    """Make the receipt one of another GPU, profiles and all."""
    (kernel,) = load_kernels(project)[0]
    receipts.write(project, kernel, document(project) | {"gpu": "Other GPU"})
    (project / TOY / "receipts/toy-gpu-9000.json").unlink()


def test_where_another_gpu_has_profiles_ncu_may_be_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify(project)
    as_of_another_gpu(project)
    monkeypatch.setattr(profiler, "find", lambda: None)
    result, lines = verify(project)
    assert (told(result), lines[-1]) == ("", "toy: ncu is not on PATH")
    assert "profile" not in document(project)["versions"][0]
    assert verify(project)[1] == ["toy: unchanged since it was verified"]


def test_a_gpu_gets_its_own_profiles_where_it_can(project: Path) -> None:
    verify(project)
    as_of_another_gpu(project)
    assert told(verify(project)[0]) == ""
    assert "profile" in document(project)["versions"][0]


# --- on cards ------------------------------------------------------------------------------------

SEEN = Profile(
    "index_kernel",
    tuple((name, n) for n, name in enumerate(profile.PERCENTAGES, 5)),
    (("l2-read", 2_510_000_000), ("dram-read", 25_800_000)),
    "LG Throttle",
)


@pytest.fixture
def fresh(bench: Bench) -> Resolver:
    versions = (RECEIPT.versions[0], replace(RECEIPT.versions[1], profile=SEEN))
    receipt = replace(RECEIPT, versions=versions)
    bench.resolver = Resolver(bench.root, {"demo": KERNEL}, {"demo": receipt})
    return bench.resolver


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("demo:index issue", "5\u00a0%"),
        ("demo:index l1-hits", "14\u00a0%"),
        ("demo:index l2-read", "2.5\u00a0GB"),
        ("demo:index dram-read", "26\u00a0MB"),
        ("demo:index stall", "LG Throttle"),
    ],
)
def test_figures_of_a_profile(fresh: Resolver, text: str, shown: str) -> None:
    assert fresh.figure(directive(f"profile {text}")) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("demo:index", "`demo:index` names no figure of a profile. Write it as in"),
        ("demo:index drm", "a profile holds no 'drm'. Did you mean 'dram'?"),
        ("demo:index speed", "a profile holds no 'speed'. Figures: issue, fma"),
        ("demo:indx l1", "demo has no version 'indx'. Did you mean 'index'?"),
        ("demo:all l1", "the receipt of demo holds no profile of 'all'. Write `profile: true`"),
        ("none:all l1", "there is no kernel 'none'."),
    ],
)
def test_profile_that_cannot_be_had(fresh: Resolver, text: str, message: str) -> None:
    with pytest.raises(SnippetError) as caught:
        fresh.figure(directive(f"profile {text}"))
    assert str(caught.value).startswith(message)


def test_a_stale_profile_is_not_shown(bench: Bench) -> None:
    resolver = Resolver(bench.root, {"demo": KERNEL}, {})
    assert resolver.figure(directive("profile demo:index l1")) == "?"


def test_chart_names_the_busiest_units_of_its_step(fresh: Resolver) -> None:
    proof = fresh.code(directive("include demo.cu:index")).proof
    assert isinstance(proof, Proof)
    line = "Busiest in this step, by Nsight Compute: DRAM 12\u00a0%, L2 11\u00a0%"
    assert f"{line}, L1 and shared memory 10\u00a0%</div></div>" in ladder_chart(proof, fresh, "en")
    assert "DRAM 12\u00a0%、L2 11\u00a0%、" in ladder_chart(proof, fresh, "zh")
    other = fresh.code(directive("include demo.cu:all")).proof
    assert isinstance(other, Proof)
    assert "Busiest" not in ladder_chart(other, fresh, "en")


def test_an_idle_unit_is_never_the_busiest() -> None:
    idle = replace(SEEN, percent=tuple((name, 0) for name in profile.PERCENTAGES))
    assert profile.busiest(idle) == ()
