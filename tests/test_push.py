"""`push` against a small server that speaks AnkiConnect's protocol, well or badly."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from anki.importing import AnkiPackageImporter  # type: ignore[attr-defined]  # made on demand
from ankibox import AnkiBox

from warpdeck import ankiconnect
from warpdeck.cli import main

Reply = Callable[[dict[str, Any]], object]
"""What the server answers: an object to send as JSON, bytes as they are, or an HTTP status."""


class Anki:
    """A server that keeps what it was asked."""

    def __init__(self, reply: Reply) -> None:
        self.asked: list[dict[str, Any]] = []
        anki = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                anki.asked.append(question)
                answer = reply(question)
                status = answer if isinstance(answer, int) else 200
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def packages(self) -> list[str]:
        """Return the names of the files that were to be imported; each must be there."""
        paths = [Path(q["params"]["path"]) for q in self.asked if q["action"] == "importPackage"]
        assert all(path.is_absolute() and path.is_file() for path in paths)
        return [path.name for path in paths]


@contextmanager
def running(reply: Reply) -> Iterator[Anki]:
    anki = Anki(reply)
    thread = threading.Thread(target=anki.server.serve_forever)
    thread.start()
    try:
        yield anki
    finally:
        anki.server.shutdown()
        anki.server.server_close()
        thread.join()


def well(question: dict[str, Any]) -> object:
    """Answer as AnkiConnect does."""
    if question["action"] == "version":
        return {"result": question["version"], "error": None}
    return {"result": question["action"] == "importPackage", "error": None}


def push(project: Path, anki: Anki, *arguments: str) -> int:
    return main(["push", *arguments, "--url", anki.url], root=project)


def test_the_packages_that_hold_everything_are_imported_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(well) as anki:
        assert push(project, anki) == 0
        assert anki.packages() == ["demo-zh.apkg", "demo-en.apkg"]
    assert all(question["version"] == 6 for question in anki.asked)
    out = capsys.readouterr().out
    assert "dist/demo-zh.apkg  imported into Anki\ndist/demo-en.apkg  imported into Anki\n" in out


def test_a_part_is_pushed_alone(project: Path) -> None:
    with running(well) as anki:
        assert push(project, anki, "basics", "--lang", "en") == 0
        assert anki.packages() == ["demo-basics-en.apkg"]


def test_what_is_pushed_is_what_the_source_says_now(project: Path) -> None:
    with running(well) as anki:
        assert push(project, anki, "--lang", "en") == 0
        package = project / "dist" / "demo-en.apkg"
        before = package.read_bytes()
        source = project / "source" / "basics" / "en.md"
        source.write_text(source.read_text("utf-8").replace("32. [@", "Thirty-two. [@"), "utf-8")
        assert push(project, anki, "--lang", "en") == 0
        assert package.read_bytes() != before


def test_nothing_is_pushed_that_did_not_build(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "source" / "basics" / "en.md").write_text("no front matter", "utf-8")
    with running(well) as anki:
        assert push(project, anki) == 1
        assert anki.packages() == []
    assert "source/basics/en.md:" in capsys.readouterr().err


def test_without_anki_nothing_is_built(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(well) as anki:
        pass  # its port is free now
    assert push(project, anki) == 1
    said = capsys.readouterr().err
    assert f"dist:1:1: no Anki answers at {anki.url}. Start Anki" in said
    assert "2055492159" in said
    assert not (project / "dist").exists()


def test_what_anki_says_of_one_package_does_not_stop_the_others(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses(question: dict[str, Any]) -> object:
        if question["params"].get("path", "").endswith("demo-zh.apkg"):
            return {"result": None, "error": "database is\nlocked."}
        return well(question)

    with running(refuses) as anki:
        assert push(project, anki) == 1
        assert anki.packages() == ["demo-zh.apkg", "demo-en.apkg"]
    shown = capsys.readouterr()
    assert "dist/demo-zh.apkg:1:1: Anki says: database is locked. " in shown.err
    assert "dist/demo-en.apkg  imported" in shown.out
    assert "demo-zh.apkg  imported" not in shown.out


def test_a_package_that_was_not_imported_is_a_problem(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def does_nothing(question: dict[str, Any]) -> object:
        return (
            well(question) if question["action"] == "version" else {"result": None, "error": None}
        )

    with running(does_nothing) as anki:
        assert push(project, anki, "--lang", "en") == 1
    assert "gave no reason" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(
            {"result": 5, "error": None}, "speaks version 5, not 6. In Anki, update", id="old"
        ),
        pytest.param({"result": None, "error": None}, "speaks version None", id="no version"),
        pytest.param(
            {"result": None, "error": "unsupported action"},
            "unsupported action. In Anki, update",
            id="older",
        ),
        pytest.param(404, "is not AnkiConnect, or refuses us: HTTP 404", id="404"),
        pytest.param(b"<html>router</html>", "is not AnkiConnect", id="a web page"),
        pytest.param(b"\xff\xfe", "is not AnkiConnect", id="bytes"),
        pytest.param(b"[" * 100_000, "is not AnkiConnect", id="deep JSON"),
        pytest.param({"result": 6}, "is not AnkiConnect", id="other JSON"),
        pytest.param([6], "is not AnkiConnect", id="a list"),
    ],
)
def test_what_is_not_a_fit_ankiconnect_is_named(
    project: Path, capsys: pytest.CaptureFixture[str], answer: object, said: str
) -> None:
    with running(lambda question: answer) as anki:
        assert push(project, anki) == 1
    assert said in capsys.readouterr().err
    assert not (project / "dist").exists()


def test_an_anki_that_hangs_is_left_after_a_while(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ankiconnect, "_IMPORT", 0.2)

    def hangs(question: dict[str, Any]) -> object:
        if question["action"] == "importPackage":
            time.sleep(1)
        return well(question)

    with running(hangs) as anki:
        assert push(project, anki) == 1
        assert anki.packages() == ["demo-zh.apkg"]  # the others would hang too
    assert "did not answer within 0.2 s. Look at Anki" in capsys.readouterr().err


def test_the_key_comes_from_the_option_or_the_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def locked(question: dict[str, Any]) -> object:
        if question.get("key") != "secret":
            return {"result": None, "error": "valid api key must be provided"}
        return well(question)

    with running(locked) as anki:
        assert push(project, anki) == 1
        assert "ANKICONNECT_KEY" in capsys.readouterr().err
        assert push(project, anki, "--key", "secret") == 0
        monkeypatch.setenv("ANKICONNECT_KEY", "secret")
        assert push(project, anki) == 0
        assert "secret" not in "".join(capsys.readouterr())


def test_a_proxy_of_the_environment_is_not_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with running(well) as anki:
        assert push(project, anki) == 0


@pytest.mark.parametrize(
    "url", ["localhost:8765", "ftp://localhost", "http://", "http://localhost:x", "http://a b", ""]
)
def test_an_address_that_is_none_is_wrong_usage(project: Path, url: str) -> None:
    assert main(["push", "--url", url], root=project) == 2


def test_an_unknown_topic_is_wrong_usage(project: Path) -> None:
    with running(well) as anki:
        assert push(project, anki, "nothing") == 2
        assert anki.packages() == []


# --- what Anki does with a push ------------------------------------------------------


def test_the_importer_that_ankiconnect_calls_keeps_every_review(
    project: Path, box: AnkiBox
) -> None:
    package = str(project / "dist" / "demo-en.apkg")
    with running(well) as anki:
        assert push(project, anki, "--lang", "en") == 0
        AnkiPackageImporter(box.col, package).run()
        assert box.study(2, "demo English") == 2
        before, scm, guids = box.rows(), box.scm(), box.guids()
        source = project / "source" / "basics" / "en.md"
        source.write_text(source.read_text("utf-8").replace("32. [@", "Thirty-two. [@"), "utf-8")
        assert push(project, anki, "--lang", "en") == 0
    AnkiPackageImporter(box.col, package).run()
    assert any("Thirty-two" in field for guid in guids for field in box.fields(guid))
    assert (box.rows(), box.guids()) == (before, guids)
    assert box.scm() == scm, "a full sync would be forced"
