"""Anchored regions: exactly the lines between the markers, or a message that says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from warpdeck.model import Edit
from warpdeck.snippets import (
    SnippetError,
    anchors,
    apply_edits,
    apply_edits_in_region,
    check_anchors,
    did_you_mean,
    region,
    without_markers,
)

DEMO = (Path(__file__).parent / "samples/good/kernels/demo/demo.cu").read_text("utf-8")


def test_nested_and_overlapping_regions() -> None:
    index = "    int i = blockIdx.x * blockDim.x + threadIdx.x;"
    guard = "    if (i >= n) return;"
    copy = "    B[i] = A[i];"
    assert region(DEMO, "index") == f"{index}\n{guard}"
    assert region(DEMO, "guard") == f"{guard}\n{copy}"
    head = "__global__ void demo(const float* A, float* B, int n) {"
    assert region(DEMO, "all") == "\n".join((head, index, guard, copy, "}"))
    assert anchors(DEMO) == ("all", "index", "guard")
    assert check_anchors("demo.cu", DEMO) == []
    assert "ANCHOR" not in without_markers(DEMO)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("// ANCHOR: a\n\n\tx  \n\n// ANCHOR_END: a\n", "\n\tx  \n"),
        ("# ANCHOR: a\nx\n# ANCHOR_END: a", "x"),
        ("/* ANCHOR: a */\nx\n/* ANCHOR_END: a */", "x"),
        ("-- ANCHOR: a\nx\n-- ANCHOR_END: a", "x"),
        ("  //ANCHOR:a\nx\u2028y\x0cz\n  //ANCHOR_END:a", "x\u2028y\x0cz"),
        ("// ANCHOR: ab\ny\n// ANCHOR_END: ab\n// ANCHOR: a\nx\n// ANCHOR_END: a", "x"),
    ],
)
def test_region_is_exact(text: str, code: str) -> None:
    assert region(text, "a") == code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "// ANCHOR: load\nx\n// ANCHOR_END: load",
            "there is no anchor 'laod'. Did you mean 'load'?",
        ),
        ("x", "there is no anchor 'laod'. Mark it with `// ANCHOR: laod`."),
        ("// ANCHOR: laod\nx", "anchor 'laod' is never closed. Add `// ANCHOR_END: laod`"),
        ("// ANCHOR: laod\n \n// ANCHOR_END: laod", "anchor 'laod' holds no code."),
        ("// ANCHOR_END: laod\n// ANCHOR: laod\nx", "anchor 'laod' is never closed."),
    ],
)
def test_region_that_cannot_be_had(text: str, message: str) -> None:
    with pytest.raises(SnippetError) as caught:
        region(text, "laod")
    assert str(caught.value).startswith(message)


def test_every_bad_anchor_of_a_file_is_reported() -> None:
    text = "// ANCHOR: a\n// ANCHOR: b\n// ANCHOR: a\n// ANCHOR_END: a\n// ANCHOR_END: bb\n"
    assert [f"{p.at.line} {p.rule}" for p in check_anchors("f.cu", text)] == [
        "3 anchor-twice",
        "5 anchor-end",
        "2 anchor-unclosed",
    ]


def test_edits_change_exactly_one_place_of_the_region() -> None:
    edits = (Edit("i >= n", "i > n"), Edit("i > n", "i == n"))
    changed = apply_edits_in_region(DEMO, "guard", edits)
    assert changed.count("if (i == n) return;") == 1
    assert region(changed, "guard") == region(DEMO, "guard").replace(">=", "==")
    assert changed.splitlines()[-2:] == DEMO.splitlines()[-2:]


@pytest.mark.parametrize(("find", "rule"), [("nope", "edit-not-found"), ("x", "edit-ambiguous")])
def test_edit_that_names_no_single_place(find: str, rule: str) -> None:
    with pytest.raises(SnippetError) as caught:
        apply_edits("x + x", (Edit(find, "y"),))
    assert caught.value.rule == rule


def test_did_you_mean() -> None:
    assert did_you_mean("includ", ("include", "bug")) == "Did you mean 'include'?"
    assert did_you_mean("zzz", ("include", "bug")) == ""
