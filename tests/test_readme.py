"""The README shows what really comes out: its blocks are compared with a run."""

from __future__ import annotations

import re
from pathlib import Path

from worktree import ROOT, Tree

from warpdeck import kernels, receipts
from warpdeck.proof import step_label
from warpdeck.resolve import in_percent, in_time, shown_case

README = (ROOT / "README.md").read_text("utf-8")


def block(command: str) -> str:
    """Return what the README shows below `$ command`."""
    match = re.search(rf"^\$ {re.escape(command)}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert match, command
    return match[1]


def trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").split("\n")]


def test_build_output(tree: Tree) -> None:
    done = tree.run("--locked")
    assert trimmed(block("uv run build.py")) == trimmed(done.stdout)


def test_report_output(tree: Tree) -> None:
    assert trimmed(block("uv run build.py report")) == trimmed(tree.run("report").stdout)


def test_check_output_of_a_misspelt_anchor(tree: Tree) -> None:
    path = tree.folder / "source" / "kernels" / "en.md"
    path.write_text(path.read_text().replace("transpose.cu:padded}}", "transpose.cu:paded}}", 1))
    said = tree.run("check").stderr
    problems = [line for line in said.splitlines() if line.startswith("source/")]
    assert trimmed(block("uv run build.py check")) == problems


def ladder_table() -> str:
    """Return the README's table of the transpose ladder, from its receipt."""
    kernel = next(k for k in kernels.load_kernels(ROOT)[0] if k.name == "transpose")
    receipt, _ = receipts.best(ROOT, kernel)
    assert receipt
    shapes = [case.shape for case in receipt.versions[0].cases if case.time_us]
    rows = [
        "| step | " + " | ".join("×".join(map(str, shape)) for shape in shapes) + " |",
        "|---|" + "---|" * len(shapes),
    ]
    for step, version in zip(kernel.steps, receipt.versions, strict=True):
        cells = []
        for shape in shapes:
            case = shown_case(version, shape)
            assert case and case.time_us
            share = in_percent(case.ratio_to_limit or 0)
            cells.append(f"{in_time(case.time_us.median)}, {share}")
        rows.append(f"| {step_label(step, 'en')} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def test_ladder_table() -> None:
    assert ladder_table() in README


def test_every_file_that_the_readme_names_is_there() -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / Path(link)).exists()] == []
