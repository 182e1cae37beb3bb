"""The configuration that `ser train` would have, for commands that are not Hydra's."""

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ser.commands.explain import explain
from ser.commands.overrides import for_hydra
from ser.config.places import conf_dir
from ser.config.schema import Config, read_config, register
from ser.errors import ConfigError


def composed(overrides: Sequence[str]) -> Config:
    """The configuration with some settings, written as `ser train` takes them.

    Raises:
        ConfigError: they cannot be read, or do not fit.
    """
    register()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            return read_config(compose("train", overrides=for_hydra(overrides)))
    except (HydraException, OmegaConfBaseException, YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(explain(error, overrides)) from None
    except ValueError as error:  # Hydra's word on such as model=null
        raise ConfigError(f"{' '.join(overrides)}: {explain(error)}") from None
