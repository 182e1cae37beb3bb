"""One run, or with -m many: `ser train`."""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from ser.commands.messages import failure, messages, run_command
from ser.config.places import conf_dir
from ser.config.schema import read_config, register
from ser.errors import Aborted
from ser.launch import workers
from ser.runs.folder import can_go_on
from ser.runs.names import PAGE
from ser.runs.status import FAILED, FINISHED, INTERRUPTED, PRUNED, Status, clear_status
from ser.training import processes

log = logging.getLogger("ser")

register()


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def _run(cfg: DictConfig) -> float | None:
    """One run, alone or of a sweep. Returns the validation UAR of the epoch kept, where there is one."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    is_alone = HydraConfig.get().mode == RunMode.RUN
    if not is_alone and workers.is_stopped(Path(HydraConfig.get().sweep.dir)):
        return None
    # From here on: whether to go on from what lies in the run folder. A run of a sweep does where there is anything.
    cfg.resume = bool(cfg.resume) if is_alone else can_go_on(folder)
    log.info("run folder %s", folder)
    started = time.monotonic()
    if processes.rank() == 0:
        clear_status(folder)

    def record(state: str, message: str = "") -> None:
        if processes.rank() == 0:
            Status(state, round(time.monotonic() - started, 1), message).write(folder)

    with messages() if is_alone else nullcontext():
        try:
            with _heard_afterwards():
                from ser.experiment import run
            outcome = run(read_config(cfg), folder)
        except (KeyboardInterrupt, Aborted):
            record(INTERRUPTED)
            if workers.is_worker():
                return None
            raise KeyboardInterrupt from None
        except (Exception, SystemExit) as error:  # SystemExit: a library's way to fail
            told = failure(error)
            record(FAILED, told or f"{type(error).__name__}: {error}")
            if is_alone:
                raise
            # The other runs of the sweep go on.
            log.error("%s", told or "this run failed:", exc_info=error if told is None else None)
            return None
    record(INTERRUPTED if outcome.interrupted else PRUNED if outcome.pruned else FINISHED)
    page = f"page {folder / PAGE}\n" if (folder / PAGE).exists() else ""
    log.info("\n%s\n\n%srun folder %s", outcome.report, page, folder)
    if outcome.interrupted and not workers.is_worker():
        raise KeyboardInterrupt  # a sweep shall stop too
    return outcome.validation


@contextmanager
def _heard_afterwards() -> Iterator[None]:
    """Keep Ctrl-C until the end of what takes seconds to import: some libraries swallow it there."""
    asked: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    previous = signal.getsignal(signal.SIGINT)
    if is_main and callable(previous):
        signal.signal(signal.SIGINT, lambda signum, _: asked.append(signum))
    try:
        yield
    finally:
        if is_main and callable(previous):
            signal.signal(signal.SIGINT, previous)
    if asked:
        raise KeyboardInterrupt


def main() -> None:
    """Run one experiment as the command line says."""
    run_command(_run)


if __name__ == "__main__":
    main()
