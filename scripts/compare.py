"""The same as `ser compare`, for those who work in a clone."""

import sys

from ser.commands import main

if __name__ == "__main__":
    sys.exit(main(["compare", *sys.argv[1:]]))
