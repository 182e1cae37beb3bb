"""A run described for loggers: its name, its group, and its configuration with what it was applied to."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from ser.config.dotted import is_below
from ser.config.schema import Config
from ser.corpora.mapping import AS_THEY_ARE
from ser.loggers.base import FOLD, POOLED, Job
from ser.runs.facts import CorpusFacts, SplitFacts
from ser.runs.folder import MAY_DIFFER

# Not told in a name: they do not change what is learnt, or are said otherwise.
UNTOLD = (
    *(*MAY_DIFFER, "search"),
    *("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy"),
)

PLACES = ("root", "path", "download")  # of a corpus

# Of the facts, what goes with the configuration.
PROTOCOL = ("name", "hash", "fold", "n_folds", "seed", "speaker_independent")
CORPUS = ("name", "fingerprint", "n_utterances")


def describe(config: Config, folder: Path, kind: str, split: SplitFacts, corpus: CorpusFacts) -> Job:
    """What loggers are told of a run.

    Args:
        config: of the run.
        folder: where this training, or the pooled result, has its files.
        kind: train, fold or pooled.
        split, corpus: what it is applied to.
    """
    overrides, choices, sweep = _asked()
    outputs = Path(config.paths.outputs).expanduser()
    group = sweep_name = _below(outputs, sweep) if sweep else None
    name = run_name(overrides, choices)
    if kind == FOLD:
        group, name = _below(outputs, folder.parent), f"{name} fold {split.fold}"
    elif kind == POOLED:
        group, name = _below(outputs, folder), f"{name} pooled"
    told = {
        **asdict(config),
        "choices": choices,
        "overrides": list(overrides),
        "sweep": sweep_name,
        "protocol": {name: getattr(split, name) for name in PROTOCOL},
        "corpus": {**config.corpus, **{name: getattr(corpus, name) for name in CORPUS}},
    }
    tags = [sweep_name, config.check and f"check={config.check}", *_about_clips(config, corpus)]
    known: Any = HydraConfig.instance().cfg
    is_first = kind != FOLD and (sweep is None or OmegaConf.select(known, "hydra.job.num", default=0) == 0)
    return Job(folder, kind, name.strip() or kind, group, [tag for tag in tags if tag], outputs, told, is_first)


def _about_clips(config: Config, corpus: CorpusFacts) -> list[str]:
    """Tags of runs whose labels are mapped, or that have several corpora."""
    names = corpus.name.split("+") if "parts" in config.corpus else []
    return [*([] if config.labels.name == AS_THEY_ARE else [f"labels={config.labels.name}"]), *names]


def run_name(overrides: Sequence[str], choices: Mapping[str, Any]) -> str:
    """Model, feature, and what else was asked for, without what changes no result.

    >>> run_name(["model=crnn", "corpus=ravdess", "optim.lr=0.001", "seed=2", "paths.outputs=x", "+experiment=best"],
    ...          {"model": "crnn", "feature": "melspec"})
    'crnn melspec corpus=ravdess lr=0.001 seed=2 best'
    >>> run_name(["corpus=several", "+corpus@corpus.parts.own=table", "corpus.parts.own.path=a.csv", "labels=big4"], {})
    'corpus=several table labels=big4'
    """
    words = [str(choices[group]) for group in ("model", "feature") if group in choices]
    told = [override.lstrip("+~").partition("=") for override in overrides]
    told = [parts for parts in told if parts[0] != "trainer" and not is_below(parts[0], UNTOLD)]
    told = [parts for parts in told if not (is_below(parts[0], ["corpus"]) and parts[0].split(".")[-1] in PLACES)]
    leaves = [name.rpartition(".")[2] for name, _, _ in told]
    for (name, _, value), leaf in zip(told, leaves, strict=True):
        if name == "experiment" or "@" in name:  # one of several side by side
            words.append(value)
        elif name not in ("model", "feature"):
            words.append(f"{leaf if leaves.count(leaf) == 1 else name}={value}")
    return " ".join(words)


def _asked() -> tuple[list[str], dict[str, Any], Path | None]:
    """What Hydra knows: the overrides, the choice of each group, and the folder of the sweep, if there is one."""
    if not HydraConfig.initialized():
        return [], {}, None
    known = HydraConfig.get()
    choices = {
        str(group): choice if isinstance(choice, str | None) else list(choice)
        for group, choice in known.runtime.choices.items()
        if not str(group).startswith("hydra")
    }
    sweep = Path(known.sweep.dir).expanduser() if known.mode == RunMode.MULTIRUN else None
    return list(known.overrides.task), choices, sweep


def _below(outputs: Path, folder: Path) -> str:
    """A folder's name: its path from `outputs` on, or its last part where it lies elsewhere."""
    outputs, folder = outputs.resolve(), folder.resolve()
    return folder.relative_to(outputs).as_posix() if folder.is_relative_to(outputs) else folder.name
