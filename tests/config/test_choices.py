"""conf/ read without Hydra says what Hydra says."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from ser.config import choices
from ser.config.places import conf_dir
from ser.config.schema import register

GROUPS = choices.groups()


def test_the_groups_are_those_that_can_be_typed() -> None:
    assert list(GROUPS)[:3] == ["corpus", "labels", "split"]
    assert "hydra" not in GROUPS and not any(
        name.startswith("_") for names in [list(GROUPS), *GROUPS.values()] for name in names
    )
    assert all(chosen in GROUPS[group] for group, chosen in choices.defaults().items() if chosen and group != "hydra")


def test_a_choice_holds_what_hydra_finds_in_it() -> None:
    plain = {  # groups whose choices change nothing else
        group: names
        for group, names in GROUPS.items()
        if "@package" not in (conf_dir() / group / f"{names[0]}.yaml").read_text(encoding="utf-8")
    }
    assert len(plain) > 6
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        for row in range(max(map(len, plain.values()))):
            chosen = {group: names[row % len(names)] for group, names in plain.items()}
            cfg = compose("train", overrides=[f"{group}={name}" for group, name in chosen.items()])
            for group, name in chosen.items():
                assert choices.choice(group, name) == (OmegaConf.to_container(cfg[group]) or {}), name


def test_a_value_is_that_of_the_default_choice_or_of_the_first_that_has_it() -> None:
    assert choices.value("seed") == 0
    assert choices.value("loss.name") == "cross_entropy"
    assert choices.value("model.depth") == choices.choice("model", "resnet")["depth"]
    assert choices.value("corpus.download") is False
    with pytest.raises(KeyError):
        choices.value("model.absent")
