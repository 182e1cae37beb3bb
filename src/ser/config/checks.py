"""Refusing settings that cannot be used."""

import typing
from typing import Any

from ser.errors import ConfigError


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
