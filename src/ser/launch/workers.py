"""The processes of `launcher=joblib`, which run several runs of a sweep at once on one machine.

Each shares in the GPUs, speaks with the name of its run, ends with the sweep, and leaves it to the sweep's own
process to say when to stop.
"""

import getpass
import io
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

STOP = Path(".hydra", "stop")  # in the sweep's folder, from the first Ctrl-C on
_held: list[FileLock] = []  # for the life of this process


def visible_gpus() -> list[str]:
    """The GPUs of this machine, by the names that CUDA_VISIBLE_DEVICES knows."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def sensible_number(n_gpus: int) -> int:
    """How many runs at once: one a GPU; else one for each four cores, two at least."""
    return n_gpus or max(2, (os.cpu_count() or 1) // 4)


def share_of(gpus: Sequence[str], folder: Path) -> str:
    """The GPU that the fewest processes hold, for this process to hold until it ends.

    Args:
        gpus: names, one at least.
        folder: where all processes of this machine keep their locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for share in count():
        for gpu in gpus:
            lock = FileLock(folder / f"gpu-{gpu}-{share}.lock", blocking=False)
            with suppress(Timeout):
                lock.acquire()
                _held.append(lock)
                return gpu
    raise AssertionError


def is_one() -> bool:
    """Whether this process is a worker of a sweep."""
    return _enlisted


_enlisted = False


def enlist(gpus: Sequence[str]) -> None:
    """Make this process a worker; once, before torch has touched a GPU."""
    global _enlisted
    if _enlisted:
        return
    _enlisted = True
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = share_of(
            gpus, Path(tempfile.gettempdir(), f"ser-gpus-{getpass.getuser()}")
        )
    os.setpgid(0, 0)  # Ctrl-C in the terminal is for the sweep's process, which passes it on
    sys.stdout = _Plain(os.fdopen(1, "wb", closefd=False), line_buffering=True)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


class _Plain(io.TextIOWrapper):
    """No terminal: the bars of several runs would draw over each other."""

    def isatty(self) -> bool:
        return False


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def begin(name: str) -> None:
    """Before a run: Ctrl-C is heard, and what is said has the run's name before it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.setFormatter(logging.Formatter(f"[{name}] %(message)s"))


def end() -> None:
    """After a run: nothing is there that Ctrl-C could stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def is_stopped(folder: Path) -> bool:
    """Whether no further run of the sweep in this folder shall begin."""
    return (folder / STOP).exists()


@contextmanager
def stopping(folder: Path) -> Iterator[None]:
    """Let the first Ctrl-C stop the runs at work, as it would each alone, and let no other begin; a second ends all."""
    flag = folder / STOP

    def ask(signum: int, frame: FrameType | None) -> None:
        for child in multiprocessing.active_children():
            if child.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGINT)
        if flag.exists():
            raise KeyboardInterrupt
        flag.touch()
        print("stopping the runs at work; press Ctrl-C again to stop at once", file=sys.stderr)

    previous = signal.signal(signal.SIGINT, ask)
    try:
        yield
        if flag.exists():
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, previous)
        flag.unlink(missing_ok=True)
