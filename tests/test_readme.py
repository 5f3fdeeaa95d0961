"""The README shows what really comes out, and names what is really there."""

from __future__ import annotations

import re

from update_readme import README, updated
from worktree import ROOT, Tree


def test_shown_output_is_that_of_a_run(tree: Tree) -> None:
    text = README.read_text("utf-8")
    assert updated(text, tree) == text, "run `uv run python tests/update_readme.py`"


def test_every_file_that_the_readme_names_is_there() -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)]+)\)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
