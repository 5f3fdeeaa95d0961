"""What a card says about the proof behind its code.

Owns: the line below a code block and the chart of a ladder, as HTML. Must not know
Markdown or where receipts are stored.
"""

from __future__ import annotations

import html
from collections.abc import Iterator

from warpdeck import ankitext, mutation, profile
from warpdeck.host_code import HostProof
from warpdeck.model import Case, Kernel, ProgramReceipt, StepSpec, Version
from warpdeck.phrases import phrase
from warpdeck.resolve import (
    UNVERIFIED,
    Code,
    Proof,
    Resolver,
    in_percent,
    in_time,
    in_whole_percent,
    rate_of,
    shown_case,
)


def proof_line(code: Code, language: str) -> str:
    """Return the line below a code block: where it ran, how fast, what checked it."""
    proof = code.proof
    if code.origin == "sketch":
        return f'<div class="wd-proof wd-sketch">{phrase("sketch", language)}</div>'
    if proof is None and code.origin != UNVERIFIED:
        return ""
    if proof is None or proof.receipt is None:
        return f'<div class="wd-proof wd-unverified">{phrase("unverified", language)}</div>'
    if isinstance(proof, HostProof):
        text = ankitext.plain(_host_line(proof.receipt, code.origin, language), cloze=True)
        return f'<div class="wd-proof">{text}</div>'
    key = {"bug": "proof-bug", "output": "proof-output"}.get(code.origin, "proof")
    lines = [phrase(key, language, gpu=proof.receipt.gpu)]
    figure = ""
    if proof.version and proof.step:
        case = shown_case(proof.version, proof.kernel.shape)
        if case:
            figure = _measured(case, proof.kernel, proof.step, language)
        lines += _checks(proof.version, language)
    # It may stand in a cloze field, where the braces of a label would open a blank.
    text = "<br>".join(ankitext.plain(line, cloze=True) for line in lines)
    if figure:
        text = f'<div class="wd-measured">{ankitext.plain(figure, cloze=True)}</div>{text}'
    return f'<div class="wd-proof">{text}</div>'


def _checks(version: Version, language: str) -> Iterator[str]:
    """Yield what else was proven of a version: clean runs, and slips that the checks caught."""
    passed = [tool for tool, result in version.sanitizers if result == "pass"]
    if passed:
        yield phrase("sanitizers", language, tools=" ".join(passed))
    killed, total = mutation.score((version,))
    if total:
        yield phrase("mutants", language, killed=str(killed), total=str(total))


def _host_line(receipt: ProgramReceipt, origin: str, language: str) -> str:
    """Return where a host program ran, made by what, and what checked it.

    Of the machine only a GPU is named: which CPU it was changes nothing that a card shows.
    """
    key = {"bug": "host-bug", "output": "host-output"}.get(origin, "host")
    where = receipt.gpu or "CPU"
    ranks = (phrase("ranks", language, count=str(receipt.ranks)),) if receipt.ranks else ()
    comma = phrase("comma", language)
    tools = comma.join((*_tools(receipt), *ranks))
    line = phrase(key, language, where=where, tools=tools)
    if key == "host" and receipt.sanitizers:
        names = comma.join(_SANITIZERS[name] for name in receipt.sanitizers)
        line += phrase("host-sanitizers", language, tools=names)
    return line


_SANITIZERS = {"asan": "ASan", "ubsan": "UBSan", "tsan": "TSan"}


def _tools(receipt: ProgramReceipt) -> Iterator[str]:
    for tool, version in receipt.tools:
        short = ".".join(version.split("+")[0].split(".")[:2])
        flags = receipt.flags if tool == "g++" else ()
        yield " ".join((tool, short, *flags))


def ladder_chart(proof: Proof, resolver: Resolver, language: str) -> str:
    """Return a bar for each measured step up to this one, against the ladder's limit."""
    if proof.step is None:
        return ""
    kernel = proof.kernel
    bars = []
    for step, case in resolver.ladder(kernel, proof.step):
        ratio = case.ratio_to_limit or 0.0
        now = " wd-now" if step == proof.step else ""
        label = html.escape(step_label(step, language))
        figures = f"{in_percent(ratio)} · {rate_of(case)}"
        bars.append(
            f'<div class="wd-step{now}"><span>{label}</span>'
            f'<span class="wd-step-value">{figures}</span><span class="wd-step-bar">'
            f'<i style="width:{min(ratio, 1) * 100:.0f}%"></i></span></div>'
        )
    if not bars:
        return ""
    title = phrase(
        "ladder-chart",
        language,
        kernel=kernel.name,
        shape=_shape(kernel.shape),
        limit=_limit(kernel, language),
    )
    return (
        f'<div class="wd-ladder"><div class="wd-ladder-title">{html.escape(title)}</div>'
        f"{''.join(bars)}{_busiest(proof.version, language)}</div>"
    )


def _busiest(version: Version | None, language: str) -> str:
    """Return the line below the chart: which units the step keeps busy, where that is known."""
    if version is None or version.profile is None:
        return ""
    units = phrase("comma", language).join(
        f"{phrase(f'unit-{unit}', language)} {in_whole_percent(percent)}"
        for unit, percent in profile.busiest(version.profile)
    )
    line = phrase("busiest", language, units=units)
    return f'<div class="wd-busiest">{html.escape(line)}</div>'


def step_label(step: StepSpec, language: str) -> str:
    """Return the step's label in `language`, its name where it has none."""
    return dict(step.labels).get(language, step.name)


def _measured(case: Case, kernel: Kernel, step: StepSpec, language: str) -> str:
    key = "limit" if step.name == kernel.limit else "measured"
    line = phrase(
        key,
        language,
        shape=_shape(case.shape),
        time=in_time(case.time_us.median if case.time_us else 0.0),
        rate=rate_of(case),
        ratio=in_percent(case.ratio_to_limit or 0.0),
        limit=_limit(kernel, language),
    )
    if case.baseline is None:
        return line
    ratio = in_percent(case.baseline.ratio)
    return line + phrase("baseline", language, ratio=ratio, name=case.baseline.name)


def _limit(kernel: Kernel, language: str) -> str:
    step = next((step for step in kernel.steps if step.name == kernel.limit), None)
    return step_label(step, language) if step else dict(kernel.limit_labels).get(language, "")


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
