"""The same as `ser wandb-report`, for those who work in a clone."""

import sys

from ser.commands import main

if __name__ == "__main__":
    sys.exit(main(["wandb-report", *sys.argv[1:]]))
