"""The command line, on small projects: exit codes, messages, and that nothing is ever lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from warpdeck.cli import main
from warpdeck.commands import COMMANDS

REPOSITORY = Path(__file__).parent.parent


def run(project: Path, *arguments: str) -> int:
    return main(arguments, root=project)


def state(project: Path) -> dict[str, bytes]:
    """Return every file that a build writes."""
    kept = [project / "source" / "notes.lock", *(project / "dist").rglob("*")]
    return {path.as_posix(): path.read_bytes() for path in kept if path.is_file()}


def topic_file(project: Path, language: str = "en") -> Path:
    return next(iter(sorted((project / "source").glob(f"*/{language}.md"))))


# --- exit codes ----------------------------------------------------------------


def test_without_arguments_it_builds(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project) == 0
    names = {path.name for path in (project / "dist").iterdir()}
    topic = topic_file(project).parent.name
    name = re.search(r"^name: (\S+)", (project / "source/project.yml").read_text(), re.M)
    assert name
    assert names == {
        "SHA256SUMS",
        *(f"{name[1]}-{topic}-{language}.apkg" for language in ("zh", "en")),
        *(f"{name[1]}-{language}.apkg" for language in ("zh", "en")),
    }
    assert "new" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--langg", "en"],
        ["--lang", "de"],
        ["no-such-topic"],
        ["new"],
        ["new", "note", "x", "y"],
        ["new", "topic", "build"],
        ["new", "topic", "x" * 300],
        ["new", "kernel", "9a"],
        ["new", "program", "A"],
        ["verify", "--recheck"],
        ["verify", "--jobs", "-1"],
        ["verify", "--time-limit", "nan"],
    ],
)
def test_wrong_usage_exits_with_2(
    project: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project, *arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("given", ["abc", "-5", "1.5", " ", "1" * 30])
def test_time_that_is_none_is_wrong_usage(
    project: Path,
    given: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    assert run(project) == 2
    assert f"SOURCE_DATE_EPOCH is '{given}'" in capsys.readouterr().err
    assert state(project) == {}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a Linux device")
def test_output_that_cannot_be_written_is_one_sentence(project: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-u", str(REPOSITORY / "build.py"), "report", "--json"]
        done = subprocess.run(
            command, cwd=project, env=environment, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_misspelt_topic_gets_a_suggestion(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = topic_file(project).parent.name
    assert run(project, topic[:-1] + "x") == 2
    assert f"Did you mean '{topic}'?" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_stands_in_the_readme(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    assert COMMANDS[command][:20].lower() in capsys.readouterr().out.lower()
    assert f"`{command}" in (REPOSITORY / "README.md").read_text()


def test_outside_a_project_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 1
    assert "there is no folder source/ here" in capsys.readouterr().err


# --- nothing is lost -------------------------------------------------------------


def break_yaml(project: Path) -> str:
    path = topic_file(project).parent / "topic.yml"
    path.write_text("deck: {en: [\n")
    return rf"{path.parent.name}/topic\.yml:\d+:\d+: not YAML"


def misspell_key(project: Path) -> str:
    path = topic_file(project).parent / "topic.yml"
    path.write_text(path.read_text().replace("order:", "ordr:"))
    return r"topic\.yml:\d+:1: unknown key 'ordr'\. Did you mean 'order'\?"


def name_missing_anchor(project: Path) -> str:
    kernel = next((project / "kernels").glob("*/*.cu"))
    section = f"\n```cuda\n{{{{#include {kernel.name}:no-such-anchor}}}}\n```\n"
    for language in ("zh", "en"):
        path = topic_file(project, language)
        path.write_text(path.read_text() + section)
    lines = topic_file(project).read_text().count("\n") - 1
    return rf"en\.md:{lines}:\d+: .*there is no anchor 'no-such-anchor'"


def repeat_id(project: Path) -> str:
    path = topic_file(project)
    text = path.read_text()
    path.write_text(text + "\n" + text[text.index("\n## ") + 1 :])
    return r"en\.md:\d+:1: id '[\w-]+' is taken \(first at "


def drop_translation(project: Path) -> str:
    path = topic_file(project, "zh")
    text = path.read_text()
    path.write_text(text[: text.rindex("\n## ") + 1])
    return r"en\.md:\d+:1: note '[\w-]+' is not in zh\.md"


def write_latin1(project: Path) -> str:
    path = topic_file(project)
    path.write_bytes(path.read_bytes() + b"\ncaf\xe9\n")
    line = path.read_bytes().count(b"\n")
    return rf"en\.md:{line}:4: byte 0xe9 is not UTF-8"


def put_directory(project: Path) -> str:
    path = topic_file(project)
    path.unlink()
    path.mkdir()
    return r"en\.md:1:1: this is a directory where a file should be"


def put_directory_into_dist(project: Path) -> str:
    package = next((project / "dist").glob("*-en.apkg"))
    package.unlink()
    package.mkdir()
    return rf"{package.name}:1:1: .*directory"


def truncate_ledger(project: Path) -> str:
    path = project / "source" / "notes.lock"
    path.write_bytes(path.read_bytes()[:-40])
    return r"notes\.lock:\d+:\d+: "


def leave_merge_conflict(project: Path) -> str:
    path = project / "source" / "notes.lock"
    path.write_text("<<<<<<< HEAD\n" + path.read_text())
    return r"notes\.lock:1:1: an unfinished merge"


def rename_project(project: Path) -> str:
    path = project / "source" / "project.yml"
    path.write_text(re.sub(r"^name: .*", "name: other", path.read_text(), flags=re.M))
    return r"project\.yml:1:1: notes\.lock holds .* that was not called 'other'"


BREAKS: list[Callable[[Path], str]] = [
    break_yaml,
    misspell_key,
    name_missing_anchor,
    repeat_id,
    drop_translation,
    write_latin1,
    put_directory,
    put_directory_into_dist,
    truncate_ledger,
    leave_merge_conflict,
    rename_project,
]


@pytest.mark.parametrize("break_it", BREAKS)
def test_broken_project_changes_no_file(
    project: Path, break_it: Callable[[Path], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project) == 0
    expected = break_it(project)
    before = state(project)
    capsys.readouterr()
    assert run(project) == 1
    said = capsys.readouterr().err
    assert re.search(expected, said), said
    assert "Traceback" not in said
    assert state(project) == before


def test_broken_kernel_is_told_once_and_not_by_each_note(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_note(project, "is-timed", "", "{{#time vector-add:add}}")
    add_note(project, "is-a-step", ".ladder", "```cuda\n{{#include vector-add.cu:add}}\n```")
    path = project / "kernels" / "vector-add" / "kernel.yml"
    path.write_text(path.read_text() + "zz: 1\n")
    assert run(project, "check") == 1
    said = capsys.readouterr().err
    assert "unknown key 'zz'" in said
    assert said.endswith("\n1 problem\n"), said


def test_problem_that_quotes_lines_of_code_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "kernels" / "vector-add" / "kernel.yml"
    bug = '  - {id: x, version: add, edits: [{find: "a\\nb", replace: ""}], expect: compare}\n'
    text = re.sub(r"^bugs:.*?(?=^\S|\Z)", "", path.read_text(), flags=re.M | re.S)
    path.write_text(text + "bugs:\n" + bug)
    assert run(project, "check") == 1
    said = capsys.readouterr().err
    assert "`a\\nb` occurs 0 times" in said, said


def test_all_problems_of_all_files_at_once_and_sorted(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patterns = [drop_translation(project), misspell_key(project), write_latin1(project)]
    assert run(project, "check") == 1
    said = capsys.readouterr().err
    assert all(re.search(pattern, said) for pattern in patterns[1:]), said
    lines = [line for line in said.splitlines() if re.match(r"\S+:\d+:\d+: ", line)]
    places = [
        (m[1], int(m[2]), int(m[3]))
        for line in lines
        if (m := re.match(r"(\S+?):(\d+):(\d+): ", line))
    ]
    assert places == sorted(places)


@pytest.mark.skipif(sys.platform == "win32", reason="file-size limits are POSIX")
def test_write_that_fails_midway_changes_no_file(project: Path) -> None:
    assert run(project) == 0
    before = state(project)
    path = topic_file(project)
    path.write_text(path.read_text().replace("\n## ", "\nMore.\n\n## "))
    # The kernel itself refuses the write: no file may grow beyond 3 kB.
    script = (
        "import resource, signal, sys; from pathlib import Path; from warpdeck.cli import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000));"
        "sys.exit(main([], root=Path(sys.argv[1])))"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(project)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(r":1:1: .+\. .+", done.stderr), done.stderr
    assert state(project) == before
    assert list(project.rglob("*.tmp")) == []


# --- the ledger -----------------------------------------------------------------


def test_locked_build_passes_only_without_changes(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project, "--locked") == 1
    assert "notes.lock:1:1: the ledger does not know" in capsys.readouterr().err
    assert run(project) == 0
    before = state(project)
    assert run(project, "--locked") == 0
    assert state(project) == before


def test_second_build_is_byte_identical(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert run(project) == 0
    before = state(project)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    assert run(project) == 0
    assert state(project) == before


def test_part_of_the_project_leaves_the_rest(project: Path) -> None:
    assert run(project) == 0
    before = state(project)
    topic = topic_file(project).parent.name
    assert run(project, topic[:4], "--lang", "zh") == 0
    assert state(project) == before


def test_vanished_cloze_number_stops_the_build(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_note(project, "is-hidden", ".cloze", "A {{c1::first}} and a {{c2::second}} blank.")
    assert run(project) == 0
    before = state(project)
    for language in ("zh", "en"):
        path = topic_file(project, language)
        path.write_text(path.read_text().replace("{{c2::second}}", "second"))
    assert run(project) == 1
    said = capsys.readouterr().err
    assert "'is-hidden' had c2 and has it no more" in said
    assert "new id" in said
    assert state(project) == before


def test_changed_kind_stops_the_build(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_note(project, "is-changed", "", "An answer.")
    assert run(project) == 0
    before = state(project)
    for language in ("zh", "en"):
        path = topic_file(project, language)
        path.write_text(path.read_text().replace("{#is-changed }", "{#is-changed .code}"))
    assert run(project) == 1
    assert "'is-changed' was a question note and is now a code note" in capsys.readouterr().err
    assert state(project) == before


def test_id_of_a_retired_note_is_not_taken_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {language: topic_file(project, language).read_text() for language in ("zh", "en")}
    add_note(project, "is-retired", "", "An answer.")
    assert run(project) == 0
    for language, text in texts.items():
        topic_file(project, language).write_text(text)
    assert run(project) == 0
    add_note(project, "is-retired", "", "Another answer.")
    assert run(project) == 1
    assert "belonged to a note that was retired" in capsys.readouterr().err
    assert run(project, "new", "note", topic_file(project).parent.name, "is-retired") == 1


def test_release_stamps_drafts_with_the_time_of_release(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert run(project) == 0
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700009999")
    assert run(project, "release") == 0
    lock = (project / "source" / "notes.lock").read_text()
    assert '"mod":1700009999' in lock
    assert '"mod":1700000000' not in lock
    assert '"draft":true' not in lock
    before = state(project)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700019999")
    assert run(project, "release") == 0
    assert state(project) == before


def add_note(project: Path, note_id: str, classes: str, body: str) -> None:
    """Append a note to the first topic in both languages."""
    references = (project / "source" / "references.yml").read_text()
    key = re.search(r"^([\w-]+):", references, re.M)
    assert key
    for language in ("zh", "en"):
        path = topic_file(project, language)
        section = f"\n## Question {note_id} {{#{note_id} {classes}}}\n\n{body}\n\n[@{key[1]}]\n"
        path.write_text(path.read_text().rstrip("\n") + "\n" + section)


# --- report and new -----------------------------------------------------------------


def test_report_counts_what_is_there(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "report", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    sections = topic_file(project).read_text().count("\n## ")
    assert [t["notes"] for t in data["topics"] if t["language"] == "en"] == [sections]
    drop_translation(project)
    assert run(project, "report", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["untranslated"]) == 1
    assert run(project, "report") == 0
    assert "untranslated" in capsys.readouterr().out


def test_new_topic_and_notes_of_every_kind_lead_to_a_build(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project, "new", "topic", "fresh-topic") == 0
    for kind in ("question", "reverse", "cloze", "type"):
        assert run(project, "new", "note", "fresh-topic", f"fresh-{kind}", "--kind", kind) == 0
    key = re.search(r"^([\w-]+):", (project / "source" / "references.yml").read_text(), re.M)
    assert key
    for language in ("zh", "en"):
        path = project / "source" / "fresh-topic" / f"{language}.md"
        text = path.read_text().replace("@KEY#SECTION", f"@{key[1]}")
        # The author's part: each question says something of its own.
        for number in range(text.count("The question? ")):
            text = text.replace("The question? ", f"Question {number}? ", 1)
        path.write_text(text)
    assert run(project, "check") == 0, capsys.readouterr().err
    assert run(project) == 0
    assert run(project, "new", "topic", "fresh-topic") == 1
    assert run(project, "new", "note", "fresh-topic", "fresh-type") == 1


# --- nothing unverified slips in -----------------------------------------------------


def test_file_that_no_kernel_yml_names_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "kernels" / "vector-add" / "other.cu").write_text("int main() {}\n")
    add_note(project, "is-unverified", "", "```cuda\n{{#include vector-add/other.cu}}\n```")
    assert run(project) == 1
    said = capsys.readouterr().err
    assert "no receipt can cover kernels/vector-add/other.cu" in said
    assert run(project, "--allow-stale") == 0


@pytest.mark.parametrize("change", ["code", "flags", "receipt gone", "receipt cut"])
def test_code_without_a_fresh_receipt_stops_the_build(
    project: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project) == 0
    before = state(project)
    folder = project / "kernels" / "vector-add"
    receipt = next(folder.glob("receipts/*.json"))
    if change == "code":
        path = folder / "vector-add.cu"
        path.write_text(path.read_text().replace("a[i] + b[i]", "b[i] + a[i]"))
    elif change == "flags":
        path = folder / "kernel.yml"
        path.write_text(path.read_text().replace("-O3", "-O2"))
    elif change == "receipt gone":
        receipt.unlink()
    else:
        receipt.write_bytes(receipt.read_bytes()[:100])
    assert run(project) == 1
    said = capsys.readouterr().err
    assert re.search(r"kernels/vector-add/\S+:\d+:\d+: ", said), said
    assert "uv run build.py verify vector-add" in said
    assert state(project) == before
    if change != "receipt cut":
        assert run(project, "--allow-stale") == 0


def test_a_deck_from_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    assert run(root, "new", "project", "my-deck", "--lang", "en", "fr") == 0
    assert run(root, "new", "topic", "first") == 0
    assert run(root, "new", "note", "first", "first-question") == 0
    references = root / "source" / "references.yml"
    references.write_text("k:\n  title: T\n  url: https://example.org\n  checked: 2026-01-31\n")
    for language in ("en", "fr"):
        path = root / "source" / "first" / f"{language}.md"
        path.write_text(path.read_text().replace("@KEY#SECTION", "@k#1"))
    assert run(root) == 0, capsys.readouterr().err
    assert (root / "dist" / "my-deck-fr.apkg").is_file()
    assert run(root, "new", "project", "my-deck") == 1
    assert run(tmp_path, "new", "project", "my-deck", "--lang", "English!") == 2
