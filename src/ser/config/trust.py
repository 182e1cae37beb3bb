"""Whose classes settings may name that come from elsewhere: from a checkpoint, or from a model that was shared."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ser.errors import ModelError

OURS = "ser"


def check_trusted(settings: Any, trusted: Sequence[str], source: str) -> None:
    """Refuse settings that name a class of a package which nobody has said to trust, before anything is imported.

    Args:
        settings: JSON values; at any depth, `_target_` names a class.
        trusted: names of packages beside ours.
        source: of the settings, for the message.

    Raises:
        ModelError: names the first.

    >>> check_trusted({"model": {"_target_": "os.system"}}, [], "best.ckpt")
    Traceback (most recent call last):
    ...
    ser.errors.ModelError: best.ckpt: wants to run os.system, which is no code of ser; ...
    """
    for target in _targets(settings):
        package = str(target).partition(".")[0]
        if not isinstance(target, str) or package not in (OURS, *trusted):
            raise ModelError(
                f"{source}: wants to run {target}, which is no code of ser; if you know whose it is and trust it, say"
                f" --trust {package}"
            )


def _targets(settings: Any) -> Iterator[Any]:
    if isinstance(settings, Mapping):
        for name, value in settings.items():
            if name == "_target_":
                yield value
            else:
                yield from _targets(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _targets(value)
