from typing import Any

import pytest

from ser.augment.specaugment import SpecAugment
from ser.config.build import build
from ser.config.checks import check_choice, check_range
from ser.corpora.ravdess import Ravdess
from ser.errors import ConfigError, CorpusError, SerError, SettingError
from ser.features.melspec import MelSpectrogram
from ser.models.resnet import ResNet
from ser.splits.by_clip import KFold
from ser.splits.by_speaker import PublishedFolds
from tests import components

MEL = components.settings("feature/melspec")
NET = components.settings("model/resnet", width=4)
GIVEN = {
    "model": {"n_bands": 16, "n_channels": 1, "n_classes": 3},
    "augment": {"n_channels": 1, "sample_rate": 16_000},
}
KFOLD = components.settings("split/kfold")
PUBLISHED = components.settings("split/emobox")
SPECAUGMENT = components.settings("augment/specaugment", time_warp=2)
PICTURE = components.settings("feature/spectrogram")


def test_builds_with_settings_and_what_code_gives() -> None:
    feature = build("feature", {**MEL, "n_bands": 16, "hop_s": 0.02})
    assert isinstance(feature, MelSpectrogram)
    assert (feature.n_bands, feature.hop) == (16, 320)
    model = build("model", {**NET, "depth": 10}, **GIVEN["model"])
    assert isinstance(model, ResNet)
    assert model.output.out_features == 3


def test_settings_are_left_as_they_were() -> None:
    settings = {**MEL, "n_bands": 16}
    build("feature", settings)
    assert settings == {**MEL, "n_bands": 16}


def test_an_unknown_key_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"feature\.n_mels: .*n_bands"):
        build("feature", {**MEL, "n_mels": 16})


def test_values_as_an_agent_writes_them() -> None:
    feature = build("feature", {**MEL, "n_bands": 16.0, "trim_db": "None"})
    assert (feature.n_bands, type(feature.n_bands), feature.trim_db) == (16, int, None)


WRONG = [
    ("feature", {**MEL, "n_bands": "many"}, "n_bands"),
    ("feature", {**MEL, "n_bands": 16.5}, "n_bands"),
    ("feature", {**MEL, "n_bands": True}, "n_bands"),
    ("feature", {**MEL, "n_bands": None}, "n_bands"),
    ("feature", {**MEL, "hop_s": "0.01"}, "hop_s"),
    ("feature", {**MEL, "hop_s": False}, "hop_s"),
    ("feature", {**MEL, "trim_db": "much"}, "trim_db"),
    ("feature", {**MEL, "trim_db": True}, "trim_db"),
    ("feature", {**MEL, "sample_rate": [16000]}, "sample_rate"),
    ("model", {**NET, "pool": 1}, "pool"),
    ("model", {**NET, "dropout": "0.1"}, "dropout"),
    ("model", components.settings("model/finetune", checkpoint=5), "checkpoint"),
    ("split", {**KFOLD, "fold": True}, "fold"),
    ("split", {**KFOLD, "fold": 1.5}, "fold"),
    ("split", {**KFOLD, "fold": None}, "fold"),
    ("split", {**KFOLD, "seed": "zero"}, "seed"),
    ("corpus", components.settings("corpus/ravdess", root=None), "root"),
    ("corpus", components.settings("corpus/ravdess", root=5), "root"),
    ("split", {**PUBLISHED, "test_speakers": 3}, "test_speakers"),
    (
        "split",
        {**PUBLISHED, "test_speakers": [[1], [2]]},
        "test_speakers",
    ),
]


