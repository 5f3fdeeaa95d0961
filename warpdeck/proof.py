"""What a card says about the proof behind its code.

Owns: the line below a code block and the chart of a ladder, as HTML. Must not know
Markdown or where receipts are stored.
"""

from __future__ import annotations

import html

from warpdeck import ankitext, mutation
from warpdeck.model import Case, Kernel, StepSpec
from warpdeck.phrases import phrase
from warpdeck.resolve import (
    UNVERIFIED,
    Code,
    Proof,
    Resolver,
    in_percent,
    in_rate,
    in_time,
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
    key = {"bug": "proof-bug", "output": "proof-output"}.get(code.origin, "proof")
    lines = [phrase(key, language, gpu=proof.receipt.gpu)]
    if proof.version and proof.step:
        case = shown_case(proof.version, proof.kernel.shape)
        if case:
            lines.append(_measured(case, proof.kernel, proof.step, language))
        passed = [tool for tool, result in proof.version.sanitizers if result == "pass"]
        if passed:
            lines.append(phrase("sanitizers", language, tools=" ".join(passed)))
        killed, total = mutation.score((proof.version,))
        if total:
            lines.append(phrase("mutants", language, killed=str(killed), total=str(total)))
    # It may stand in a cloze field, where the braces of a label would open a blank.
    text = "<br>".join(ankitext.plain(line, cloze=True) for line in lines)
    return f'<div class="wd-proof">{text}</div>'


def ladder_chart(proof: Proof, resolver: Resolver, language: str) -> str:
    """Return a bar for each measured step up to this one, against the ladder's limit."""
    if proof.step is None:
        return ""
    kernel = proof.kernel
    bars = []
    for step, case in resolver.ladder(kernel, proof.step):
        ratio = case.ratio_to_limit or 0.0
        now = " wd-now" if step == proof.step else ""
        bars.append(
            f'<div class="wd-step{now}"><span>{html.escape(step_label(step, language))}</span>'
            f'<span class="wd-step-bar"><i style="width:{min(ratio, 1) * 100:.0f}%"></i></span>'
            f'<span class="wd-step-value">{in_percent(ratio)} · {in_rate(case.gb_per_s or 0)}'
            "</span></div>"
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
        f"{''.join(bars)}</div>"
    )


def step_label(step: StepSpec, language: str) -> str:
    """Return the step's label in `language`, its name where it has none."""
    return dict(step.labels).get(language, step.name)


def _measured(case: Case, kernel: Kernel, step: StepSpec, language: str) -> str:
    key = "limit" if step.name == kernel.limit else "measured"
    return phrase(
        key,
        language,
        shape=_shape(case.shape),
        time=in_time(case.time_us.median if case.time_us else 0.0),
        rate=in_rate(case.gb_per_s or 0.0),
        ratio=in_percent(case.ratio_to_limit or 0.0),
        limit=_limit(kernel, language),
    )


def _limit(kernel: Kernel, language: str) -> str:
    step = next((step for step in kernel.steps if step.name == kernel.limit), None)
    return step_label(step, language) if step else kernel.limit


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
