"""The same as `ser ensemble`, for those who work in a clone."""

import sys

from ser.commands import main

if __name__ == "__main__":
    sys.exit(main(["ensemble", *sys.argv[1:]]))
