"""Train and test a speech emotion recogniser: the same as `ser train`; see README.md, or `python train.py --help`."""

import sys

from ser.commands import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
