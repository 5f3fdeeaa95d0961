"""A child process that cannot outlive its time limit.

Owns: process groups, time limits, what the child printed. Must not know what it runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MOST_OUTPUT = 1 << 24
"""Bytes of output that are read back: a child may print for ever."""

_running: set[int] = set()
_lock = threading.Lock()
_stopped = threading.Event()
_added: ContextVar[Mapping[str, str] | None] = ContextVar("_added", default=None)


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a child process."""

    code: int
    """Exit code; negative where a signal ended it."""
    stdout: str
    stderr: str
    timed_out: bool = False

    def ending(self, seconds: float) -> str:
        """Return how it ended, as the end of a sentence: `exited with 1`."""
        if self.timed_out:
            return f"did not end within {seconds:.0f} seconds"
        if self.code < 0:
            with suppress(ValueError):
                return f"was ended by {signal.Signals(-self.code).name}"
        return f"exited with {self.code}"

    def last_words(self) -> str:
        """Return the last line that it printed, on stderr if any, without its blanks."""
        lines = [line.strip() for line in (self.stderr or self.stdout).splitlines()]
        return next((line for line in reversed(lines) if line), "")[:300]


def run(
    command: Sequence[str], seconds: float, cwd: Path, env: Mapping[str, str] | None = None
) -> Ran:
    """Run `command` in `cwd`, at most `seconds` long; its whole process group ends with it.

    `env` is added to our own environment. Raises OSError where the program cannot be started,
    KeyboardInterrupt once `end_all` was called: how the child ended says nothing of it then.
    """
    if _stopped.is_set():
        raise KeyboardInterrupt
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(_added.get() or {}), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,  # makes a group, so that what the child starts ends too
        )
        with _lock:
            _running.add(child.pid)
            if _stopped.is_set():  # while the child was started
                _kill(child.pid)
        timed_out = False
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            _end(child)
        if _stopped.is_set():
            raise KeyboardInterrupt
        return Ran(child.returncode, _text(out), _text(err), timed_out)


@contextmanager
def environment(**added: str) -> Iterator[None]:
    """Add these variables for every child that is started inside, by this thread's context."""
    token = _added.set({**(_added.get() or {}), **added})
    try:
        yield
    finally:
        _added.reset(token)


def begin() -> None:
    """Let children start, whatever `end_all` has ended before."""
    _stopped.clear()


def end_all() -> None:
    """End every child that runs now, and let none start; for Ctrl-C.

    Their own groups do not get it, and threads go on with what they have to do.
    """
    _stopped.set()
    with _lock:
        for pid in _running:
            _kill(pid)


def _end(child: subprocess.Popen[bytes]) -> None:
    # The group is named by the child's pid, which stays taken until wait() has returned.
    if child.returncode is None:
        _kill(child.pid)
        child.wait()
    with _lock:
        _running.discard(child.pid)


def _kill(pid: int) -> None:
    """End the group of `pid`, then what left it for a group of its own, as ranks of MPI do."""
    members = _session(pid)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for member in members:
        # Its number may be another's by now: only one that is still of the session is ended.
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(member) == pid:
                os.kill(member, signal.SIGKILL)


def _session(pid: int) -> list[int]:
    """Return the processes of the session that `pid` leads, where the system lists them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(int(folder.name)) == pid:
                found.append(int(folder.name))
    return found


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MOST_OUTPUT).decode("utf-8", "replace")
