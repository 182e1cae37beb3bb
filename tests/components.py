"""Components as they are shipped, with some settings changed. Not a test itself."""

from collections.abc import Mapping
from contextlib import nullcontext
from functools import cache
from typing import Any

import hydra.utils
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from ser.config.build import build
from ser.config.places import conf_dir
from ser.config.schema import register

GIVEN: dict[str, dict[str, Any]] = {  # by code, unless a test says otherwise
    "model": {"n_channels": 1},
    "augment": {"n_channels": 1, "sample_rate": 16_000},
}


def names(group: str) -> list[str]:
    """The choices of a group."""
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


@cache
def _shipped(choice: str) -> Mapping[str, Any]:
    group, _, name = choice.partition("/")
    register()
    is_composing = GlobalHydra.instance().is_initialized()  # by a fixture
    with nullcontext() if is_composing else initialize_config_dir(str(conf_dir()), version_base="1.3"):
        made: Any = OmegaConf.to_container(compose("train", overrides=[f"{group}={name}"])[group], resolve=True)
    return made


def settings(choice: str, **changes: Any) -> dict[str, Any]:
    """Of a choice such as `feature/melspec`."""
    return {**_shipped(choice), **changes}


def target(choice: str) -> Any:
    """The class of a choice."""
    return hydra.utils.get_object(_shipped(choice)["_target_"])


def make(choice: str, **changes: Any) -> Any:
    """The component of a choice; what of `changes` stands in no YAML file is given to it as code does."""
    group = choice.partition("/")[0]
    own = {key: value for key, value in changes.items() if key in _shipped(choice)}
    given = {key: value for key, value in changes.items() if key not in own}
    return build(group, settings(choice, **own), **{**GIVEN.get(group, {}), **given})
