"""The command: `uv run build.py` builds every deck; see `uv run build.py --help`."""

import sys

from warpdeck.cli import main

if __name__ == "__main__":
    sys.exit(main())
