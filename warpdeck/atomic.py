"""Files that are written whole or not at all.

Owns: temp file beside the target, fsync, rename; OS errors as problems with a way out.
Must not know: what the bytes mean.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from warpdeck.model import Location, Problem, WarpdeckError

_REMEDIES = {
    errno.ENOSPC: ("the disk is full", "Free some space, then run the command again."),
    errno.EDQUOT: ("your disk quota is used up", "Free some space, then run the command again."),
    errno.EFBIG: ("the file system takes no file this large", "Write to another file system."),
    errno.EACCES: ("permission denied", "Make the file and its folder writable, then try again."),
    errno.EPERM: ("permission denied", "Make the file and its folder writable, then try again."),
    errno.EROFS: ("the file system is read-only", "Write to a folder that you may write to."),
    errno.EISDIR: ("it is a directory", "Move or rename that directory."),
    errno.ENOTDIR: ("a part of its path is a file", "Move or rename that file."),
    errno.EEXIST: ("a part of its path is a file", "Move or rename that file."),
    errno.ENAMETOOLONG: ("its name is too long", "Choose a shorter name."),
    errno.EXDEV: ("it is a mount point", "Write to a path that is not a mount point."),
    errno.EBUSY: ("another program holds it", "Close that program, then try again."),
}


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data`: a reader sees the old bytes or the new, never a part.

    Missing folders are made. A symbolic link stays one; its target is replaced. Raises
    WarpdeckError, with the old file untouched and no temp file left behind.
    """
    replace_all({path: data})


def replace_all(files: Mapping[Path, bytes]) -> None:
    """Replace each path of `files` by its bytes; none of them if one cannot be written.

    All temp files are written and synced before the first rename; the renames follow in the
    mapping's order, so put the file that the others need first. Raises WarpdeckError.
    """
    with Transaction() as transaction:
        for path, data in files.items():
            transaction.stage(path, data)


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace `folder` by one that holds exactly `files`, given by path below it.

    The new folder is written and synced beside the old one and then renamed. A crash between
    the two renames leaves no folder at all, but never one that is half of each. Raises
    WarpdeckError, with the old folder in its place and no other left behind.
    """
    mark = secrets.token_hex(8)
    new, old = (folder.with_name(f".warpdeck-{mark}.{which}") for which in ("new", "old"))
    with _explained(folder):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        try:
            for name, data in files.items():
                path = new / name
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_synced(path, data, None)
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
            _sync_folder(folder.parent)
        except BaseException:
            if old.exists() and not folder.exists():
                old.rename(folder)
            raise
        finally:
            for left in (new, old):
                shutil.rmtree(left, ignore_errors=True)


class Transaction:
    """Files staged one by one and renamed together when the `with` block ends well.

    An exception inside the block, or a failed `stage`, leaves every target as it was.
    """

    def __init__(self) -> None:
        """Begin with nothing staged."""
        self._staged: list[tuple[Path, Path]] = []

    def __enter__(self) -> Transaction:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Rename everything that was staged, or drop it if the block raised."""
        try:
            if kind is None:
                self._commit()
        finally:
            self._drop()

    def stage(self, path: Path, data: bytes) -> None:
        """Write `data` to a synced temp file beside `path`; raises WarpdeckError."""
        with _explained(path):
            target = Path(os.path.realpath(path))
            target.parent.mkdir(parents=True, exist_ok=True)
            mode = _mode_of(target)
            # A fixed short name: the target's own could make the temp file's too long.
            temp = target.parent / f".warpdeck-{secrets.token_hex(8)}.tmp"
            self._staged.append((target, temp))
            _write_synced(temp, data, mode)

    def _commit(self) -> None:
        """Rename in the order of staging, then make the renames themselves last."""
        folders: dict[Path, None] = {}
        for target, temp in self._staged:
            with _explained(target):
                temp.replace(target)
            folders[target.parent] = None
        for folder in folders:
            _sync_folder(folder)

    def _drop(self) -> None:
        """Remove what was not renamed."""
        for _, temp in self._staged:
            with suppress(OSError):
                temp.unlink(missing_ok=True)
        self._staged.clear()


def _mode_of(target: Path) -> int | None:
    """Return the permissions to keep, None for a new file; a directory raises.

    Checked while staging because it would otherwise fail half-way through the renames.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    return stat.S_IMODE(mode)


def _write_synced(temp: Path, data: bytes, mode: int | None) -> None:
    """Create `temp` with `data` on disk; `mode` None lets the umask decide, as for any file."""
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        if mode is not None:
            temp.chmod(mode)
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Put the renames on disk; systems that cannot open a folder do without."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn an OSError into one Problem at `path`."""
    try:
        yield
    except OSError as error:
        reason, hint = _REMEDIES.get(
            error.errno or 0,
            (error.strerror or str(error), "Mend what the system reports, then try again."),
        )
        problem = Problem(Location(_shown(path)), "not-written", f"not written: {reason}", hint)
        raise WarpdeckError(problem) from error


def _shown(path: Path) -> str:
    """Return `path` relative to the current folder where it lies inside."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return path.as_posix()
