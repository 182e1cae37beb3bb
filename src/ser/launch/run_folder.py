"""The run folder before a run: a new one that nobody else uses, or the one of the run to go on with.

Nothing heavy is imported here: this comes before anything else, and for --help too.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, ListConfig, OmegaConf, read_write

from ser.files import try_lock
from ser.runs.folder import differences, holds_a_run, is_unfinished
from ser.runs.names import HYDRA, REPORT, RUN_LOCK
from ser.training import processes

LAST = "last"


class Fault(BaseException):
    """What a callback raised, its cause: Hydra makes a mere warning of any Exception there, and would go on."""


@contextmanager
def ending_the_program() -> Iterator[None]:
    """Of a callback without which nothing may begin: what it raises ends the program, by way of `run_command`.

    Raises:
        Fault: from what the body raised.
    """
    try:
        yield
    except Exception as error:
        raise Fault from error


class RunFolder(Callback):
    """Before anything is written: can the run folder be made, is it free, does it hold no earlier run?

    With `ckpt_path=last` it is the folder of the run to go on with: the one that `hydra.run.dir` names (begun there if
    it is not), or the newest unfinished run of the same configuration.
    """

    def __init__(self) -> None:
        self.lock: FileLock | None = None

    @ending_the_program()
    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        HydraConfig.instance().set_config(config)  # the folder's name may speak of the choices made
        if self._is_one_of_several(config):
            return
        if config.hydra.runtime.choices.get("sweep"):
            sys.exit(f"sweep={config.hydra.runtime.choices.sweep} is a search, of many runs: python train.py -m ...")
        if config.ckpt_path not in (None, LAST):
            sys.exit(f"ckpt_path must be last or null; got {config.ckpt_path!r}")
        if not config.hydra.run.dir:
            sys.exit("hydra.run.dir is empty; name a folder, or leave it out")
        folder = self._unfinished(config) if config.ckpt_path == LAST else Path(config.hydra.run.dir).expanduser()
        if config.ckpt_path is None and holds_a_run(folder):
            sys.exit(
                f"hydra.run.dir: {folder} holds an earlier run, which would be lost; name another folder, or go on"
                " with that run by ckpt_path=last"
            )
        make(folder, "hydra.run.dir")
        self._occupy(folder)
        with read_write(config), read_write(config.hydra):
            config.hydra.run.dir = str(folder)

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        if self.lock is not None:
            self.lock.release()

    def _is_one_of_several(self, config: DictConfig) -> bool:
        """Under a launcher that started several processes: only the main one looks after the folder and speaks."""
        if not processes.are_external() or not processes.is_distributed(config.trainer):
            return False
        if not any(word.startswith("hydra.run.dir=") for word in as_typed(config.hydra.overrides.hydra)):
            sys.exit("hydra.run.dir is needed here: processes that train together share one folder; name it")
        if processes.rank() == 0:
            return False
        with read_write(config), read_write(config.hydra):
            config.hydra.output_subdir = None
            config.hydra.job_logging = {"version": 1, "root": {"level": "CRITICAL"}, "disable_existing_loggers": False}
        return True

    def _unfinished(self, config: DictConfig) -> Path:
        """The folder of the run to go on with."""
        if any(word.startswith("hydra.run.dir=") for word in as_typed(config.hydra.overrides.hydra)):
            folder = Path(config.hydra.run.dir).expanduser()
            if not holds_a_run(folder):
                return folder  # killed before it began, or never begun: the same command serves for every try
            if not is_unfinished(folder):
                sys.exit(f"ckpt_path=last: the run in {folder} is finished; see its {REPORT}")
            different = differences(folder, config)
            if different:
                sys.exit(
                    f"ckpt_path=last: the run in {folder} had other settings: {'; '.join(different)}; give the same"
                    " command again, with ckpt_path=last"
                )
            return folder
        outputs = Path(config.paths.outputs).expanduser()
        # Folds have no hydra.yaml of their own. Runs of a sweep have, but are continued by name only.
        runs = [path.parents[1] for path in outputs.rglob(HYDRA)]
        runs = [folder for folder in runs if not (folder.parent / "multirun.yaml").exists()]
        for folder in sorted(runs, key=lambda path: path.stat().st_mtime, reverse=True):
            if is_unfinished(folder) and not differences(folder, config):
                return folder
        sys.exit(
            f"ckpt_path=last: no unfinished run with these settings below {outputs}; name the run by"
            " hydra.run.dir=<folder> to see what differs"
        )

    def _occupy(self, folder: Path) -> None:
        try:
            self.lock = try_lock(folder / RUN_LOCK)
        except Timeout:
            sys.exit(f"hydra.run.dir: another run is at work in {folder}; wait for it, or name another folder")


def as_typed(overrides: ListConfig) -> list[str]:
    """The words of a command, with the interpolations in them."""
    words: Any = OmegaConf.to_container(overrides, resolve=False)
    return [str(word) for word in words]


def make(folder: Path, key: str) -> None:
    """Make a folder to write to, or end the program with a message that names the setting `key`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".hydra").mkdir(exist_ok=True)
    except OSError as error:
        sys.exit(
            f"paths.outputs: cannot write to {folder} ({error.strerror or error});"
            f" set paths.outputs=<folder> or {key}=<folder>"
        )
