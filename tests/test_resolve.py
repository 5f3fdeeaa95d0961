"""Directives stand for the text and the figures of kernels/ and its receipts, or say why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Bench

from warpdeck.host_code import UNMEASURED
from warpdeck.model import (
    Bug,
    BugSpec,
    Case,
    Directive,
    Edit,
    Kernel,
    Location,
    Output,
    OutputSpec,
    Receipt,
    StepSpec,
    Timing,
    Version,
)
from warpdeck.resolve import (
    Proof,
    Resolver,
    in_percent,
    in_rate,
    in_time,
    two_digits,
)
from warpdeck.snippets import SnippetError

SHAPE = (8192, 8192)


def case(us: float, ratio: float, shape: tuple[int, ...] = SHAPE) -> Case:
    return Case(shape, 1, 0.0, 0.0, Timing(us, us, us, 50), us * 10, ratio)


KERNEL = Kernel(
    name="demo",
    file="demo.cu",
    flags=(),
    limit="all",
    shape=SHAPE,
    steps=(
        StepSpec("all", "all", (("en", "copy {{c1::x}}"), ("zh", "拷贝"))),
        StepSpec("index", "index", (("en", "index"),)),
    ),
    bugs=(BugSpec("off-by-one", "index", (Edit("i >= n", "i > n"),), "compare"),),
    outputs=(OutputSpec("hello", "hello.cu"), OutputSpec("unrun", "unrun.cu")),
)
RECEIPT = Receipt(
    kernel="demo",
    gpu="Test GPU <1>",
    driver="1",
    nvcc="1",
    flags=(),
    date="2026-01-31",
    source_sha256="0",
    versions=(
        Version("all", "all", (case(139.6, 1.0), case(3.0, 1.0, (4, 5))), (("memcheck", "pass"),)),
        Version(
            "index", "index", (case(544.4, 0.2564),), (("memcheck", "pass"), ("racecheck", "x"))
        ),
    ),
    bugs=(Bug("off-by-one", "index", "compare", "wrong at [0] <x>"),),
    outputs=(Output("hello", "a\n\n b \n"),),
)


def directive(text: str) -> Directive:
    name, _, argument = text.partition(" ")
    return Directive(name, argument, Location("f"))


@pytest.fixture
def fresh(bench: Bench) -> Resolver:
    return Resolver(bench.root, {"demo": KERNEL}, {"demo": RECEIPT})


@pytest.fixture
def stale(bench: Bench) -> Resolver:
    return Resolver(bench.root, {"demo": KERNEL}, {})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("include demo.cu:guard", "    if (i >= n) return;\n    B[i] = A[i];"),
        ("include demo/demo.cu:guard", "    if (i >= n) return;\n    B[i] = A[i];"),
        ("include harness/check.h", "#pragma once\n#define CHECK(x) x"),
        ("fix demo:off-by-one", "i >= n"),
        ("output demo:hello", "a\n\n b "),
    ],
)
def test_code(fresh: Resolver, text: str, code: str) -> None:
    assert fresh.code(directive(text)).text == code


def test_bug_breaks_the_verified_code(fresh: Resolver) -> None:
    good = fresh.code(directive("include demo.cu:index"))
    bad = fresh.code(directive("bug demo:off-by-one"))
    assert bad.text == good.text.replace(">=", ">") != good.text


@pytest.mark.parametrize("name", ["demo.cu:index", "demo//demo.cu:index", "./demo/demo.cu:index"])
def test_what_is_proven_of_an_included_step(fresh: Resolver, stale: Resolver, name: str) -> None:
    proof = fresh.code(directive(f"include {name}")).proof
    assert isinstance(proof, Proof)
    assert proof.version == RECEIPT.versions[1] and proof.step == KERNEL.steps[1]
    proof = stale.code(directive(f"include {name}")).proof
    assert isinstance(proof, Proof)
    assert proof.receipt is None and proof.version is None


def test_file_of_no_kernel_is_not_proven(fresh: Resolver) -> None:
    assert fresh.code(directive("include harness/check.h")).proof is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time demo:all", "140\u00a0µs"),
        ("time demo:index 8192x8192", "540\u00a0µs"),
        ("time demo:all 4x5", "3.0\u00a0µs"),
        ("rate demo:all", "1.4\u00a0TB/s"),
        ("ratio demo:index", "26\u00a0%"),
        ("speedup demo:all/index", "3.9×"),
        ("seen demo:off-by-one", "compare: wrong at [0] <x>"),
    ],
)
def test_figure(fresh: Resolver, stale: Resolver, text: str, words: str) -> None:
    assert fresh.figure(directive(text)) == words
    assert stale.figure(directive(text)) == UNMEASURED, "without a receipt there is no figure"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bug demo:of-by-one", "demo has no bug 'of-by-one'. Did you mean 'off-by-one'?"),
        ("bug demo:zzz", "demo has no bug 'zzz'. Describe it in kernels/demo/kernel.yml."),
        ("bug dem:x", "there is no kernel 'dem'. Did you mean 'demo'?"),
        ("bug demo", "`demo` is not kernel:name. Write it as in {{#bug transpose:x}}."),
        ("output demo:helo", "demo has no output 'helo'. Did you mean 'hello'?"),
        ("output demo:unrun", "the receipt of demo holds no output 'unrun'. Run `uv run"),
        ("include none.cu", "kernels/none/none.cu: there is no such file. Paths are relative"),
        ("include bad/bad.cu:nope", "kernels/bad/bad.cu: there is no anchor 'nope'."),
        ("include demo/link.cu", "`demo/link.cu` leaves kernels/."),
        ("include demo/loop.cu", "kernels/demo/loop.cu: cannot be read: too many levels"),
        ("include demo/folder", "kernels/demo/folder: this is a directory where a file should be."),
        ("include demo/latin.cu", "kernels/demo/latin.cu: byte 0xe9 is not UTF-8. Save"),
        ("include demo/empty.cu", "kernels/demo/empty.cu holds no code."),
        ("include " + "x" * 300 + ".cu", "kernels/" + "x" * 300),
        ("include a/../../x.cu", "`a/../../x.cu` leaves kernels/."),
        ("include demo.cu:a:b", "`demo.cu:a:b` names no code."),
        ("time demo:all", "{{#time}} does not belong here. It stands in prose."),
        ("blank c1 x", "{{#blank}} does not belong here. It stands in a code fence."),
        ("inclde x", "unknown directive 'inclde'. Did you mean 'include'?"),
    ],
)
def test_code_that_cannot_be_had(fresh: Resolver, bench: Bench, text: str, message: str) -> None:
    folder = bench.root / "kernels" / "demo"
    (bench.root / "outside.cu").write_text("secret")
    (folder / "link.cu").symlink_to(bench.root / "outside.cu")
    (folder / "loop.cu").symlink_to("loop.cu")
    (folder / "folder").mkdir()
    (folder / "latin.cu").write_bytes(b"\xe9")
    (folder / "empty.cu").write_text("// ANCHOR: a\n\n")
    with pytest.raises(SnippetError) as caught:
        fresh.code(directive(text))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time demo", "`demo` names no figure."),
        ("time demo:all/index", "`demo:all/index` names no figure."),
        ("speedup demo:all", "`demo:all` names no figure."),
        ("time demo:al", "demo has no version 'al'. Did you mean 'all'?"),
        ("time demo:zzz", "demo has no version 'zzz'. Versions: all, index."),
        ("time demo:all 1x1", "the receipt of demo holds no time of 'all' at 1x1. Run `uv run"),
        ("time none:all", "there is no kernel 'none'."),
        ("include demo.cu", "{{#include}} does not belong here. It stands in a code fence."),
        ("tme demo:all", "unknown directive 'tme'. Did you mean 'time'?"),
    ],
)
def test_figure_that_cannot_be_had(fresh: Resolver, text: str, message: str) -> None:
    with pytest.raises(SnippetError) as caught:
        fresh.figure(directive(text))
    assert str(caught.value).startswith(message)


def test_ladder_ends_at_the_step(fresh: Resolver, stale: Resolver) -> None:
    assert [step.name for step, _ in fresh.ladder(KERNEL, KERNEL.steps[0])] == ["all"]
    assert [c.ratio_to_limit for _, c in fresh.ladder(KERNEL, KERNEL.steps[1])] == [1.0, 0.2564]
    assert stale.ladder(KERNEL, KERNEL.steps[1]) == ()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (0.01234, "0.012"),
        (0.996, "1.0"),
        (1.04, "1.0"),
        (9.96, "10"),
        (99.6, "100"),
        (1234, "1200"),
    ],
)
def test_two_digits(value: float, words: str) -> None:
    assert two_digits(value) == words


def test_units() -> None:
    assert [in_time(us) for us in (0, 3.14, 139.6, 999, 1500, 2.5e6)] == [
        "?",
        "3.1\u00a0µs",
        "140\u00a0µs",
        "1.0\u00a0ms",
        "1.5\u00a0ms",
        "2.5\u00a0s",
    ]
    assert [in_rate(rate) for rate in (0, 12.3, 994, 3840)] == [
        "?",
        "12\u00a0GB/s",
        "990\u00a0GB/s",
        "3.8\u00a0TB/s",
    ]
    assert [in_percent(ratio) for ratio in (0, 0.894, 0.996, 1.02, 2.57)] == [
        *("?", "89\u00a0%", "100\u00a0%", "102\u00a0%", "260\u00a0%")
    ]


def test_kernels_are_read_once(bench: Bench, fresh: Resolver) -> None:
    before = fresh.snippet("demo.cu:all")
    Path(bench.root / "kernels/demo/demo.cu").write_text("")
    assert fresh.snippet("demo.cu:all") == before


@pytest.mark.parametrize("text", ["include demo.cu:index", "bug demo:off-by-one"])
def test_a_draft_kernel_is_shown_by_no_note_until_it_is_verified(bench: Bench, text: str) -> None:
    draft = {"demo": replace(KERNEL, draft=True)}
    with pytest.raises(SnippetError, match=r"'demo' is a draft: .* Run `uv run build.py verify"):
        Resolver(bench.root, draft, {}, strict=True).code(directive(text))
    assert Resolver(bench.root, draft, {"demo": RECEIPT}, strict=True).code(directive(text)).text
