"""The same as `ser listen`, for those who work in a clone."""

import sys

from ser.commands import main

if __name__ == "__main__":
    sys.exit(main(["listen", *sys.argv[1:]]))
