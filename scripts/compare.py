"""Runs laid side by side: see docs/comparing.md, or `python scripts/compare.py --help`."""

import sys

from ser.commands.compare import main

if __name__ == "__main__":
    sys.exit(main())
