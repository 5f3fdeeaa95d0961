"""What a card says of its code: measured figures where there is a fresh receipt, else a warning."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import Bench, Learner, fields, shown
from test_resolve import KERNEL, RECEIPT, directive

from warpdeck.model import Baseline, Mutants, Survivor
from warpdeck.proof import ladder_chart, proof_line, step_label
from warpdeck.resolve import Code, Proof, Resolver

INDEX = "```cuda\n{{#include demo.cu:index}}\n```"


@pytest.fixture
def fresh(bench: Bench) -> Resolver:
    bench.resolver = Resolver(bench.root, {"demo": KERNEL}, {"demo": RECEIPT})
    return bench.resolver


def test_line_of_a_step(fresh: Resolver) -> None:
    code = fresh.code(directive("include demo.cu:index"))
    line = proof_line(code, "en")
    assert shown(line.replace("<br>", "\n").replace("</div>", "\n")).splitlines() == [
        "8192×8192: 540\u00a0µs, 5.4\u00a0TB/s, 26\u00a0% of the limit (copy {{c1::x}})",
        "Compiled, run and checked on Test GPU <1>",
        "compute-sanitizer clean: memcheck",
    ]
    assert "{{" not in line, "a label cannot open a blank"
    assert "达上限（拷贝）的 26\u00a0%" in proof_line(code, "zh")


def test_line_of_what_computes_is_in_flops_and_names_the_library(fresh: Resolver) -> None:
    code = fresh.code(directive("include demo.cu:index"))
    assert isinstance(code.proof, Proof) and code.proof.version
    case = code.proof.version.cases[0]
    computed = replace(case, tflop_per_s=51.3, baseline=Baseline("cuBLAS", 0.974))
    kernel = replace(code.proof.kernel, limit="", limit_labels=(("en", "FP32 peak"),))
    version = replace(code.proof.version, cases=(computed,))
    code = replace(code, proof=replace(code.proof, kernel=kernel, version=version))
    line = shown(proof_line(code, "en").replace("<br>", "\n").replace("</div>", "\n"))
    assert line.splitlines()[0] == (
        "8192×8192: 540\u00a0µs, 51\u00a0TFLOP/s, 26\u00a0% of the limit (FP32 peak); "
        "97\u00a0% of cuBLAS"
    )
    assert "；为 cuBLAS 的 97\u00a0%" in proof_line(code, "zh")


def test_line_counts_the_mutants_that_are_not_equivalent(fresh: Resolver) -> None:
    code = fresh.code(directive("include demo.cu:index"))
    assert isinstance(code.proof, Proof) and code.proof.version
    survivors = (
        Survivor("a:1:1:x", "x", "equivalent: y"),
        Survivor("a:1:2:x", "x", "undetected: y"),
    )
    mutants = Mutants(41, 37, (("compare", 37),), 2, survivors)
    version = replace(code.proof.version, mutants=mutants)
    code = replace(code, proof=replace(code.proof, version=version))
    assert proof_line(code, "en").endswith("<br>37 of 38 slips made on purpose were caught</div>")
    assert "故意改错 38 处，查出 37 处" in proof_line(code, "zh")


def test_line_of_the_limit_does_not_compare_it_with_itself(fresh: Resolver) -> None:
    line = proof_line(fresh.code(directive("include demo.cu:all")), "en")
    assert "140\u00a0µs, 1.4\u00a0TB/s; this is the limit of the ladder" in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bug demo:off-by-one", "Broken on purpose; what it does was seen on Test GPU &lt;1&gt;"),
        ("output demo:hello", "Printed on Test GPU &lt;1&gt;"),
        ("include demo.cu:guard", "Compiled, run and checked on Test GPU &lt;1&gt;"),
    ],
)
def test_line_of_other_code_shows_no_figure(fresh: Resolver, text: str, words: str) -> None:
    assert proof_line(fresh.code(directive(text)), "en") == f'<div class="wd-proof">{words}</div>'


def test_stale_code_is_marked_and_shows_no_figure(bench: Bench) -> None:
    bench.resolver = Resolver(bench.root, {"demo": KERNEL}, {})
    text = f"{INDEX}\n\n{{{{#ratio demo:index}}}}, {{{{#speedup demo:all/index}}}}"
    answer = fields(bench.body(text, ".ladder"))["Answer"]
    assert 'class="wd-proof wd-unverified">Unverified' in answer
    assert "<p>?, ?</p>" in answer
    assert "wd-step" not in answer and "µs" not in answer and " %" not in answer


def test_code_that_belongs_to_no_kernel_says_nothing() -> None:
    assert proof_line(Code("x", "include", None), "en") == ""
    assert ladder_chart(Proof(KERNEL, RECEIPT), Resolver.__new__(Resolver), "en") == ""


def test_chart_has_a_bar_for_each_step_and_marks_its_own(fresh: Resolver) -> None:
    proof = fresh.code(directive("include demo.cu:index")).proof
    assert isinstance(proof, Proof)
    chart = ladder_chart(proof, fresh, "en")
    assert chart.count("<i style=") == 2
    assert '<div class="wd-step wd-now"><span>index</span>' in chart
    assert 'style="width:100%"' in chart and 'style="width:26%"' in chart


def test_bar_never_leaves_its_box(fresh: Resolver, bench: Bench) -> None:
    above = replace(RECEIPT.versions[0].cases[0], ratio_to_limit=1.2)
    receipt = replace(RECEIPT, versions=(replace(RECEIPT.versions[0], cases=(above,)),))
    resolver = Resolver(bench.root, {"demo": KERNEL}, {"demo": receipt})
    chart = ladder_chart(Proof(KERNEL, receipt, step=KERNEL.steps[0]), resolver, "en")
    assert 'style="width:100%"' in chart and "120\u00a0%" in chart


def test_step_without_a_label_has_its_name() -> None:
    assert step_label(KERNEL.steps[1], "fr") == "index"


@pytest.mark.parametrize(
    ("kind", "body", "front", "back"),
    [
        (".code", "```cuda\n{{#include demo.cu:index}}\n```", 0, 1),
        (
            ".ladder",
            f"```cuda\n{{{{#include demo.cu:all}}}}\n```\n\n---\n\n{INDEX}",
            1,
            2,
        ),
        (
            ".bug",
            "```cuda\n{{#bug demo:off-by-one}}\n```\n\n---\n\n{{#seen demo:off-by-one}}",
            0,
            0,
        ),
        (
            ".output",
            f"{INDEX}\n\n---\n\n```text\n{{{{#output demo:hello}}}}\n```",
            0,
            1,
        ),
        (".cloze", "```cuda\n{{#include demo.cu:index}}\n{{#blank c1 int}}\n```", 1, 1),
    ],
)
def test_front_of_a_puzzle_does_not_give_it_away(
    bench: Bench, fresh: Resolver, learner: Learner, kind: str, body: str, front: int, back: int
) -> None:
    card = learner.cards(bench.body(body, kind))[0]
    assert card.front.count('class="wd-proof"') == front
    assert card.back.count('class="wd-proof"') == back
