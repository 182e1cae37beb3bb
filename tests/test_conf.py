"""Every shipped configuration: found by looking, so that a new one is covered without being named."""

import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ser.config.build import build
from ser.config.places import conf_dir
from ser.config.schema import Config, read_config, register
from ser.errors import ConfigError
from tests import components
from tests.components import names
from tests.conftest import without_hub

FILES = sorted(path.relative_to(conf_dir()).with_suffix("") for path in conf_dir().rglob("*.yaml"))
CHOICES = [  # what is shared begins with _
    (file.parent.as_posix(), file.name) for file in FILES if len(file.parts) > 1 and not file.parts[0].startswith("_")
]
IDS = ["=".join(choice) for choice in CHOICES]
COMPONENTS = {"corpus", "split", "feature", "augment", "model", "optim"}
GIVEN_BY_CODE = {
    "model": {"n_bands": 24, "n_channels": 3, "n_classes": 4},
    "augment": {"n_channels": 3, "sample_rate": 16000},
}


@pytest.fixture(autouse=True)
def composing() -> Iterator[None]:
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield


def composed(*overrides: str) -> DictConfig:
    return compose("train", overrides=list(overrides))


def chosen(group: str, name: str) -> DictConfig:
    known = group in {field.name for field in fields(Config)} or group.startswith("hydra/")
    return composed(f"{group}={name}" if known else f"+{group}={name}")


def test_the_default_composes() -> None:
    cfg = composed()
    assert not OmegaConf.missing_keys(cfg)
    assert {field.name for field in fields(Config)} == set(cfg)
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize(("group", "name"), CHOICES, ids=IDS)
def test_every_choice_composes(group: str, name: str) -> None:
    OmegaConf.to_container(chosen(group, name), resolve=True, throw_on_missing=True)


def test_every_group_is_known() -> None:
    assert {group for group, _ in CHOICES} >= COMPONENTS


def test_what_repeats_stands_once() -> None:
    """What every protocol has is taken in, and is no choice itself."""
    shared = OmegaConf.load(conf_dir() / "_shared" / "split.yaml")
    own = {name: OmegaConf.load(conf_dir() / "split" / f"{name}.yaml") for name in names("split")}
    assert {(name, key) for name, settings in own.items() for key in settings if key in shared} == set()
    for name in own:
        assert shared.items() <= components.settings(f"split/{name}").items()


each_component = pytest.mark.parametrize(
    "choice", [f"{group}/{name}" for group, name in CHOICES if group in COMPONENTS]
)


@each_component
def test_every_component_is_built_and_each_value_stands_once(choice: str) -> None:
    """In its YAML file: no parameter has a default beside that, and code gives what no file can know."""
    settings, target = without_hub(components.settings(choice)), components.target(choice)
    group = choice.partition("/")[0]
    given = GIVEN_BY_CODE.get(group, {})
    parameters = inspect.signature(target).parameters.values()
    assert all(one.kind is one.KEYWORD_ONLY and one.default is one.empty for one in parameters)
    assert {one.name for one in parameters} - given.keys() == {key for key in settings if not key.startswith("_")}
    assert given.keys() <= {one.name for one in parameters}
    assert isinstance(build(group, settings, **given), target)


@each_component
def test_every_component_refuses_an_unknown_key(choice: str) -> None:
    group = choice.partition("/")[0]
    with pytest.raises(ConfigError, match=rf"^{group}\.nonsense: no such setting"):
        build(group, components.settings(choice, nonsense=1), **GIVEN_BY_CODE.get(group, {}))


@pytest.mark.parametrize("name", names("trainer"))
def test_every_trainer_is_allowed_where_it_can_run(name: str, tmp_path: Path) -> None:
    import torch

    from ser.training.trainer import check_trainer

    config = read_config(composed(f"trainer={name}"))
    has = {"gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if has.get(config.trainer["accelerator"], True):
        check_trainer(config, tmp_path)
    else:
        with pytest.raises(ConfigError, match=rf"trainer\.accelerator={name}"):
            check_trainer(config, tmp_path)


@pytest.mark.parametrize("name", names("split"))
def test_a_split_is_called_what_its_file_is_called(name: str) -> None:
    """The name on the command line is the name in the report."""
    assert components.settings(f"split/{name}")["name"] == name


@pytest.mark.parametrize("name", names("experiment"))
def test_an_experiment_is_a_small_change_that_the_command_line_can_override(name: str) -> None:
    text = (conf_dir() / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# @package _global_")
    assert len(text.splitlines()) < 25
    cfg = composed(f"experiment={name}", "epochs=3", "seed=7", "split=random", "optim.lr=0.44")
    assert (cfg.epochs, cfg.seed, cfg.split.name, cfg.optim.lr) == (3, 7, "random", 0.44)
    assert composed(f"experiment={name}") != composed()


@pytest.mark.parametrize(
    "override",
    ["nonsense=1", "training.nonsense=1", "loss.nonsense=1", "paths.nonsense=1", "model.nonsense=1", "split.folds=2"],
)
def test_an_unknown_key_is_refused_by_name(override: str) -> None:
    with pytest.raises(HydraException, match=override.split("=")[0].split(".")[-1]):
        composed(override)


@pytest.mark.parametrize(
    "override",
    [
        "epochs=many",
        "epochs=1.5",
        "epochs=null",
        "batch_size=[1]",
        "seed=x",
        "loss.label_smoothing=much",
        "loss.class_weights=perhaps",
        "training.patience=long",
    ],
)
def test_a_wrong_type_is_refused_by_name(override: str) -> None:
    with pytest.raises((HydraException, OmegaConfBaseException)) as caught:
        composed(override)
    assert override.split("=")[0] in str(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize("override", ["model=absent", "feature=absent", "experiment=absent", "corpus=absent"])
def test_an_unknown_choice_is_answered_with_the_known_ones(override: str) -> None:
    group = override.split("=")[0]
    with pytest.raises(HydraException) as caught:
        composed(override)
    assert all(name in str(caught.value) for name in names(group))


def test_seed_0_is_a_seed() -> None:
    assert composed("seed=0").seed == 0
    assert composed().seed == 0
