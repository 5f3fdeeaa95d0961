"""Kernels that hang, take all memory or break the context; needs nvcc and a GPU, so CI skips it."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from warpdeck.kernels import load_kernels
from warpdeck.model import Problem
from warpdeck.receipts import load
from warpdeck.verify import toolchain
from warpdeck.verify.run import run

ROOT = Path(__file__).resolve().parent.parent
WRITE = "    if (i < n) y[i] = 2.0f * x[i] + 1.0f;\n"
HOSTILE = {
    "hang": "    while (clock64() != 0) y[i % n] = x[0];\n",
    "crash": "    if (i < n) y[i + (1ll << 40)] = x[i];\n",
    "memory": WRITE,
    "good": WRITE,
}
LAUNCH = "    int n = r.shape[0], threads = 256;\n"
GREED = "    void* all;\n    CUDA_CHECK(cudaMalloc(&all, size_t(1) << 45));\n"

pytestmark = [
    pytest.mark.xdist_group("gpu"),
    pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc on PATH"),
    pytest.mark.skipif(
        isinstance(toolchain.gpu(ROOT), Problem), reason="no GPU: nvidia-smi names none"
    ),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of four kernels, each the template with one hostile change."""
    shutil.copytree(ROOT / "kernels" / "harness", tmp_path / "kernels" / "harness")
    templates = files("warpdeck") / "templates"
    for name, line in HOSTILE.items():
        folder = tmp_path / "kernels" / name
        folder.mkdir()
        code = (templates / "kernel.cu").read_text("utf-8").replace("NAME", name)
        assert WRITE in code
        assert LAUNCH in code
        code = code.replace(WRITE, line)
        if name == "memory":
            code = code.replace(LAUNCH, GREED + LAUNCH)
        (folder / f"{name}.cu").write_text(code, "utf-8")
        settings = (templates / "kernel.yml").read_text("utf-8").replace("NAME", name)
        (folder / "kernel.yml").write_text(settings.partition("\n# Each is one")[0], "utf-8")
    return tmp_path


def test_a_hostile_kernel_is_told_and_the_others_are_verified(project: Path) -> None:
    kernels, problems = load_kernels(project)
    assert problems == []
    result = run(project, kernels, seconds=10)
    told = {path: [] for path in HOSTILE}  # type: dict[str, list[str]]
    for problem in result.problems:
        told[problem.at.path.split("/")[1]].append(problem.message)
    assert "'naive' failed (time-limit): did not end within 10 seconds" in "\n".join(told["hang"])
    assert "'naive' failed (launch): " in "\n".join(told["crash"])
    assert "'naive' failed (memory): " in "\n".join(told["memory"])
    assert told["good"] == []
    assert [path.parent.parent.name for path in result.written] == ["good"]
    good = next(kernel for kernel in kernels if kernel.name == "good")
    assert len(load(project, good)[0]) == 1
