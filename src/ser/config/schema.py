"""The configuration: one typed object, from Hydra to the last room."""

import difflib
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from ser.config import choices
from ser.errors import ConfigError

MANY = 25  # names, that are not listed where one is near

# The schema has types only; the values stand in conf/.


@dataclass
class Paths:
    """Folders, relative to where the command is given."""

    data: str = MISSING
    store: str = MISSING
    outputs: str = MISSING


@dataclass
class Loss:
    """What training minimises. `name`: cross_entropy, nll (on the model's log-probabilities), or focal.

    `votes`: whether its target is what part of the raters named each emotion, where several judged.
    """

    name: str = MISSING
    label_smoothing: float = MISSING
    focal_gamma: float = MISSING
    class_weights: bool = MISSING
    votes: bool = MISSING


@dataclass
class Training:
    """What training does beside what Lightning's Trainer knows.

    `monitor`: uar or loss, on validation, by which the epoch kept is chosen. `patience`: epochs without a better one
    until training stops; null: all are trained. `ema_decay`: of the moving average of the weights; null: no average.
    `calibrate`: whether a temperature of the probabilities is fitted on validation; no answer changes.
    """

    monitor: str = MISSING
    patience: int | None = MISSING
    ema_decay: float | None = MISSING
    calibrate: bool = MISSING


@dataclass
class Normalize:
    """Over which clips each band has mean 0 and deviation 1. `by`: training (its part), or speaker: each one's own.

    By speaker: `clips`: how many are known of a speaker of validation and test, drawn by `seed`; null: all. `emotion`:
    only those of this one; null: of any. `prior`: as of `ser.features.base.Normalization`.
    """

    by: str = MISSING
    clips: int | None = MISSING
    emotion: str | None = MISSING
    prior: float = MISSING


def _open() -> Any:
    """A mapping that takes any key: who reads it refuses what it does not know."""
    return DictConfig({}, flags={"struct": False})


@dataclass
class Labels:
    """Which classes a corpus's emotions become, see `ser.corpora.mapping`. `name`: of the choice.

    `map`: of a label another one, or null: its clips are left out. `only`: the classes that are kept; null: all.
    `min_clips`: how many a class must have to be kept.
    """

    name: str = MISSING
    map: Any = field(default_factory=_open)
    only: list[str] | None = MISSING
    min_clips: int = MISSING


@dataclass
class Config:
    """The top level of conf/train.yaml: an unknown key or a wrong type is refused with its name.

    Attributes:
        corpus, split, feature, augment, model, optim: settings of a component each: `_target_` and its arguments.
        trainer: arguments of Lightning's Trainer, by its own names.
        callbacks, logger: by a name of one's own, an object each: `_target_` and its arguments.
        experiment, search, launcher, debug: what was chosen of these groups, which change others.
        check: what is done to see whether a score means what it seems to, see `ser.sanity`; None: nothing.
        resume: whether to go on with an earlier run (or sweep): true: the newest of this command; or its folder.
    """

    corpus: Any = MISSING
    split: Any = MISSING
    feature: Any = MISSING
    augment: Any = MISSING
    model: Any = MISSING
    optim: Any = MISSING
    trainer: Any = field(default_factory=_open)
    callbacks: Any = field(default_factory=_open)
    logger: Any = field(default_factory=_open)
    labels: Labels = field(default_factory=Labels)
    normalize: Normalize = field(default_factory=Normalize)
    loss: Loss = field(default_factory=Loss)
    training: Training = field(default_factory=Training)
    paths: Paths = field(default_factory=Paths)
    experiment: str | None = None
    search: str | None = None
    launcher: str | None = None
    debug: str | None = None
    check: str | None = None
    seed: int = MISSING
    epochs: int = MISSING
    batch_size: int = MISSING
    sampling: str = MISSING
    tta: int = MISSING
    resume: bool | str = MISSING


def register() -> None:
    """Make the schema known to Hydra as `schema`, the first of conf/train.yaml's defaults."""
    ConfigStore.instance().store(name="schema", node=Config)


def read_config(cfg: DictConfig | dict[str, Any]) -> Config:
    """The configuration that Hydra has composed (or `dataclasses.asdict` of one), with all interpolations resolved.

    Raises:
        ConfigError: a key that the schema does not have (Hydra's `+` lets it in), or a group that was taken away.
    """
    merged = OmegaConf.merge(OmegaConf.structured(Config, flags={"struct": False}), cfg)
    for prefix, schema in _sections():
        section = OmegaConf.select(merged, prefix.rstrip(".")) if prefix else merged
        known = [item.name for item in fields(schema)]
        for key in map(str, section):
            if key not in known:
                raise ConfigError(unknown(f"{prefix}{key}", (prefix + name for name in known)))
            if OmegaConf.is_missing(section, key) or (key == "trainer" and not merged.trainer):
                group = prefix.rstrip(".") or key
                raise ConfigError(f"{group}: nothing is chosen; set {group}=<name>, --help lists the names")
    made = OmegaConf.to_object(merged)
    assert isinstance(made, Config)
    return made


def hint_of(full_key: str) -> Any:
    """The type of a setting such as `training.patience`; None where the schema says none."""
    hint: Any = Config
    for name in full_key.split("."):
        hint = typing.get_type_hints(hint).get(name) if is_dataclass(hint) else None
    return None if hint is Any or is_dataclass(hint) else hint


def _sections() -> Iterable[tuple[str, type]]:
    yield "", Config
    yield from ((f"{item.name}.", item.type) for item in fields(Config) if is_dataclass(item.type))  # type: ignore[misc]


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say of a setting that does not exist.

    >>> unknown("loss.nam", ["loss.name", "loss.focal_gamma"])
    'loss.nam: no such setting; did you mean loss.name? there are loss.name, loss.focal_gamma'
    >>> unknown("lr", ["seed", "epochs"])
    'lr: no such setting; did you mean optim.lr? there are seed, epochs'
    """
    known = list(known)
    last = name.rpartition(".")[2]
    near = [one for one in choices.settings() if one.rpartition(".")[2] == last and one != name]
    near = near if len(near) == 1 else difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    listed = "--cfg job lists all" if near and len(known) > MANY else f"there are {', '.join(known)}"
    return f"{name}: no such setting; {hint}{listed}"
