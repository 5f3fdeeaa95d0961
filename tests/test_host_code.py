"""Directives that name host programs stand for their code, and for what their receipts say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import Bench, Learner, fields, shown

from warpdeck.host_code import HostProof
from warpdeck.model import Bug, Directive, Location, ProgramReceipt
from warpdeck.programs import load_programs
from warpdeck.proof import proof_line
from warpdeck.resolve import UNVERIFIED, Resolver
from warpdeck.snippets import SnippetError

SAMPLE = Path(__file__).resolve().parent / "samples" / "host" / "kernels"
BOUND = ProgramReceipt(
    operation="bound",
    program="bound",
    runner="g++",
    tools=(("g++", "12.2.0"),),
    cpu="Toy CPU",
    gpu="",
    flags=("-O1", "-std=c++17"),
    ranks=None,
    date="2026-11-23",
    source_sha256="",
    stdout="last 5\n",
    sanitizers=("asan", "ubsan"),
    bugs=(Bug("past-the-end", "bound", "asan", "heap-buffer-overflow"),),
)
MEAN = ProgramReceipt(
    operation="mean",
    program="mean",
    runner="mpirun",
    tools=(("Python", "3.11.7"), ("torch", "2.13.0+cpu"), ("Open MPI", "4.1.4")),
    cpu="Toy CPU",
    gpu="NVIDIA <Toy>",
    flags=(),
    ranks=4,
    date="2026-11-23",
    source_sha256="",
    stdout="mean 3\n",
    sanitizers=(),
    bugs=(Bug("one-too-many", "mean", "check", "mean is wrong"),),
)


def resolver(bench: Bench, *receipts: ProgramReceipt, strict: bool = False) -> Resolver:
    shutil.copytree(SAMPLE, bench.root / "kernels", dirs_exist_ok=True)
    operations, found = load_programs(bench.root)
    assert found == []
    return Resolver(
        bench.root, {}, {}, operations=operations, program_receipts=receipts, strict=strict
    )


@pytest.fixture
def fresh(bench: Bench) -> Resolver:
    bench.resolver = resolver(bench, BOUND, MEAN)
    return bench.resolver


def directive(text: str) -> Directive:
    name, _, argument = text.partition(" ")
    return Directive(name, argument, Location("x.md"))


LAST = "int last(const std::vector<int>& x) {\n    return x.data()[x.size() - 1];\n}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("include bound.cpp:last", LAST),
        ("include bound/bound.cpp:last", LAST),
        ("include mean/mean.py:mean", "def mean(x):\n    return sum(x) / len(x)"),
        ("bug bound:past-the-end", LAST.replace("x.size() - 1", "x.size()")),
        ("fix bound:past-the-end", "x.size() - 1"),
        ("output bound:bound", "last 5"),
    ],
)
def test_code(fresh: Resolver, text: str, code: str) -> None:
    found = fresh.code(directive(text))
    assert found.text == code
    assert isinstance(found.proof, HostProof) and found.proof.receipt


def test_seen_names_the_detector(fresh: Resolver, bench: Bench) -> None:
    assert fresh.figure(directive("seen bound:past-the-end")) == "asan: heap-buffer-overflow"
    stale = resolver(bench)
    assert stale.figure(directive("seen bound:past-the-end")) == "?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("include bound/bond.cpp:last", "Did you mean 'bound/bound.cpp'?"),
        ("include mean/maen.py:mean", "Did you mean 'mean/mean.py'?"),
        ("include bound.cpp:lats", "Did you mean 'last'?"),
        ("bug bound:past-end", "bound has no bug 'past-end'. Did you mean 'past-the-end'?"),
        ("output bound:bond", "bound has no program 'bond'. Did you mean 'bound'?"),
        ("bug bond:first", "Did you mean 'bound'?"),
    ],
)
def test_what_is_not_there_is_told(fresh: Resolver, text: str, said: str) -> None:
    with pytest.raises(SnippetError) as caught:
        fresh.code(directive(text))
    assert said in str(caught.value)


def test_figures_of_kernels_are_none_of_programs(fresh: Resolver) -> None:
    with pytest.raises(SnippetError, match="not timed"):
        fresh.figure(directive("time bound:bound"))


def test_a_bug_that_no_anchor_holds_cannot_be_shown(bench: Bench) -> None:
    shutil.copytree(SAMPLE, bench.root / "kernels", dirs_exist_ok=True)
    path = bench.root / "kernels" / "mean" / "kernel.yml"
    path.write_text(path.read_text().replace('"len(x)"', '"1e-12"'))
    with pytest.raises(SnippetError, match=r"no anchor of mean/mean\.py holds all edits"):
        resolver_of = Resolver(bench.root, {}, {}, operations=load_programs(bench.root)[0])
        resolver_of.code(directive("bug mean:one-too-many"))


def test_a_file_that_kernel_yml_does_not_name_is_refused(bench: Bench) -> None:
    strict = resolver(bench, BOUND, strict=True)
    (bench.root / "kernels" / "bound" / "other.cpp").write_text("int other;\n")
    with pytest.raises(SnippetError, match=r"no receipt can cover kernels/bound/other\.cpp"):
        strict.code(directive("include bound/other.cpp"))
    loose = resolver(bench, BOUND)
    assert loose.code(directive("include bound/other.cpp")).origin == UNVERIFIED


@pytest.mark.parametrize(
    ("text", "language", "line"),
    [
        (
            "include bound.cpp:last",
            "en",
            "Ran on CPU: g++ 12.2 -O1 -std=c++17; passed its own check; no report by ASan, UBSan",
        ),
        (
            "include bound.cpp:last",
            "zh",
            "已在 CPU 上运行：g++ 12.2 -O1 -std=c++17；自带校验通过；ASan、UBSan 无报告",
        ),
        (
            "include mean/mean.py:mean",
            "en",
            "Ran on NVIDIA <Toy>: Python 3.11, torch 2.13, Open MPI 4.1, 4 ranks; "
            "passed its own check",
        ),
        (
            "bug bound:past-the-end",
            "en",
            "Broken on purpose; what it does was seen on CPU: g++ 12.2 -O1 -std=c++17",
        ),
        ("output bound:bound", "zh", "在 CPU 上实际打印：g++ 12.2 -O1 -std=c++17"),
    ],
)
def test_line_of_proof(fresh: Resolver, text: str, language: str, line: str) -> None:
    assert shown(proof_line(fresh.code(directive(text)), language)) == line


def test_stale_code_is_marked(bench: Bench) -> None:
    stale = resolver(bench)
    line = proof_line(stale.code(directive("include bound.cpp:last")), "en")
    assert "wd-unverified" in line


def test_cards_of_programs(bench: Bench, fresh: Resolver, learner: Learner) -> None:
    bug = "```cpp\n{{#bug bound:past-the-end}}\n```\n\n---\n\n{{#seen bound:past-the-end}}"
    card = learner.cards(bench.body(bug, ".bug"))[0]
    assert "x.size()]" in shown(card.front) and "heap-buffer" not in card.front
    assert "asan: heap-buffer-overflow" in card.back
    cloze = "```python\n{{#include mean/mean.py:mean}}\n{{#blank c1 len(x)}}\n```"
    card = learner.cards(bench.body(cloze, ".cloze"))[0]
    assert "len(x)" not in shown(card.front) and "len(x)" in shown(card.back)
    assert '<span class="k">def</span>' in fields(bench.body(cloze, ".cloze"))["Text"]
