"""Train and test a speech emotion recogniser: see README.md, or `python train.py --help`."""

from ser.commands.train import main

if __name__ == "__main__":
    main()
