"""The live preview: a server that follows what is saved.

Owns: watching, rebuilding and telling the browsers; the sites it serves are kept in memory, so
that nothing on disk is ever half of a build. Must not know how a site is made. watchfiles,
starlette and uvicorn are known here alone.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import os
import socket
import sys
import time
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from watchfiles import Change, awatch

import warpdeck
from warpdeck.model import Location, Problem
from warpdeck.preview.gallery import Gallery, Site
from warpdeck.progress import Reporter, counted

PACKAGE = Path(warpdeck.__file__).parent
_LOOKS = ("styles", "preview/site")
"""Folders of the package that are read anew for each build; other changes need a new process."""
_LOCAL = ("127.0.0.1", "localhost", "::1")
_SETTLE_MS = 30
"""Quiet time after a change before a build: an editor may save in two steps."""
_SETTLE_CODE = 0.2
"""Seconds more for the package: a file that is half saved must not be started."""
_RETRY_MS = 300
_EMPTY = b"<!doctype html><meta charset=utf-8><title>warpdeck</title>" + (
    b"<link rel=stylesheet href=live.css><script src=live.js defer></script><body>"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes any that is free."""

    host: str
    port: int


def run(root: Path, address: Address, *, allow_stale: bool, open_browser: bool) -> list[Problem]:
    """Serve the project at `root` until Ctrl-C; return why it could not begin."""
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listener = socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        return [_taken(address, error)]
    with Gallery(root, allow_stale=allow_stale, live=True) as gallery, listener:
        state = _State(root, gallery)
        state.begin()
        shown = "localhost" if address.host in (*_LOCAL, "0.0.0.0", "::") else address.host
        url = f"http://{shown}:{listener.getsockname()[1]}/"
        with suppress(KeyboardInterrupt):  # the server ends, then says what ended it
            asyncio.run(_serve(state, address, listener, url, open_browser))
    if state.restart:
        # The same command in the same terminal, with the package as it is now.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return []


def _taken(address: Address, error: OSError) -> Problem:
    reason = (error.strerror or str(error)).lower()
    return Problem(
        Location("preview"),
        "no-port",
        f"{address.host}:{address.port} cannot be listened on: {reason}",
        "Choose another with --port N, or 0 for any that is free.",
    )


class _State:
    """The last good site, what is wrong with the source now, and who looks."""

    def __init__(self, root: Path, gallery: Gallery) -> None:
        self.root = root
        self.restart = False
        self.stopping = asyncio.Event()
        self._gallery = gallery
        self._site: Site | None = None
        self._whole = False
        self._problems: list[Problem] = []
        self._listeners: set[asyncio.Queue[str | None]] = set()

    def begin(self) -> None:
        """Build for the first time; with problems, show what could be made."""
        self._site, self._problems = self._gallery.make(Reporter())
        self._whole = not self._problems
        self._say()

    def file(self, path: str) -> bytes | None:
        """Return a file of the site, None where there is none."""
        if self._site is None:
            return _EMPTY if path == "index.html" else _live_asset(path)
        return self._site.files.get(path)

    async def rebuild(self) -> None:
        """Build again and tell the browsers what came of it."""
        began = time.perf_counter()
        try:
            site, self._problems = await asyncio.to_thread(self._gallery.make)
        except OSError as error:  # a file went while it was read; its going starts another build
            self.fail([_unreadable(error)])
            return
        took = time.perf_counter() - began
        if self._problems:
            if not self._whole:  # there never was a good one: show what there is
                self._replace(site)
            self._tell("problems", _as_data(self._problems))
        else:
            self._whole = True
            self._replace(site)
        self._say(took)

    def fail(self, problems: list[Problem]) -> None:
        """Show `problems` of the package itself."""
        self._problems = problems
        self._tell("problems", _as_data(problems))
        self._say()

    async def events(self) -> AsyncIterator[str]:
        """Yield what one browser is told."""
        mine: asyncio.Queue[str | None] = asyncio.Queue()
        self._listeners.add(mine)
        try:
            version = self._site.version if self._site else ""
            state = {"version": version, "problems": _as_data(self._problems)}
            yield f"retry: {_RETRY_MS}\n{_event('state', state)}"
            while (event := await mine.get()) is not None:
                yield event
        finally:
            self._listeners.discard(mine)

    def stop(self) -> None:
        """End every browser's stream; an open one would hold the server up."""
        self.stopping.set()
        for listener in self._listeners:
            listener.put_nowait(None)

    def _replace(self, site: Site | None) -> None:
        before = self._site.files if self._site else {}
        self._site = site
        after = site.files if site else {}
        paths = sorted(p for p in {*before, *after} if before.get(p) != after.get(p))
        version = site.version if site else ""
        self._tell("changed", {"paths": paths, "version": version})

    def _tell(self, name: str, data: Any) -> None:
        for listener in self._listeners:
            listener.put_nowait(_event(name, data))

    def _say(self, took: float | None = None) -> None:
        for problem in sorted(set(self._problems)):
            print(str(problem).replace("\n", "\\n"), file=sys.stderr, flush=True)
        if self._problems:
            print(f"{counted(len(set(self._problems)), 'problem')}", file=sys.stderr, flush=True)
        elif self._site:
            time_taken = f" in {took * 1000:.0f} ms" if took is not None else ""
            print(f"{counted(self._site.cards, 'card')}{time_taken}", flush=True)


