"""Nested settings, as plain values."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def leaves(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting by its dotted name.

    >>> dict(leaves({"seed": 0, "model": {"depth": 18}}))
    {'seed': 0, 'model.depth': 18}
    """
    if not isinstance(settings, Mapping):
        yield prefix, settings
        return
    for key, value in settings.items():
        yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))


def is_below(name: str, groups: Iterable[str]) -> bool:
    """Whether a setting is one of `groups`, or belongs to one.

    >>> is_below("model.depth", ["model"]), is_below("model", ["model.depth"]), is_below("models", ["model"])
    (True, False, False)
    """
    return any(name == group or name.startswith(f"{group}.") for group in groups)
