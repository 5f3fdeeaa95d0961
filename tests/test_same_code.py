"""Survivors of this project of which kernel.yml says that their machine code is the original's."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from warpdeck import receipts
from warpdeck.kernels import load_kernels
from warpdeck.model import Kernel, Problem
from warpdeck.verify import mutate, syntax, toolchain

ROOT = Path(__file__).resolve().parents[1]
SAME = "equivalent: the same machine code: "
CLAIMED = [
    (kernel, survivor.mutant)
    for kernel in load_kernels(ROOT)[0]
    for survivor in kernel.survivors
    if survivor.reason.startswith(SAME)
]
VERSIONS = {receipt.nvcc for kernel, _ in CLAIMED for receipt in receipts.load(ROOT, kernel)[0]}
TOOLS = toolchain.find((), 60, ROOT)

pytestmark = pytest.mark.skipif(
    isinstance(TOOLS, Problem) or {TOOLS.version} != VERSIONS,
    reason="no nvcc of the receipts' version on PATH",
)


@cache
def source(kernel: Kernel) -> syntax.Node:
    code = (ROOT / "kernels" / kernel.name / kernel.file).read_bytes()
    return syntax.parse(code)


def mutated(kernel: Kernel, name: str) -> bytes:
    version = re.split(r":|-launch:", name)[0]
    step = next(step for step in kernel.steps if step.name == version)
    made = mutate.mutants(source(kernel), step.name, step.anchor)
    return next(mutant for mutant in made if mutant.id == name).apply(source(kernel).source)


@cache
def machine_code(kernel: Kernel, mutant: str, folder: Path) -> bytes:
    """Compile `mutant`, "" for the original; under one name, which is in what nvcc writes."""
    code = mutated(kernel, mutant) if mutant else source(kernel).source
    home = folder / re.sub(r"\W", "-", f"{kernel.name}-{mutant}") / kernel.name
    shutil.copytree(ROOT / "kernels" / "harness", home.parent / "harness")
    shutil.copytree(ROOT / "kernels" / kernel.name, home)
    (home / kernel.file).write_bytes(code)
    # Line numbers are in it, too, and of no interest.
    flags = [flag for flag in kernel.flags if flag != "-lineinfo"]
    command = ["nvcc", *flags, f"-arch={kernel.arch or 'sm_90'}", "-DHARNESS_NO_BASELINES"]
    subprocess.run([*command, "-cubin", "-o", "out", kernel.file], cwd=home, check=True)
    return (home / "out").read_bytes()


@pytest.mark.parametrize(
    ("kernel", "mutant"), CLAIMED, ids=[f"{kernel.name}/{mutant}" for kernel, mutant in CLAIMED]
)
def test_the_same_machine_code_is_the_same(
    kernel: Kernel, mutant: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert "-launch:" not in mutant  # the host's code is not compared
    folder = tmp_path_factory.getbasetemp()
    assert machine_code(kernel, mutant, folder) == machine_code(kernel, "", folder)


def test_another_slip_makes_other_machine_code(tmp_path: Path) -> None:
    kernel = next(kernel for kernel in load_kernels(ROOT)[0] if kernel.name == "saxpy")
    step = kernel.steps[0]
    first = mutate.mutants(source(kernel), step.name, step.anchor)[0]
    assert machine_code(kernel, first.id, tmp_path) != machine_code(kernel, "", tmp_path)
