"""A copy of this project, to build and to edit as a user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from warpdeck import ledger

ROOT = Path(__file__).parent.parent
PARTS = ("source", "kernels", "warpdeck", "build.py", "dist/SHA256SUMS")


class Tree:
    """A copy of the project that a test may edit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "dist").mkdir(parents=True)
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part)
            else:
                shutil.copy(ROOT / part, folder / part)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a user does; the copy's own package comes first on the path."""
        command = [sys.executable, "build.py", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def build(self, *arguments: str) -> None:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr

    def package(self, name: str) -> bytes:
        return (self.folder / "dist" / name).read_bytes()

    def packages(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "dist").glob("*.apkg"))

    def retired(self) -> list[str]:
        """Return the guids of retired notes, which come without cards."""
        book = ledger.load(self.folder / "source" / "notes.lock")
        return sorted(entry.guid for entry in book.notes.values() if entry.retired)
