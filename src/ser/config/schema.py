"""The configuration's schema, and building components from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from ser.errors import ConfigError

# The schema has types only; the values stand in conf/.


@dataclass
class Paths:
    """Folders, relative to where the command is given."""

    data: str = MISSING
    store: str = MISSING
    outputs: str = MISSING


@dataclass
class Loss:
    """What training minimises. `name`: cross_entropy, nll (on the model's log-probabilities), or focal."""

    name: str = MISSING
    label_smoothing: float = MISSING
    focal_gamma: float = MISSING
    class_weights: bool = MISSING


@dataclass
class Trainer:
    """How training runs.

    `devices`: GPUs (or CPU processes) that train together on each of `num_nodes` machines; null: all GPUs, or 2
    processes on a CPU. `precision` auto: bf16 or 16-bit mixed on a GPU, by what it supports; else 32. `monitor`: uar or
    loss, on validation, by which the best epoch is chosen.
    """

    accelerator: str = MISSING
    devices: int | None = MISSING
    num_nodes: int = MISSING
    precision: str = MISSING
    gradient_clip: float = MISSING
    monitor: str = MISSING
    patience: int | None = MISSING
    ema_decay: float | None = MISSING


@dataclass
class Config:
    """The top level of conf/train.yaml: an unknown key or a wrong type is refused with its name."""

    corpus: Any = MISSING
    split: Any = MISSING
    feature: Any = MISSING
    augment: Any = MISSING
    model: Any = MISSING
    optim: Any = MISSING
    trainer: Trainer = field(default_factory=Trainer)
    logger: Any = MISSING
    loss: Loss = field(default_factory=Loss)
    paths: Paths = field(default_factory=Paths)
    experiment: str | None = None
    sweep: str | None = None
    launcher: str | None = None
    seed: int = MISSING
    epochs: int = MISSING
    batch_size: int = MISSING
    sampling: str = MISSING
    tta: int = MISSING
    ckpt_path: str | None = MISSING
    resume: bool = MISSING


_SECTIONS = {"trainer": Trainer, "loss": Loss, "paths": Paths}


def register() -> None:
    """Make the schema known to Hydra as `schema`, the first of conf/train.yaml's defaults."""
    ConfigStore.instance().store(name="schema", node=Config)


def check_keys(settings: Mapping[str, Any]) -> None:
    """Refuse keys that the schema does not have (Hydra's `+` lets them in), and groups taken away (by its `~`).

    Raises:
        ConfigError: names the first one.
    """
    sections: dict[str, tuple[Any, Mapping[str, Any]]] = {"": (Config, settings)}
    sections |= {f"{name}.": (schema, settings[name]) for name, schema in _SECTIONS.items()}
    for prefix, (schema, section) in sections.items():
        known = [item.name for item in fields(schema)]
        for key, value in section.items():
            if value == MISSING:
                group = prefix.rstrip(".") or key
                raise ConfigError(f"{group}: nothing is chosen; set {group}=<name>, --help lists the names")
            if key not in known:
                raise ConfigError(f"{prefix}{key}: no such setting; there are {', '.join(prefix + k for k in known)}")
