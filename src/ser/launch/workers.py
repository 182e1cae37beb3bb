"""Workers: the processes of `launcher=joblib`, which run several runs of a sweep at once on one machine.

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
from omegaconf import DictConfig

_LAUNCHER = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
STOP = Path(".hydra", "stop")  # in the sweep's folder, from the first Ctrl-C on
_held: list[FileLock] = []  # for the life of this process


def are_used(config: DictConfig) -> bool:
    """Whether the runs of a sweep with this configuration are in workers."""
    return bool(config.hydra.launcher._target_ == _LAUNCHER)


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


def take_gpu(gpus: Sequence[str], folder: Path) -> str:
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


_is_worker = False


def is_worker() -> bool:
    """Whether this process is a worker."""
    return _is_worker


def become_worker(gpus: Sequence[str]) -> None:
    """Make this process a worker; once, before torch has touched a GPU."""
    global _is_worker
    if _is_worker:
        return
    _is_worker = True
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = take_gpu(
            gpus, Path(tempfile.gettempdir(), f"ser-gpus-{getpass.getuser()}")
        )
    os.setpgid(0, 0)  # Ctrl-C in the terminal is for the sweep's process, which passes it on
    sys.stdout = _NoTerminal(os.fdopen(1, "wb", closefd=False), errors="backslashreplace", line_buffering=True)
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


class _NoTerminal(io.TextIOWrapper):
    """Standard output of a worker: the bars of several runs would draw over each other."""

    def isatty(self) -> bool:
        return False


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def begin_run(name: str) -> None:
    """Before a run: Ctrl-C is heard, and what is said has the run's name before it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.setFormatter(logging.Formatter(f"[{name}] %(message)s"))


def end_run() -> None:
    """After a run: nothing is there that Ctrl-C could stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def is_stopped(folder: Path) -> bool:
    """Whether no further run of the sweep in this folder shall begin."""
    return (folder / STOP).exists()


def is_of_a_dead_process(error: Exception) -> bool:
    """Whether a launcher says by this error that a process of its ended before its run did."""
    return type(error).__module__.partition(".")[0] in ("joblib", "submitit")


@contextmanager
def stopping(config: DictConfig) -> Iterator[None]:
    """Around the runs of a sweep: Ctrl-C is passed on to its workers, where it has any.

    The first stops the runs at work, as it would each alone, and lets no other begin; a second ends all.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    if not are_used(config):
        yield
        return
    flag = Path(config.hydra.sweep.dir, STOP)

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
