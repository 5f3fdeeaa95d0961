"""Modules know only what their docstrings allow: read from their imports."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "warpdeck"
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Return what a module imports, our own modules as `warpdeck.x`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            assert node.module
            found.add(node.module)
            if node.module.split(".")[0] == "warpdeck":
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def known(name: str) -> set[str]:
    return imports(PACKAGE / f"{name}.py")


def users(library: str) -> set[str]:
    """Return which modules import `library` or a part of it."""
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        for name in imports(path)
        if name == library or name.startswith(f"{library}.")
    }


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("genanki", {"package.py"}),
        ("sqlite3", {"package.py"}),
        ("markdown", {"render.py"}),
        ("nh3", {"sanitize.py"}),
        ("pygments", {"highlight.py"}),
        ("yaml", {"yamlfile.py"}),
        ("tree_sitter", {"verify/syntax.py"}),
        ("tree_sitter_cuda", {"verify/syntax.py"}),
        ("urllib.request", {"ankiconnect.py"}),
        ("anki", {"preview/anki_backend.py"}),
        ("latex2mathml", {"preview/maths.py"}),
        ("jinja2", {"preview/pages.py", "report_page.py"}),
        ("watchfiles", {"preview/serve.py"}),
        ("starlette", {"preview/serve.py"}),
        ("uvicorn", {"preview/serve.py"}),
    ],
)
def test_one_module_knows_a_library(library: str, allowed: set[str]) -> None:
    assert users(library) <= allowed


def test_subprocesses_belong_to_verify() -> None:
    assert all(name.startswith("verify") for name in users("subprocess"))


def test_model_knows_the_standard_library_alone() -> None:
    assert {name.split(".")[0] for name in known("model")} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("files", ("markup", "parse", "render")),
        ("yamlfile", ("parse", "render", "resolve")),
        ("snippets", ("markup", "parse", "receipts")),
        ("markup", ("parse", "render", "resolve", "ankitext")),
        ("ankitext", ("markup", "parse", "render", "model")),
        ("highlight", ("parse", "resolve", "render", "note_types")),
        ("figures", ("parse", "markup", "render")),
        ("phrases", ("render", "proof", "model")),
        ("parse", ("resolve", "render", "ledger", "package", "note_types", "lint")),
        ("lint", ("render", "package", "ledger", "note_types", "resolve")),
        ("glossary", ("parse", "source", "lint", "render", "resolve")),
        ("coverage", ("parse", "source", "lint", "render", "resolve")),
        ("report", ("parse", "ledger", "package", "workspace", "render", "rich", "jinja2")),
        ("report_page", ("parse", "lint", "ledger", "package", "receipts", "atomic", "rich")),
        ("resolve", ("render", "parse", "markup", "rich")),
        ("sanitize", ("parse", "render", "note_types", "ankitext", "resolve")),
        ("render", ("package", "workspace", "cli")),
        ("note_types", ("parse", "render", "lint")),
        ("ledger", ("parse", "render", "package", "markup")),
        ("package", ("parse", "render", "lint", "ledger", "markup")),
        ("ankiconnect", ("source", "package", "ledger", "workspace", "model", "rich", "argparse")),
        ("preview/template", ("parse", "render", "workspace", "markup")),
        ("preview/maths", ("parse", "render", "model", "workspace")),
        ("preview/cards", ("parse", "workspace", "render")),
        ("preview/data", ("parse", "workspace", "render", "note_types")),
        ("preview/pages", ("package", "ledger", "note_types")),
        ("preview/gallery", ("package", "ledger", "atomic")),
        ("preview/serve", ("package", "ledger", "workspace", "parse", "render")),
    ],
)
def test_module_must_not_know(module: str, never: tuple[str, ...]) -> None:
    names = {name.removeprefix("warpdeck.").split(".")[0] for name in known(module)}
    assert not names & {*never, "cli", "commands"}


def test_every_module_says_what_it_owns() -> None:
    for path in MODULES:
        doc = ast.get_docstring(ast.parse(path.read_text("utf-8")))
        assert doc, path


def test_nothing_runs_in_a_circle() -> None:
    graph = {
        f"warpdeck.{path.relative_to(PACKAGE).with_suffix('').as_posix().replace('/', '.')}": path
        for path in MODULES
    }
    edges = {
        name: {n for n in imports(path) if n in graph and n != name} for name, path in graph.items()
    }
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " → ".join((*above, name))
        if name not in done:
            for other in sorted(edges[name]):
                visit(other, (*above, name))
            done.add(name)

    for name in sorted(edges):
        visit(name, ())
