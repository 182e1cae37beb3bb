"""The same as `ser store`, for those who work in a clone."""

import sys

from ser.commands import main

if __name__ == "__main__":
    sys.exit(main(["store", *sys.argv[1:]]))
