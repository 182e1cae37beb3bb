"""The same as `ser find-lr`, for those who work in a clone."""

import sys

from ser.commands import main

if __name__ == "__main__":
    sys.exit(main(["find-lr", *sys.argv[1:]]))
