"""Whatever bytes a file holds, it becomes text or one problem at the right place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from warpdeck.files import read_text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\nb\n", "a\nb\n"),
        (b"\xef\xbb\xbfa\r\nb\rc", "a\nb\nc"),
        ("中\u2028文\t\x85".encode(), "中\u2028文\t\x85"),
        (b"", ""),
    ],
)
def test_text_is_utf8_with_plain_line_ends(tmp_path: Path, raw: bytes, text: str) -> None:
    (tmp_path / "f").write_bytes(raw)
    assert read_text(tmp_path / "f", "f") == (text, [])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\xff", "f:1:1: byte 0xff is not UTF-8. Save the file as UTF-8."),
        (
            "中文\n中".encode() + b"\xd6\xd0",
            "f:2:2: byte 0xd6 is not UTF-8. Save the file as UTF-8.",
        ),
        (b"\xef\xbb\xbfab\n\xe4", "f:2:1: byte 0xe4 is not UTF-8. Save the file as UTF-8."),
        (b"ok\r\nab\xe4\xb8\r\n", "f:2:3: byte 0xe4 is not UTF-8. Save the file as UTF-8."),
        (
            b"a\r\n\xe4\xb8\xad\x1f",
            "f:2:2: control character U+001F cannot be shown on a card. Remove it.",
        ),
        (b"a\x0c", "f:1:2: control character U+000C cannot be shown on a card. Remove it."),
        (b"\x00", "f:1:1: control character U+0000 cannot be shown on a card. Remove it."),
    ],
)
def test_bad_bytes_are_named_where_they_stand(tmp_path: Path, raw: bytes, said: str) -> None:
    (tmp_path / "f").write_bytes(raw)
    text, problems = read_text(tmp_path / "f", "f")
    assert (text, [str(problem) for problem in problems]) == ("", [said])


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "f").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    names = ("d", "none", "f/below", "loop", "x" * 300, "pipe")
    rules = [read_text(tmp_path / name, "f")[1][0].rule for name in names]
    assert rules == ["is-directory", "missing-file", *["unreadable"] * 4]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_file_without_permission(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a")
    (tmp_path / "f").chmod(0)
    ((problem,),) = (read_text(tmp_path / "f", "f")[1],)
    assert str(problem) == "f:1:1: cannot be read: permission denied. Mend its permissions."
