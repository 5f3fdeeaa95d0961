"""What the sanitizers of g++ and a program's own check say, in one line.

Owns: the form of their reports, and what of it would differ from run to run. Must not know
receipts or how a program is started.
"""

from __future__ import annotations

import re

from warpdeck.verify.process import Ran

_ASAN = re.compile(r"ERROR: (?:Address|Leak)Sanitizer: (.+)")
_ACCESS = re.compile(r"^((?:READ|WRITE) of size \d+)", re.MULTILINE)
_UBSAN = re.compile(r"runtime error: (.+)")
_TSAN = re.compile(r"WARNING: ThreadSanitizer: ([\w -]+?)(?: \(pid=\d+\))?$", re.MULTILINE)
_SUMMARY_FUNCTION = re.compile(r"^SUMMARY: \w+Sanitizer: .* in (.+)$", re.MULTILINE)
# The first frame in the program's own file; `{}` is its name.
_OWN_FRAME = r"^\s+#\d+ (?:0x[0-9a-f]+ in )?(.+?) \S*/{}:\d+"
_NOISE = (
    (re.compile(r" \[clone [^\]]*\]|\._omp_fn\.\d+"), ""),  # a part of a function, as g++ cut it
    (re.compile(r"\(.*\)"), ""),  # the function's parameters
    (re.compile(r"\+?0x[0-9a-f]+"), "…"),
    (re.compile(r"\s+"), " "),
)
_UNUSABLE = ("SyntaxError", "IndentationError", "NameError", "ImportError", "ModuleNotFoundError")


def sanitizer(ran: Ran, file: str) -> tuple[str, str] | None:
    """Return which of asan, ubsan and tsan complained, and of what; None where none did.

    `file` is the name of the program's file: frames in it name the function.
    """
    text = ran.stderr + ran.stdout
    if found := _ASAN.search(text):
        kind = found[1].split(" on ")[0].split(":")[0].strip()
        access = _ACCESS.search(text, found.end())
        what = f"{kind}: {access[1]}" if access else kind
        return "asan", what + _function(text, file)
    if found := _UBSAN.search(text):
        return "ubsan", _plain(found[1], parameters=True)
    if found := _TSAN.search(text):
        return "tsan", found[1] + _function(text, file)
    return None


def check(ran: Ran) -> str:
    """Return the message of a program's own check that failed; empty where none did.

    A program that was ended by a signal, or that is no whole program, was not checked.
    """
    if ran.timed_out or ran.code <= 0:
        return ""
    lines = [line.strip() for line in ran.stderr.splitlines() if line.strip()]
    if not lines or lines[-1].split(":")[0] in _UNUSABLE:
        return ""
    raised = "Traceback (most recent call last):" in lines
    return _plain(lines[-1 if raised else 0], parameters=True)


def _function(text: str, file: str) -> str:
    frame = re.search(_OWN_FRAME.format(re.escape(file)), text, re.MULTILINE)
    found = frame or _SUMMARY_FUNCTION.search(text)
    return f" in {_plain(found[1])}" if found else ""


def _plain(text: str, *, parameters: bool = False) -> str:
    for noise, instead in _NOISE:
        if not (parameters and noise.pattern == r"\(.*\)"):
            text = noise.sub(instead, text)
    return text.strip()[:300]
