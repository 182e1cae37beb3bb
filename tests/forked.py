"""Programs in processes of their own, forked from one that has imported all that is slow: a start takes no time.

Not a test itself. `start(main, "seed=1", ...)` is as `python train.py seed=1 ...` in another terminal.
"""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

PRELOADED = ["ser.experiment", "ser.commands.train", "ser.search.study", "ser.launch.grid", "librosa"]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)


class Running:
    """A program at work; what it says goes to a file."""

    def __init__(self, process: BaseProcess, said: Path) -> None:
        self.process, self.said = process, said

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def output(self) -> str:
        """All that it has said so far, to both streams."""
        return self.said.read_text(encoding="utf-8", errors="replace")

    def poll(self) -> int | None:
        """Its exit code (negative: the signal that ended it); None while it is at work."""
        return self.process.exitcode

    def wait(self, timeout: float = 120) -> int:
        self.process.join(timeout)
        code = self.process.exitcode
        assert code is not None, f"still at work after {timeout} s: {self.output}"
        return code

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


def start(
    main: Callable[[], Any], *words: str, folder: Path, said: Path, environment: Mapping[str, str] | None = None
) -> Running:
    """Begin a program in a session of its own, as if it were started in `folder`.

    Args:
        main: is called with `words` as sys.argv[1:]; must be importable.
        said: file for what it prints.
        environment: variables beside those of the tests.
    """
    told = {**os.environ, **(environment or {})}
    process = _context.Process(target=_run, args=(main, words, str(folder), str(said), told))
    process.start()
    return Running(process, said)


def _run(main: Callable[[], Any], words: tuple[str, ...], folder: str, said: str, environment: dict[str, str]) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1, closefd=False) for stream in (1, 2))
    sys.argv = ["train.py", *words]
    code: Any = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code or 0
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