def _as_data(problems: Iterable[Problem]) -> list[dict[str, str]]:
    return [
        {"at": str(problem.at), "message": problem.message, "hint": problem.hint}
        for problem in sorted(set(problems))
    ]


def _unreadable(error: OSError) -> Problem:
    at = Location(str(error.filename or "source"))
    reason = (error.strerror or str(error)).lower()
    return Problem(at, "unreadable", f"cannot be read: {reason}", "Save any file to try again.")


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _live_asset(path: str) -> bytes | None:
    """Return what a page needs that only shows problems."""
    if path not in ("live.js", "live.css"):
        return None
    return (PACKAGE / "preview" / "site" / path).read_bytes()


# --- serving ---------------------------------------------------------------------


def application(state: _State, address: Address) -> Starlette:
    """Return the server's routes."""

    async def file(request: Request) -> Response:
        path = request.path_params["path"] or "index.html"
        content = state.file(path)
        if content is None:
            return Response("not found", 404, media_type="text/plain")
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return Response(content, media_type=kind, headers={"Cache-Control": "no-store"})

    async def live(_: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(state.events(), media_type="text/event-stream", headers=headers)

    @asynccontextmanager
    async def watching(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_watch(state))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    # A page elsewhere must not read this server through a name of its own (DNS rebinding).
    hosts = list(_LOCAL) if address.host in _LOCAL else ["*"]
    return Starlette(
        routes=[Route("/live", live), Route("/{path:path}", file)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
        lifespan=watching,
    )


class _Server(uvicorn.Server):
    """A server that Ctrl-C and the watcher end alike."""

    def __init__(self, config: uvicorn.Config, state: _State, begun: Callable[[], object]) -> None:
        super().__init__(config)
        self._state = state
        self._begun = begun

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin; only now Ctrl-C is awaited, and is no exception that something might swallow."""
        await super().startup(sockets)
        self._begun()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._state.stop()
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Return whether to end; asked ten times a second."""
        return await super().on_tick(counter) or self._state.restart


async def _serve(
    state: _State, address: Address, listener: socket.socket, url: str, open_browser: bool
) -> None:
    def begun() -> None:
        print(f"{url}  (Ctrl-C ends)", flush=True)
        if open_browser:  # which may take its time to return
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, url)

    config = uvicorn.Config(
        application(state, address), log_level="warning", timeout_graceful_shutdown=1
    )
    await _Server(config, state, begun).serve(sockets=[listener])


# --- watching --------------------------------------------------------------------


async def _watch(state: _State) -> None:
    folders = [state.root / "source", state.root / "kernels", PACKAGE]
    existing = [folder for folder in folders if folder.is_dir()]
    async for changes in awatch(
        *existing, step=_SETTLE_MS, debounce=400, watch_filter=_counts, stop_event=state.stopping
    ):
        code = [Path(path) for _, path in changes if _is_code(Path(path))]
        if not code:
            await state.rebuild()
            continue
        await asyncio.sleep(_SETTLE_CODE)
        if problems := _broken(code):
            state.fail(problems)
        else:
            print("the package has changed; starting again", flush=True)
            state.restart = True
            state.stop()


def _counts(_: Change, path: str) -> bool:
    """Return whether a change of `path` can change a card: no lock, backup or compiled file."""
    name = Path(path).name
    return not (
        "__pycache__" in Path(path).parts
        or name.startswith((".", "#", "4913"))
        or name.endswith(("~", ".pyc", ".swp", ".tmp", ".lock"))
    )


def _is_code(path: Path) -> bool:
    """Return whether `path` is a part of the package that a running process has read already."""
    if not path.is_relative_to(PACKAGE):
        return False
    inside = path.relative_to(PACKAGE).as_posix()
    return not any(inside.startswith(f"{folder}/") for folder in _LOOKS)


def _broken(paths: Sequence[Path]) -> list[Problem]:
    """Return a problem for each Python file that would not even start."""
    problems = []
    for path in paths:
        if path.suffix != ".py" or not path.exists():
            continue
        try:
            compile(path.read_text("utf-8"), path, "exec")
        except (SyntaxError, ValueError) as error:
            line, column = getattr(error, "lineno", 1) or 1, getattr(error, "offset", 1) or 1
            at = Location(f"warpdeck/{path.relative_to(PACKAGE).as_posix()}", line, column)
            message = f"this is not Python: {getattr(error, 'msg', error)}"
            problems.append(Problem(at, "not-python", message, "Mend it and save again."))
    return problems
