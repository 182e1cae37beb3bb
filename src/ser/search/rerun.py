"""The command that trains a trial again, as one run without the search."""

from collections.abc import Iterator

from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ser.config.dotted import leaves
from ser.search.space import as_word

OWN = ("hydra", "search", "launcher", "logger", "experiment", "debug", "resume")


def overrides_of(loader: ConfigLoader, config: DictConfig, overrides: list[str]) -> list[str]:
    """Overrides over the defaults that make the same configuration as `overrides` with an experiment or a search do.

    Args:
        loader: composes.
        config: the composed configuration of the search.
        overrides: those of the trial.

    Returns:
        first the choices, such as model=crnn, then the settings.
    """
    wanted = loader.load_sweep_config(config, overrides)
    name = config.hydra.job.config_name
    default = loader.load_configuration(name, [], RunMode.RUN)
    before = default.hydra.runtime.choices
    choices = [
        f"{'' if group in before else '+'}{group}={choice}"  # +: of a feature beside others
        for group, choice in sorted(wanted.hydra.runtime.choices.items())
        if "/" not in group and group not in OWN and choice is not None and choice != before.get(group)
    ]
    return [*choices, *_settings(loader.load_configuration(name, choices, RunMode.RUN), wanted)]


def _settings(base: DictConfig, wanted: DictConfig) -> Iterator[str]:
    before, now = (dict(leaves(OmegaConf.to_container(one))) for one in (base, wanted))
    for key, value in now.items():
        if key.split(".")[0] in OWN or (key in before and before[key] == value):
            continue
        yield f"{'' if key in before else '+'}{key}={as_word(value)}"
