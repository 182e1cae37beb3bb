"""Whether the run in a folder came to its end, and whether another one would be the same."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ser.config.dotted import is_below, leaves
from ser.runs.names import CONFIG, FOLDS, LAST, METRICS, SPLIT

if TYPE_CHECKING:
    from omegaconf import DictConfig

# What cannot change what is learnt and tested: it may differ between a run and its continuation.
MAY_DIFFER = (
    *("hydra", "resume", "launcher", "paths", "logger"),
    *("trainer.enable_progress_bar", "trainer.enable_model_summary", "trainer.log_every_n_steps", "trainer.profiler"),
    *("trainer.detect_anomaly", "trainer.enable_autolog_hparams", "trainer.model_registry"),
)


def holds_a_run(folder: Path) -> bool:
    """Whether a run, or a sweep of runs, has written its results here or begun to."""
    return any(folder.glob(SPLIT)) or any(folder.glob(f"*/{SPLIT}"))


def is_finished(folder: Path) -> bool:
    """Whether the run, or fold, in this folder came to its end; one that was stopped by Ctrl-C did not."""
    try:
        return "interrupted" not in json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # damaged
        return False


def is_unfinished(folder: Path) -> bool:
    """Whether the run in this folder was killed, or stopped by Ctrl-C."""
    return holds_a_run(folder) and not is_finished(folder)


def can_go_on(folder: Path) -> bool:
    """Whether a run that was stopped has left something to go on from: a checkpoint, or a finished fold."""
    return any(folder.rglob(LAST)) or any(folder.glob(f"{FOLDS}/{METRICS}"))


def differences(folder: Path, config: "DictConfig") -> list[str]:
    """Where the configuration of the run in `folder` differs, such as "seed was 0, now 1"."""
    from omegaconf import OmegaConf  # not for those who only use what was trained
    from yaml import YAMLError

    path = folder / CONFIG
    try:
        before = dict(leaves(OmegaConf.to_container(OmegaConf.load(path))))
        if "seed" not in before:
            raise ValueError
    except (OSError, ValueError, YAMLError):
        return [f"{path} cannot be read"]
    now = dict(leaves(OmegaConf.to_container(config)))
    names = [name for name in before.keys() | now.keys() if not is_below(name, MAY_DIFFER)]
    return [
        f"{name} was {before.get(name)!r}, now {now.get(name)!r}"
        for name in sorted(names)
        if before.get(name) != now.get(name)
    ]
