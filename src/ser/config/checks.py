"""Refusing settings that cannot be used."""

import typing
from typing import Any

from ser.errors import SettingError


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside [low, high].

    Args:
        name: of the setting; a component gives its own, and `build` adds the group's.

    >>> check_range("dropout", 1.5, 0, 1)
    Traceback (most recent call last):
    ...
    ser.errors.SettingError: dropout must lie between 0 and 1; got 1.5
    """
    if not low <= value <= high:
        raise SettingError(f"{name} must lie between {low:.10g} and {high:.10g}; got {value!r}")


def check_choice(name: str, value: Any, choices: typing.Iterable[Any]) -> None:
    """Refuse a value that is none of `choices`; `name` as in `check_range`.

    >>> check_choice("loss.name", "mse", ["cross_entropy", "nll"])
    Traceback (most recent call last):
    ...
    ser.errors.SettingError: loss.name must be one of cross_entropy, nll; got 'mse'
    """
    choices = list(choices)
    if value not in choices:
        raise SettingError(f"{name} must be one of {', '.join(map(str, choices))}; got {value!r}")


def check_choices(name: str, values: typing.Sequence[Any], choices: typing.Iterable[Any]) -> None:
    """Refuse a list that is empty, names something twice, or something that is none of `choices`."""
    choices = list(choices)
    for value in values:
        check_choice(name, value, choices)
    if not values or len({*values}) < len(values):
        raise SettingError(f"{name} must name one of {', '.join(map(str, choices))} at least, and none twice")


def check_ranges(name: str, values: typing.Sequence[float], low: float, high: float) -> None:
    """Refuse a list that is empty, or has a number that is out of range."""
    for value in values:
        check_range(name, value, low, high)
    if not values:
        raise SettingError(f"{name} must have one number at least; got []")
