"""Programs in processes of their own, forked from that of the tests, which has imported all that is slow.

Not a test itself. `start("seed=1", folder=...)` is as `python train.py seed=1` in another terminal.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from joblib.externals.loky.backend import context as loky

from ser.commands import train, training_process

_context = multiprocessing.get_context("fork")


class Running:
    """A program at work; what it and its children say goes to a file."""

    def __init__(self, process: BaseProcess, said: Path) -> None:
        self.process, self.said = process, said

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def output(self) -> str:
        """All that was said so far, to both streams."""
        return self.said.read_text(encoding="utf-8", errors="replace")

    def poll(self) -> int | None:
        """Its exit code (negative: the signal that ended it); None while it is at work."""
        return self.process.exitcode

    def wait(self, timeout: float = 240) -> int:
        self.process.join(timeout)
        code = self.process.exitcode
        assert code is not None, f"still at work after {timeout} s: {self.output}"
        return code

    def wait_for(self, pattern: str, n: int = 1, timeout: float = 240) -> None:
        """Wait until there are n files of a pattern in the folder where it was started."""
        deadline = time.monotonic() + timeout
        while len(list(self.said.parent.glob(pattern))) < n:
            assert self.poll() is None and time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


def start(*words: str, folder: Path, first: Callable[[], None] | None = None) -> Running:
    """Begin `python train.py` with these words in a folder, in a session of its own, as a user in a terminal would.

    Args:
        first: is called before, in the new process.
    """
    import_module("ser.experiment")  # once, and not in each process anew
    said = folder / f"said-{time.monotonic_ns()}.txt"
    process = _context.Process(target=_run, args=(words, folder, said, first))
    process.start()
    return Running(process, said)


def _run(words: Sequence[str], folder: Path, said: Path, first: Callable[[], None] | None) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
    os.chdir(folder)
    sys.argv = ["train.py", *words]
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1, closefd=False) for stream in (1, 2))
    if first:
        first()
    _end(train.main)


def _end(main: Callable[[], Any]) -> None:
    """Call `main`, and end as Python itself would."""
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


def fork_workers() -> None:
    """Have the workers of launcher=joblib forked, where a user has them import all anew."""
    warnings.filterwarnings("ignore", message="`fork` start method should not be used with `loky`")
    loky.set_start_method("fork", force=True)


class _TrainingProcess:
    """What `ser.training.processes` takes for a `subprocess.Popen` of one that trains along."""

    def __init__(self, words: Sequence[str], *, env: Mapping[str, str], **_: Any) -> None:
        reading, writing = os.pipe()
        self.process = _context.Process(target=_train_along, args=(words[-1], dict(env), reading, writing))
        self.process.start()
        os.close(reading)
        self.stdin = os.fdopen(writing, "w")

    def poll(self) -> int | None:
        return self.process.exitcode

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired("training process", timeout or 0)
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()


def _train_along(run_folder: str, environment: Mapping[str, str], reading: int, writing: int) -> None:
    os.close(writing)  # or the pipe would never be seen to close
    sys.argv = ["training_process", run_folder]
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(reading, 0)
    sys.stdin = os.fdopen(0, closefd=False)
    _end(training_process.main)


# In the place of the module `subprocess` in ser.training.processes.
SUBPROCESS = SimpleNamespace(Popen=_TrainingProcess, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)
