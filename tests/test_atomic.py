"""Files are replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from warpdeck import atomic
from warpdeck.model import WarpdeckError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_new_file_and_missing_folders(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "a" / "b.bin", b"\x00new")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"\x00new"
    assert names(tmp_path / "a") == ["b.bin"]


def test_replaces_and_keeps_permissions(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    target.chmod(0o640)
    atomic.write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_new_file_follows_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic.write_bytes(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    atomic.write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_directory_in_place_of_one_target_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").mkdir()
    with pytest.raises(WarpdeckError) as caught:
        atomic.replace_all({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    (problem,) = caught.value.problems
    assert "directory" in problem.message
    assert problem.at.path.endswith("/b")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a", "b"]


def test_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(WarpdeckError, match="part of its path is a file"):
        atomic.write_bytes(tmp_path / "a" / "b", b"new")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "output error"),
    ],
)
def test_failure_while_syncing_second_file_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """A full disk often shows only at fsync; both targets must survive it."""
    calls = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(number, os.strerror(number))

    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WarpdeckError, match=words):
        atomic.replace_all({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert names(tmp_path) == ["a", "b"]
    assert {(tmp_path / n).read_bytes() for n in "ab"} == {b"old"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_real_full_disk_is_explained() -> None:
    """The kernel's own ENOSPC, not a made-up one."""
    with (
        pytest.raises(WarpdeckError, match="disk is full"),
        atomic._explained(Path("x")),
        open("/dev/full", "wb", buffering=0) as file,  # noqa: PTH123
    ):
        file.write(b"x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(WarpdeckError, match="permission denied"):
            atomic.write_bytes(tmp_path / "x", b"")
    finally:
        tmp_path.chmod(0o700)


def test_name_too_long_is_explained(tmp_path: Path) -> None:
    with pytest.raises(WarpdeckError, match="name is too long"):
        atomic.write_bytes(tmp_path / ("x" * 300), b"")
    assert names(tmp_path) == []


def test_exception_in_block_drops_what_was_staged(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic.Transaction() as transaction:
        transaction.stage(tmp_path / "a", b"new")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_renames_follow_the_given_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    replace = Path.replace

    def spy(self: Path, target: Path) -> Path:
        order.append(Path(target).name)
        assert len(list(tmp_path.glob(".warpdeck-*"))) == 3 - len(order) + 1
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", spy)
    atomic.replace_all({tmp_path / n: n.encode() for n in ("c", "a", "b")})
    assert order == ["c", "a", "b"]


def test_problem_names_path_relative_to_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()
    with pytest.raises(WarpdeckError) as caught:
        atomic.write_bytes(Path("dist"), b"")
    assert str(caught.value).startswith("dist:1:1: not written: it is a directory. Move")


def test_folder_is_replaced_by_exactly_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    (folder / "old").mkdir(parents=True)
    (folder / "old" / "x").write_bytes(b"old")
    atomic.replace_folder(folder, {"a.html": b"a", "data/b.js": b"b"})
    assert names(folder) == ["a.html", "data"]
    assert (folder / "data" / "b.js").read_bytes() == b"b"
    assert names(tmp_path) == ["site"]


def test_folder_that_cannot_be_made_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    atomic.replace_folder(folder, {"a": b"old"})
    real = os.fsync

    def full(descriptor: int) -> None:
        if (tmp_path / "site").exists() and stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WarpdeckError, match="the disk is full"):
        atomic.replace_folder(folder, {"a": b"new", "b": b"new"})
    assert (folder / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["site"]


def test_folder_comes_back_if_its_successor_cannot_be_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    atomic.replace_folder(folder, {"a": b"old"})
    real = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.suffix == ".new":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(WarpdeckError, match="permission denied"):
        atomic.replace_folder(folder, {"a": b"new"})
    assert (folder / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["site"]


def test_file_in_the_place_of_a_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "site").write_bytes(b"mine")
    with pytest.raises(WarpdeckError, match="a part of its path is a file"):
        atomic.replace_folder(tmp_path / "site", {"a": b"new"})
    assert (tmp_path / "site").read_bytes() == b"mine"
