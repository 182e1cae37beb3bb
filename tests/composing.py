"""Composing what is shipped costs Hydra a tenth of a second, and the tests compose a thousand times. Not a test itself.

`remember()` has each file of `conf/` read once, and what Hydra makes of a list of defaults made once; each composition
gets a copy, to which its own overrides are applied. Files elsewhere, which a test may write, are read each time.
"""

import pickle
from functools import wraps
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository

from ser.config.places import conf_dir

_load, _compose = ConfigRepository.load_config, ConfigLoaderImpl._compose_config_from_defaults_list
_loaded: dict[Any, Any] = {}
_composed: dict[Any, bytes] = {}


def remember() -> None:
    """For all that is composed in this process from now on, and in those that are forked from it."""
    ConfigRepository.load_config = load  # type: ignore[method-assign]
    ConfigLoaderImpl._compose_config_from_defaults_list = composed  # type: ignore[method-assign]


def _places(repo: Any) -> tuple[str, ...] | None:
    """Where configurations are looked for; None: not in what is shipped alone."""
    places = tuple(source.full_path() for source in repo.get_sources())
    known = ("pkg://", "structured://", f"file://{conf_dir()}")
    return places if all(place.startswith(known) for place in places) else None


@wraps(_load)
def load(self: ConfigRepository, config_path: str) -> Any:
    places = _places(self)
    if places is None:
        return _load(self, config_path)
    key = (places, config_path)
    if key not in _loaded:
        _loaded[key] = _load(self, config_path)
    return _loaded[key]


@wraps(_compose)
def composed(self: ConfigLoaderImpl, defaults: list[Any], repo: Any) -> Any:
    places = _places(repo)
    if places is None:
        return _compose(self, defaults, repo)
    key = (places, tuple(map(repr, defaults)))
    if key not in _composed:
        _loaded.clear()  # Hydra changes what it has loaded while it composes
        repo.cache.clear()
        _composed[key] = pickle.dumps(_compose(self, defaults, repo))
        _loaded.clear()
    return pickle.loads(_composed[key])
