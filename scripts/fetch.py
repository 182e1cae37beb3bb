"""The same as `ser fetch`, for those who work in a clone."""

import sys

from ser.commands import main

if __name__ == "__main__":
    sys.exit(main(["fetch", *sys.argv[1:]]))
