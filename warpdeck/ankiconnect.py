"""Talking to a running Anki through its add-on AnkiConnect.

Owns: AnkiConnect's protocol, and what its failures mean to a user. Must not know decks, the
build, arguments or printing. Uses: the standard library alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

URL = "http://127.0.0.1:8765"
"""Where AnkiConnect listens unless it was configured otherwise."""
ADD_ON = "2055492159"
"""Its number on AnkiWeb."""
VERSION = 6
"""The version of the protocol that we speak."""
_ANSWER, _IMPORT = 10.0, 300.0
"""Seconds that a short question and an import may take."""
_LONGEST = 1_000_000
"""Bytes of an answer that are read; real ones have about a hundred."""

_START = (
    f"Start Anki and open a profile. AnkiConnect must be installed: Tools → Add-ons → Get Add-ons, "
    f"{ADD_ON}, then restart Anki."
)
_UPDATE = "In Anki, update AnkiConnect: Tools → Add-ons → Check for Updates."
_HINTS = {
    "api key": "Give the key of AnkiConnect's configuration with --key or ANKICONNECT_KEY; "
    "none if it has none.",
    "collection is not available": "Open a profile in Anki.",
    "unsupported action": _UPDATE,
}
"""A part of what AnkiConnect says, and the way out."""
_BY_HAND = (
    "Anki must run on this machine, to read the file; or import it by hand with File → Import."
)


class AnkiConnectError(Exception):
    """Why Anki did not do it, as a sentence without its full stop, and the way out."""

    def __init__(self, message: str, hint: str) -> None:
        """Keep `message` and `hint`."""
        super().__init__(f"{message}. {hint}")
        self.message, self.hint = message, hint


class NoAnswerError(AnkiConnectError):
    """Nothing answers that speaks the protocol; asking again will not help."""


@dataclass(frozen=True, slots=True)
class AnkiConnect:
    """A running Anki."""

    url: str = URL
    key: str = ""
    """The secret of AnkiConnect's configuration, empty if there is none."""

    def check(self) -> None:
        """Raise AnkiConnectError if no Anki answers that would take a package from us."""
        version = self._ask("version", {}, _ANSWER)
        if not isinstance(version, int) or version < VERSION:
            message = f"AnkiConnect at {self.url} speaks version {version}, not {VERSION}"
            raise NoAnswerError(message, _UPDATE)

    def import_package(self, path: Path) -> None:
        """Have Anki import the file at `path`.

        Raises NoAnswerError if Anki is gone or busy, AnkiConnectError if it refuses the file.
        """
        # A relative path would be one in Anki's media folder.
        if self._ask("importPackage", {"path": str(path.resolve())}, _IMPORT) is not True:
            raise AnkiConnectError("Anki did not import the file and gave no reason", _BY_HAND)

    def _ask(self, action: str, parameters: dict[str, str], seconds: float) -> object:
        """Return the result of `action`."""
        question = {"action": action, "version": VERSION, "params": parameters}
        if self.key:
            question["key"] = self.key
        answer = self._answer(json.dumps(question).encode(), seconds)
        if answer["error"] is not None:
            said = " ".join(str(answer["error"]).split())
            hint = next((hint for part, hint in _HINTS.items() if part in said), _BY_HAND)
            raise AnkiConnectError(f"Anki says: {said.rstrip('.')}", hint)
        return answer["result"]

    def _answer(self, question: bytes, seconds: float) -> dict[str, object]:
        """Return what AnkiConnect answers, an object with `result` and `error`."""
        try:
            answer = json.loads(self._post(question, seconds))
        except (UnicodeDecodeError, ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not {"result", "error"} <= answer.keys():
            raise NoAnswerError(f"what answers at {self.url} is not AnkiConnect", _START)
        return answer

    def _post(self, question: bytes, seconds: float) -> bytes:
        request = Request(self.url, question, {"Content-Type": "application/json"})
        # Without proxies: the file is on this machine, and so must be Anki.
        opener = build_opener(ProxyHandler({}))
        try:
            with opener.open(request, timeout=seconds) as response:
                return bytes(response.read(_LONGEST))
        except HTTPError as error:
            message = f"what answers at {self.url} is not AnkiConnect, or refuses us: HTTP "
            raise NoAnswerError(f"{message}{error.code}", _START) from error
        except (URLError, HTTPException, OSError) as error:
            if isinstance(error, TimeoutError) or isinstance(
                getattr(error, "reason", None), TimeoutError
            ):
                message = f"Anki at {self.url} did not answer within {seconds:g} s"
                hint = "Look at Anki: once it is no longer busy, run the command again."
                raise NoAnswerError(message, hint) from error
            raise NoAnswerError(f"no Anki answers at {self.url}", _START) from error
