"""What directives that name host programs stand for; resolve.py does the same for kernels.

Owns: names of programs and their bugs to text, and to the receipts behind it. Must not know
Markdown, HTML or printing. Everything it cannot find is a SnippetError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from textwrap import dedent

from warpdeck import snippets
from warpdeck.model import BugSpec, HostOperation, ProgramReceipt, ProgramSpec
from warpdeck.snippets import SnippetError, did_you_mean

UNMEASURED = "?"
"""Stands where a figure would, on the unverified cards of a build with --allow-stale."""


@dataclass(frozen=True, slots=True)
class HostProof:
    """What stands behind the code of a host program on a card."""

    operation: HostOperation
    program: ProgramSpec
    receipt: ProgramReceipt | None
    """None where there is none, or it is of another state of the code."""


class HostCode:
    """Looks up host programs in one state of kernels/."""

    def __init__(
        self,
        operations: Iterable[HostOperation],
        receipts: Iterable[ProgramReceipt],
        read: Callable[[str], str],
    ) -> None:
        """Take the operations, their fresh receipts, and what reads a file of kernels/."""
        self._operations = {operation.name: operation for operation in operations}
        self._receipts = {(r.operation, r.program): r for r in receipts}
        self._read = read

    def names(self) -> Iterable[str]:
        """Return the names of all operations."""
        return self._operations

    def included(self, folder: str, file: str) -> HostProof | None:
        """Return what stands behind `file` of the operation `folder`; None where nothing can.

        Of several programs that one file makes, the first that was verified.
        """
        operation = self._operations[folder]
        proofs = [self._proof(operation, p) for p in operation.programs if p.file == file]
        return next((proof for proof in proofs if proof.receipt), proofs[0] if proofs else None)

    def bug(self, folder: str, name: str) -> tuple[str, HostProof]:
        """Return the broken code of a bug: the smallest region that holds all that it edits."""
        operation, bug, proof = self._bug(folder, name)
        code = self._read(f"{folder}/{proof.program.file}")
        fitting = []
        for anchor in snippets.anchors(code):
            try:
                whole = snippets.region(code, anchor)
                fitting.append((len(whole), snippets.apply_edits(whole, bug.edits)))
            except SnippetError:
                continue  # it edits what lies outside
        if not fitting:
            raise SnippetError(
                "bug-outside-anchors",
                f"no anchor of {operation.name}/{proof.program.file} holds all edits of '{name}'",
                "Put anchors around what a card should show of it.",
            )
        return min(fitting)[1].strip("\n"), proof

    def fix(self, folder: str, name: str) -> tuple[str, HostProof]:
        """Return the whole text of what the bug changes."""
        _, bug, proof = self._bug(folder, name)
        return "\n".join(dedent(edit.find.strip("\n")) for edit in bug.edits), proof

    def seen(self, folder: str, name: str) -> str:
        """Return which detector caught a bug and what it said; raises like `bug`."""
        _, spec, proof = self._bug(folder, name)
        if proof.receipt is None:
            return UNMEASURED
        # A fresh receipt holds every bug: one that lacks any is broken.
        found = next(bug for bug in proof.receipt.bugs if bug.id == spec.id)
        return f"{found.detector}: {found.seen}"

    def output(self, folder: str, name: str) -> tuple[str, HostProof]:
        """Return what the program `name` printed, empty without a fresh receipt."""
        operation = self._operations[folder]
        program = next((p for p in operation.programs if p.id == name), None)
        if program is None:
            known = [p.id for p in operation.programs]
            hint = did_you_mean(name, known) or f"Programs: {', '.join(known)}."
            raise SnippetError("unknown-output", f"{folder} has no program '{name}'", hint)
        proof = self._proof(operation, program)
        text = proof.receipt.stdout if proof.receipt else ""
        return text.removesuffix("\n"), proof

    def _proof(self, operation: HostOperation, program: ProgramSpec) -> HostProof:
        receipt = self._receipts.get((operation.name, program.id))
        return HostProof(operation, program, receipt)

    def _bug(self, folder: str, name: str) -> tuple[HostOperation, BugSpec, HostProof]:
        operation = self._operations[folder]
        bug = next((bug for bug in operation.bugs if bug.id == name), None)
        if bug is None:
            known = [bug.id for bug in operation.bugs]
            hint = did_you_mean(name, known) or f"Describe it in kernels/{folder}/kernel.yml."
            raise SnippetError("unknown-bug", f"{folder} has no bug '{name}'", hint)
        program = next(p for p in operation.programs if p.id == bug.version)
        return operation, bug, self._proof(operation, program)
