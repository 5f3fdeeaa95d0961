"""Take the pictures of tests/pictures/ anew; look at them before they are committed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pictures
from ankibox import fresh
from browser import THEMES, chromium
from conftest import HERE, Bench, Learner


def main() -> None:
    """Write every picture."""
    pictures.FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, fresh() as box, chromium() as browser:
        root = Path(folder)
        shutil.copytree(HERE / "samples" / "good" / "kernels", root / "kernels")
        bench, learner = Bench(root, {}, {}), Learner(box)
        for kind in pictures.BODIES:
            side = pictures.back(bench, learner, kind)
            for theme in THEMES:
                png = pictures.take(browser, side, theme)
                pictures.store(png, pictures.path(kind, theme))


if __name__ == "__main__":
    main()