@pytest.mark.parametrize(("group", "settings", "key"), WRONG, ids=[f"{g}.{k}={s[k]}" for g, s, k in WRONG])
def test_a_value_of_the_wrong_type_is_refused_by_name(group: str, settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{group}\.{key}"):
        build(group, settings, **GIVEN.get(group, {}))


OUT_OF_RANGE = [
    ("feature", {**MEL, "n_bands": 0}, "n_bands"),
    ("feature", {**MEL, "hop_s": 0}, "hop_s"),
    ("feature", {**MEL, "window_s": 1e9}, "window_s"),
    ("feature", {**MEL, "sample_rate": -1}, "sample_rate"),
    ("feature", {**MEL, "trim_db": -20.0}, "trim_db"),
    ("feature", {**MEL, "trim_db": 0}, "trim_db"),
    ("feature", {**MEL, "dynamic_range_db": -80.0}, "dynamic_range_db"),
    ("feature", {**MEL, "f_min_hz": 5000.0, "f_max_hz": 4000.0}, "f_m"),
    ("feature", {**MEL, "f_min_hz": -1.0}, "f_min_hz"),
    ("feature", {**MEL, "f_max_hz": 1e6}, "f_max_hz"),
    ("feature", {**PICTURE, "dynamic_range_db": 0}, "dynamic_range_db"),
    ("feature", {**PICTURE, "colormap": "mud"}, "colormap"),
    ("feature", {**PICTURE, "trim_db": -1}, "trim_db"),
    ("model", {**NET, "depth": 19}, "depth"),
    ("model", {**NET, "dropout": 1}, "dropout"),
    ("model", {**NET, "dropout": float("nan")}, "dropout"),
    ("model", {**NET, "pool": "max"}, "pool"),
    ("model", {**NET, "width": 0}, "width"),
    ("split", {**KFOLD, "k": 1}, "k"),
    ("split", {**KFOLD, "seed": -1}, "seed"),
    ("split", {**KFOLD, "val_fraction": 0}, "val_fraction"),
    ("split", {**KFOLD, "val_fraction": 0.9}, "val_fraction"),
    ("split", components.settings("split/random", test_fraction=1.0), "test_fraction"),
    ("augment", components.settings("augment/specaugment", time_mask=1.1), "time_mask"),
    ("augment", components.settings("augment/none", mixup=-0.1), "mixup"),
    ("optim", components.settings("optim/onecycle", lr=0), "lr"),
    ("optim", components.settings("optim/cosine", lr=float("inf")), "lr"),
]


@pytest.mark.parametrize(
    ("group", "settings", "key"), OUT_OF_RANGE, ids=[f"{g}.{k}-{n}" for n, (g, _, k) in enumerate(OUT_OF_RANGE)]
)
def test_a_value_out_of_range_is_refused_by_name(group: str, settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{group}\.{key}"):
        build(group, settings, **GIVEN.get(group, {}))


def test_null_and_whole_numbers_stand_where_they_may() -> None:
    assert build("feature", {**MEL, "trim_db": None}).trim_db is None
    assert build("feature", {**MEL, "trim_db": 30}).trim_db == 30
    assert isinstance(build("split", {**KFOLD, "fold": "all"}), KFold)
    assert isinstance(build("corpus", components.settings("corpus/ravdess", root="~/x")), Ravdess)


def test_lists_arrive_as_plain_lists() -> None:
    settings = {**PUBLISHED, "test_speakers": [["a"], ["b"]]}
    protocol = build("split", settings)
    assert isinstance(protocol, PublishedFolds)
    assert type(protocol.test_speakers) is list
    assert type(protocol.test_speakers[0]) is list


@pytest.mark.parametrize("target", [None, "ser.models.absent.Net", "ser.models.resnet.Absent", "nonsense"])
def test_a_target_that_is_not_there_is_refused(target: str | None) -> None:
    """One message for a user's own component with a slip in its name."""
    settings = {} if target is None else {"_target_": target}
    with pytest.raises(SerError, match="model"):
        build("model", settings, **GIVEN["model"])


def test_a_missing_setting_is_refused() -> None:
    settings = {key: value for key, value in PUBLISHED.items() if key != "test_speakers"}
    with pytest.raises(ConfigError, match=r"^split\.test_speakers is missing; it must be a list: \[a list: \[text, "):
        build("split", settings)


def test_check_range() -> None:
    for value in (0, 0.5, 1):
        check_range("a.b", value, 0, 1)
    for value in (-0.001, 1.001, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=r"a\.b must lie between 0 and 1"):
            check_range("a.b", value, 0, 1)


def test_check_choice() -> None:
    check_choice("a.b", "x", iter(["x", "y"]))
    with pytest.raises(ConfigError, match=r"a\.b must be one of x, y; got 'z'"):
        check_choice("a.b", "z", iter(["x", "y"]))


def test_a_setting_is_named_within_what_it_belongs_to() -> None:
    """By its own name to whoever makes the component; with the group's before it; with both, where one holds another"""
    with pytest.raises(SettingError, match=r"^time_warp must lie between 0 and 0\.9; got 2"):
        SpecAugment(**{key: value for key, value in SPECAUGMENT.items() if key != "_target_"}, **GIVEN["augment"])
    with pytest.raises(SettingError, match=r"^augment\.time_warp must lie between 0 and 0\.9; got 2"):
        build("augment", SPECAUGMENT, **GIVEN["augment"])
    with pytest.raises(SettingError, match=r"^augment\.specaugment\.time_warp must lie between 0 and 0\.9; got 2"):
        build("augment", components.settings("augment/all", specaugment=SPECAUGMENT), **GIVEN["augment"])


class Refusing:
    """Refuses for a reason that is no setting's."""

    def __init__(self) -> None:
        raise CorpusError("table.csv: is empty")


def test_what_is_no_setting_s_fault_is_said_as_it_is() -> None:
    with pytest.raises(CorpusError, match=r"^table\.csv: is empty"):
        build("corpus", {"_target_": f"{__name__}.Refusing"})
