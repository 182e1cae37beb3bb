"""The run folder before a run: a new one that nobody else uses, or the one of the run to go on with."""

from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, read_write

from ser.config.schema import Config, read_config
from ser.errors import ConfigError, ResumeError
from ser.files import try_lock
from ser.launch.callbacks import (
    holds_a_sweep,
    make,
    named_folder,
    not_swallowed,
    refuse_hidden_choices,
    stay_here,
    without_hydra,
)
from ser.runs.folder import differences, holds_a_run, is_unfinished
from ser.runs.names import HYDRA, REPORT, RUN_LOCK
from ser.training import processes

RUN_DIR = "hydra.run.dir"


class RunFolder(Callback):
    """Before anything is written: can the run folder be made, is it free, does it hold no earlier run?

    With `resume` it is the folder of the run to go on with: the one that `resume=<folder>` names; or with `resume=true`
    the one that `hydra.run.dir` names (begun there if it is not), else the newest unfinished run of the same
    configuration below `paths.outputs`.
    """

    def __init__(self) -> None:
        self.lock: FileLock | None = None

    @not_swallowed()
    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        refuse_hidden_choices(config)
        stay_here(config)
        HydraConfig.instance().set_config(config)  # the folder's name may speak of the choices made
        if _is_led_by_another(read_config(without_hydra(config)), config):
            return
        _refuse_sweeps(config)
        folder = _folder_to_go_on_with(config) if config.resume else _new_folder(config)
        make(folder, RUN_DIR)
        self._occupy(folder)
        with read_write(config), read_write(config.hydra):
            config.hydra.run.dir = str(folder)

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        if self.lock is not None:
            self.lock.release()

    def _occupy(self, folder: Path) -> None:
        try:
            self.lock = try_lock(folder / RUN_LOCK)
        except Timeout:
            raise ConfigError(
                f"{RUN_DIR}: another run is at work in {folder}; wait for it, or name another folder"
            ) from None


def _is_led_by_another(run: Config, config: DictConfig) -> bool:
    """Whether torchrun or SLURM started this process beside a main one, which looks after the folder and speaks."""
    if not processes.are_external() or not processes.is_distributed(run.trainer):
        return False
    folder = named_folder(config, RUN_DIR)
    if folder is None:
        raise ConfigError(f"{RUN_DIR} is needed here: processes that train together share one folder; name it")
    if processes.rank() == 0:
        return False
    with read_write(config), read_write(config.hydra):
        config.hydra.run.dir = str(folder)
        config.hydra.output_subdir = None
        config.hydra.job_logging = {"version": 1, "root": {"level": "CRITICAL"}, "disable_existing_loggers": False}
    return True


def _refuse_sweeps(config: DictConfig) -> None:
    choices = config.hydra.runtime.choices
    for group, what in (("search", "is a search, of many runs"), ("launcher", "starts the runs of a sweep")):
        if choices.get(group):
            raise ConfigError(f"{group}={choices[group]} {what}; put -m before the other words")


def _new_folder(config: DictConfig) -> Path:
    folder = named_folder(config, RUN_DIR) or Path(config.hydra.run.dir).expanduser()
    if holds_a_run(folder):
        raise ConfigError(
            f"{RUN_DIR}: {folder} holds an earlier run, which would be lost; name another folder, or go on with that"
            " run by resume=true"
        )
    return folder


def _folder_to_go_on_with(config: DictConfig) -> Path:
    folder = named_folder(config, RUN_DIR)
    if folder is None:
        return _newest_unfinished(config)
    if holds_a_sweep(folder):
        raise ResumeError(f"resume: {folder} holds a sweep; to go on with it, put -m before the other words")
    if not holds_a_run(folder):
        if config.resume is True or (folder / RUN_LOCK).exists():
            return folder  # killed before it began, or never begun: the same command serves for every try
        raise ResumeError(
            f"resume: no run in {folder}; name the folder of one, or give resume=true for the newest of this command"
        )
    if not is_unfinished(folder):
        raise ResumeError(f"resume: the run in {folder} is finished; see its {REPORT}")
    different = differences(folder, config)
    if different:
        raise ResumeError(
            f"resume: the run in {folder} had other settings: {'; '.join(different)}; give its command again, with"
            " resume, or begin a new run"
        )
    return folder


def _newest_unfinished(config: DictConfig) -> Path:
    outputs = Path(config.paths.outputs).expanduser()
    # Folds have no hydra.yaml of their own. Runs of a sweep have, but are continued by name only.
    runs = [path.parents[1] for path in outputs.rglob(HYDRA)]
    runs = [folder for folder in runs if not holds_a_sweep(folder.parent)]
    for folder in sorted(runs, key=lambda path: path.stat().st_mtime, reverse=True):
        if is_unfinished(folder) and not differences(folder, config):
            return folder
    raise ResumeError(
        f"resume=true: no unfinished run with these settings below {outputs}; name it by resume=<folder> to see what"
        " differs"
    )
