"""The configuration's schema, and building components from it."""

import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from ser.errors import ConfigError, SerError

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


def build(group: str, settings: Mapping[str, Any], **given: Any) -> Any:
    """Make the component that `settings` describe (`_target_` and its arguments), adding the arguments `given` by code.

    Raises:
        ConfigError: a key that the component does not have, a value of the wrong type, or one that it refuses.
    """
    import hydra.utils
    from hydra.errors import InstantiationException

    if not isinstance(settings, Mapping):
        raise ConfigError(f"{group}: nothing is chosen; set {group}=<name>, --help lists the names")
    arguments = {key: value for key, value in settings.items() if not key.startswith("_")}
    try:
        target = hydra.utils.get_object(settings["_target_"])
    except (KeyError, ImportError, ValueError, InstantiationException):
        raise ConfigError(
            f"{group}._target_: no such class: {settings.get('_target_')!r}; name one as package.module.Class"
        ) from None
    _check_arguments(group, target, arguments, given)
    try:
        return hydra.utils.instantiate(dict(settings), **given, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, SerError):
            raise error.__cause__ from None
        raise


def _check_arguments(group: str, target: Any, arguments: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    parameters = inspect.signature(target).parameters
    known = [name for name in parameters if name not in given]
    for name, value in arguments.items():
        if name not in known:
            raise ConfigError(f"{group}.{name}: no such setting; {group} knows {', '.join(known)}")
        hint = hints.get(name)
        if value is None and typing.get_origin(hint) is Mapping:
            continue  # a component that was taken away: said where it is built
        if name in hints and not _fits(value, hint):
            raise ConfigError(f"{group}.{name} must be {_wanted(hints[name])}; got {value!r}")
    for name in known:
        if name not in arguments and parameters[name].default is inspect.Parameter.empty:
            raise ConfigError(f"{group}.{name} is missing; set {group}.{name}=<{_wanted(hints[name])}>")


_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    bool: "true or false",
    Mapping: "a mapping",
    type(None): "null",
}


def _wanted(hint: Any) -> str:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else [hint]
    return " or ".join(_word(option) for option in options)


def _word(hint: Any) -> str:
    if typing.get_origin(hint) is list:
        return f"a list: [{_word(typing.get_args(hint)[0])}, ...]"
    return _WORDS.get(typing.get_origin(hint) or hint, str(hint))


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value from YAML can stand where a parameter of type `hint` is wanted; unknown hints accept all."""
    if isinstance(hint, types.UnionType):
        return any(_fits(value, option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is list:
        return isinstance(value, list) and all(_fits(item, typing.get_args(hint)[0]) for item in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, type(None)):
        return isinstance(value, hint)
    if hint in (str, Path):
        return isinstance(value, str)
    if typing.get_origin(hint) is Mapping:
        return isinstance(value, Mapping)
    return True


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside [low, high].

    >>> check_range("model.dropout", 1.5, 0, 1)
    Traceback (most recent call last):
    ...
    ser.errors.ConfigError: model.dropout must lie between 0 and 1; got 1.5
    """
    if not low <= value <= high:
        raise ConfigError(f"{name} must lie between {low:.10g} and {high:.10g}; got {value!r}")


def check_choice(name: str, value: Any, choices: typing.Iterable[Any]) -> None:
    """Refuse a value that is none of `choices`.

    >>> check_choice("loss.name", "mse", ["cross_entropy", "nll"])
    Traceback (most recent call last):
    ...
    ser.errors.ConfigError: loss.name must be one of cross_entropy, nll; got 'mse'
    """
    choices = list(choices)
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(map(str, choices))}; got {value!r}")
