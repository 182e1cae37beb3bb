"""A process that trains along with the main one: `python -m ser.commands.training_process <run folder>`."""

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from ser.config.schema import read_config
from ser.errors import SerError


def main() -> None:
    """Read the configuration from the standard input, and run it; end when the main process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process: it says when to stop
    logging.disable(logging.WARNING)  # the main process says it all
    configuration = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_main_process, daemon=True).start()
    from ser.experiment import run

    try:
        run(read_config(configuration), Path(sys.argv[1]))
    except SerError:
        sys.exit(1)  # the main process has met the same, and says so


def _end_with_the_main_process() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
