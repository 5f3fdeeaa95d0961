"""What the README shows of runs, made by those runs: `uv run python tests/update_readme.py`.

The test beside it fails where the README shows anything else.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from worktree import ROOT, Tree

from warpdeck import kernels, receipts
from warpdeck.proof import step_label
from warpdeck.resolve import in_percent, in_time, shown_case

README = ROOT / "README.md"
# A row for each host program: too many for a README.
_PROGRAMS = re.compile(r"^Host programs.*?(?=^questions: )", re.MULTILINE | re.DOTALL)
_LADDER = re.compile(r"^\| step \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)


def updated(readme: str, tree: Tree) -> str:
    """Return the README's text with the output of every command that it shows."""
    for command, output in (
        ("uv run build.py", tree.run("--locked").stdout),
        ("uv run build.py report", _PROGRAMS.sub("…\n", tree.run("report").stdout)),
        ("uv run build.py check", misspelt_anchor(tree)),
    ):
        shown = re.compile(rf"(^\$ {re.escape(command)}\n).*?(^```)", re.MULTILINE | re.DOTALL)
        lines = "".join(f"{line.rstrip()}\n" for line in output.strip("\n").split("\n"))
        readme, count = shown.subn(lambda m, lines=lines: m[1] + lines + m[2], readme)  # type: ignore[misc]
        assert count == 1, command
    return _LADDER.sub(ladder_table(), readme)


def misspelt_anchor(tree: Tree) -> str:
    """Return what `check` says of an include with a slip in it."""
    path = tree.folder / "source" / "kernels" / "en.md"
    text = path.read_text("utf-8")
    path.write_text(text.replace("transpose.cu:padded}}", "transpose.cu:paded}}", 1), "utf-8")
    said = tree.run("check").stderr
    path.write_text(text, "utf-8")
    return "\n".join(line for line in said.splitlines() if line.startswith("source/"))


def ladder_table() -> str:
    """Return the table of the transpose ladder, from its receipt."""
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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        README.write_text(updated(README.read_text("utf-8"), Tree(Path(folder) / "tree")), "utf-8")
