"""The folder of a sweep: a new one that nobody else uses, or the one of the sweep to go on with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ser.config.dotted import is_below
from ser.errors import ConfigError, ResumeError
from ser.files import replacing, try_lock
from ser.launch import workers
from ser.launch.callbacks import (
    MULTIRUN,
    as_typed,
    holds_a_sweep,
    make,
    named_folder,
    not_swallowed,
    refuse_hidden_choices,
    stay_here,
)
from ser.launch.sweep_table import is_complete, read_planned, update
from ser.runs.folder import MAY_DIFFER, holds_a_run
from ser.runs.names import RUN_LOCK

SWEEP_DIR = "hydra.sweep.dir"

_LOCK = Path(".hydra", "sweep.lock")


class SweepFolder(Callback):
    """Before a sweep: can its folder be made, is it free, does it hold no other? Around each run: sweep.csv is kept.

    With `resume` it is the folder of the sweep to go on with: the one that `resume=<folder>` names; or with
    `resume=true` the one that `hydra.sweep.dir` names (begun there if it is not), else the newest of the same command;
    one that is not complete goes before.
    """

    def __init__(self) -> None:
        self.locks: dict[Path, FileLock] = {}
        self.gpus: list[str] = []

    def __getstate__(self) -> dict[str, Any]:  # it travels to the workers; a lock stays where it was taken
        return {**self.__dict__, "locks": {}}

    @not_swallowed()
    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        refuse_hidden_choices(config)
        stays = stay_here(config)
        HydraConfig.instance().set_config(config)
        folder = _folder_to_go_on_with(config) if config.resume else _new_folder(config)
        make(folder, SWEEP_DIR)
        if not self._occupy(folder, _LOCK):
            raise ConfigError(f"{SWEEP_DIR}: another sweep is at work in {folder}; wait for it, or name another folder")
        with read_write(config), read_write(config.hydra):
            config.hydra.sweep.dir = str(folder)
            # The configuration of each run is composed anew, from these words.
            words = [word for word in as_typed(config.hydra.overrides.hydra) if not word.startswith(f"{SWEEP_DIR}=")]
            quoted = QuotedString(str(folder), Quote.single).with_quotes()
            config.hydra.overrides.hydra = [
                *(word for word in words if not word.startswith("hydra.job.chdir=")),
                *(["hydra.job.chdir=false"] if stays else []),
                f"{SWEEP_DIR}={quoted}",
            ]
            if workers.are_used(config):
                self.gpus = workers.visible_gpus()
                if config.hydra.launcher.n_jobs == -1:
                    config.hydra.launcher.n_jobs = workers.sensible_number(len(self.gpus))
        if not config.resume or _command(folder) is None:
            with replacing(folder / MULTIRUN) as beside:
                OmegaConf.save(config, beside)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        while self.locks:
            self.locks.popitem()[1].release()

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        folder, sweep = Path(config.hydra.runtime.output_dir), Path(config.hydra.sweep.dir)
        if workers.are_used(config):
            workers.become_worker(self.gpus)
            workers.begin_run(folder.name)
        if not workers.is_stopped(sweep):
            self._occupy(folder, RUN_LOCK)
            update(sweep)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        lock = self.locks.pop(Path(config.hydra.runtime.output_dir), None)
        if lock is not None:
            lock.release()
        update(Path(config.hydra.sweep.dir))
        if workers.are_used(config):
            workers.end_run()

    def _occupy(self, folder: Path, name: Path) -> bool:
        """Take a folder for this process; whether it was free."""
        try:
            lock = try_lock(folder / name)
        except Timeout:
            return False
        if lock is not None:
            self.locks[folder] = lock
        return True


def is_at_work(folder: Path) -> bool:
    """Whether a process is at work on the run in this folder; it may be one that outlived its sweep."""
    if not (folder / RUN_LOCK).exists():
        return False
    try:
        lock = try_lock(folder / RUN_LOCK)
    except Timeout:
        return True
    if lock is not None:
        lock.release()
    return False


def _new_folder(config: DictConfig) -> Path:
    folder = named_folder(config, SWEEP_DIR) or Path(config.hydra.sweep.dir).expanduser()
    if holds_a_run(folder):
        raise ConfigError(
            f"{SWEEP_DIR}: {folder} holds earlier runs, which would be lost; name another folder, or go on with that"
            " sweep by resume=true"
        )
    return folder


def _folder_to_go_on_with(config: DictConfig) -> Path:
    folder = named_folder(config, SWEEP_DIR)
    if folder is None:
        return _newest(config)
    if not holds_a_sweep(folder):
        if holds_a_run(folder):
            raise ResumeError(f"resume: {folder} holds a run, but no sweep; to go on with it, leave -m away")
        if config.resume is not True:
            raise ResumeError(
                f"resume: no sweep in {folder}; name the folder of one, or give resume=true for the newest of this"
                " command"
            )
    return folder


def _newest(config: DictConfig) -> Path:
    """The newest sweep of the same command; one that is not complete goes before."""
    wanted = _what(as_typed(config.hydra.overrides.task))
    outputs = Path(config.paths.outputs).expanduser()
    found = sorted(outputs.rglob(MULTIRUN), key=lambda path: path.stat().st_mtime, reverse=True)
    commands = {path.parent: _command(path.parent) for path in found}
    same = [folder for folder, command in commands.items() if command is not None and _what(command) == wanted]
    if not same:
        raise ResumeError(
            f"resume=true: no sweep of this command below {outputs}; give the same command again, or name the sweep by"
            " resume=<folder> to see what differs"
        )
    return next((folder for folder in same if not is_complete(folder)), same[0])


def _command(folder: Path) -> list[str] | None:
    """The words of the command that began the sweep in this folder; None where they cannot be read."""
    try:
        words = OmegaConf.select(OmegaConf.load(folder / MULTIRUN), "hydra.overrides.task")
    except (OSError, ValueError, YAMLError, OmegaConfBaseException):  # damaged, or not ours
        return None
    return as_typed(words) if isinstance(words, ListConfig) else None


def _what(overrides: Sequence[str]) -> list[str]:
    """The overrides that say what is run, not where and how."""
    return [word for word in overrides if not is_below(word.lstrip("+~").split("=")[0], MAY_DIFFER)]


def what_differs(folder: Path, wanted: list[list[str]]) -> str:
    """How the runs of the sweep in this folder differ from those wanted now; empty if they do not."""
    before = [run.overrides for run in read_planned(folder)]
    if not before:
        return ""
    if len(before) != len(wanted):
        return f"it had {len(before)} runs, now {len(wanted)}"
    for number, (one, other) in enumerate(zip(before, wanted, strict=True)):
        was = [word for word in _what(one) if word not in other]
        now = [word for word in _what(other) if word not in one]
        if was or now:
            return f"run {number} was {' '.join(was) or 'without'} where it is now {' '.join(now) or 'without'}"
    return ""
