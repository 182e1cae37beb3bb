"""The command that trains a trial again, as one run without the search."""

from collections.abc import Iterator
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ser.run_folder import leaves

OWN = ("hydra", "sweep", "experiment", "resume", "ckpt_path")


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
        f"{group}={choice}"
        for group, choice in sorted(wanted.hydra.runtime.choices.items())
        if "/" not in group and group not in OWN and choice is not None and choice != before.get(group)
    ]
    return [*choices, *_settings(loader.load_configuration(name, choices, RunMode.RUN), wanted)]


def _settings(base: DictConfig, wanted: DictConfig) -> Iterator[str]:
    before, now = (dict(leaves(OmegaConf.to_container(one))) for one in (base, wanted))
    for key, value in now.items():
        if key.split(".")[0] in OWN or (key in before and before[key] == value):
            continue
        yield f"{'' if key in before else '+'}{key}={_word(key, value)}"


def _word(key: str, value: Any) -> str:
    """A value as an override has it: text in quotes where it would be read as something else.

    >>> _word("corpus.root", "my clips (1)"), _word("model.pools", [2, 2]), _word("corpus.root", "2026")
    ("'my clips (1)'", '[2,2]', "'2026'")
    """
    if not isinstance(value, str):
        return Override._get_value_element_as_str(value)
    try:
        is_plain = OverridesParser.create().parse_override(f"{key}={value}").value() == value
    except HydraException:
        is_plain = False
    return value if is_plain else QuotedString(value, Quote.single).with_quotes()
