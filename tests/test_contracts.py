"""What every shipped feature and model promises: found by looking, so that a new one is covered without being named."""

import inspect
from functools import cache
from itertools import product
from typing import Any

import hydra.utils
import pytest
import torch
import torch.nn.functional as F
from conftest import without_hub
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser.config.build import build
from ser.config.places import conf_dir
from ser.config.schema import register
from ser.features.base import Feature, Normalization
from ser.layers.mask import frame_mask
from ser.models.base import Model

N_CLASSES = 4
SECONDS = (0.9, 0.5, 0.31, 0.1)


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


def settings(group: str, name: str) -> dict[str, Any]:
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed: Any = OmegaConf.to_container(compose("train", overrides=[f"{group}={name}"])[group], resolve=True)
    return without_hub(composed)


@cache
def target_of(group: str, name: str) -> Any:
    """The class of a component."""
    return hydra.utils.get_object(settings(group, name)["_target_"])


@cache
def make_feature(name: str) -> Feature:
    torch.manual_seed(0)
    feature: Feature = build("feature", settings("feature", name))
    return feature.eval()


def make_model(name: str, feature: Feature) -> Model:
    torch.manual_seed(0)
    model: Model = build(
        "model",
        settings("model", name),
        n_bands=feature.n_bands,
        n_channels=feature.n_channels,
        n_classes=N_CLASSES,
    )
    model.begin()
    return model


def noise(sample_rate: int) -> tuple[Tensor, Tensor]:
    """A batch of clips of different length and level."""
    generator = torch.Generator().manual_seed(0)
    lengths = [round(seconds * sample_rate) for seconds in SECONDS]
    clips = [0.5**i * (torch.rand(length, generator=generator) - 0.5) for i, length in enumerate(lengths)]
    return pad_sequence(clips, batch_first=True), torch.tensor(lengths)


@cache
def normalized(name: str) -> tuple[Tensor, Tensor]:
    """Features of the noise as a model sees them."""
    feature = make_feature(name)
    with torch.no_grad():
        frames, n_frames = feature(*noise(feature.sample_rate))
        if feature.is_waveform:
            return frames, n_frames
        normalization = Normalization(feature.n_bands)
        normalization.fit([(frames, n_frames)])
        features: Tensor = normalization(frames, n_frames)
    return features, n_frames


features = pytest.mark.parametrize("feature_name", names("feature"))
models = pytest.mark.parametrize("model_name", names("model"))


def go_together(feature_name: str, model_name: str) -> bool:
    """A model takes either waveforms or frames."""
    is_waveform: bool = target_of("feature", feature_name).is_waveform
    takes_waveforms: bool = target_of("model", model_name).takes_waveforms
    return is_waveform == takes_waveforms


pairs = pytest.mark.parametrize(
    ("feature_name", "model_name"),
    [pair for pair in product(names("feature"), names("model")) if go_together(*pair)],
)


@features
@torch.no_grad()
def test_feature_shapes(feature_name: str) -> None:
    feature = make_feature(feature_name)
    assert isinstance(feature, Feature)
    assert type(feature.sample_rate) is int
    assert feature.trim_db is None or feature.trim_db > 0
    assert feature.n_bands % feature.n_channels == 0
    waveforms, lengths = noise(feature.sample_rate)
    frames, n_frames = feature(waveforms, lengths)
    assert frames.dtype == torch.float32
    assert frames.shape[:2] == (len(waveforms), feature.n_bands)
    assert n_frames.shape == lengths.shape
    assert not n_frames.is_floating_point()
    assert int(n_frames.max()) <= frames.shape[-1]
    assert n_frames.tolist() == sorted(n_frames.tolist(), reverse=True)  # as the clips
    assert int(n_frames.min()) >= 1
    real = frames.transpose(1, 2)[frame_mask(n_frames, frames.shape[-1])]
    assert real.isfinite().all()
    assert real.std() > 0


@features
@torch.no_grad()
def test_feature_padding_changes_nothing(feature_name: str) -> None:
    feature = make_feature(feature_name)
    waveforms, lengths = noise(feature.sample_rate)
    frames, n_frames = feature(waveforms, lengths)
    more_frames, more_counts = feature(F.pad(waveforms, (0, 7777)), lengths)
    assert torch.equal(more_counts, n_frames)
    for i, (length, count) in enumerate(zip(lengths, n_frames, strict=True)):
        alone, [alone_count] = feature(waveforms[i : i + 1, :length], length[None])
        assert alone_count == count
        for other in (alone[0], more_frames[i]):
            differing = (frames[i, :, :count] - other[:, :count]).abs() > 1e-3
            assert differing.float().mean() < 1e-3  # a quantised value may fall to the other side of a border


@features
@torch.no_grad()
def test_feature_gives_the_same_twice_and_leaves_its_input(feature_name: str) -> None:
    feature = make_feature(feature_name)
    waveforms, lengths = noise(feature.sample_rate)
    before = waveforms.clone()
    first, second = feature(waveforms, lengths), feature(waveforms, lengths)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert torch.equal(waveforms, before)


@features
@torch.no_grad()
def test_feature_of_constant_samples_is_finite(feature_name: str) -> None:
    feature = make_feature(feature_name)
    n_samples = feature.sample_rate // 10
    waveforms = torch.tensor([0.0, 1.0, 1e-5])[:, None].repeat(1, n_samples)
    assert feature(waveforms, torch.full((3,), n_samples))[0].isfinite().all()


@models
def test_a_model_takes_what_the_code_gives(model_name: str) -> None:
    target = target_of("model", model_name)
    assert issubclass(target, Model)
    assert {"n_bands", "n_channels", "n_classes"} <= inspect.signature(target).parameters.keys()


@pairs
@torch.no_grad()
def test_model_padding_changes_nothing(feature_name: str, model_name: str) -> None:
    model = make_model(model_name, make_feature(feature_name)).eval()
    frames, n_frames = normalized(feature_name)
    together = model(frames, n_frames)
    assert together.shape == (len(frames), N_CLASSES)
    torch.testing.assert_close(together.exp().sum(dim=1), torch.ones(len(frames)))
    more = model(F.pad(frames, (0, 37)), n_frames)
    torch.testing.assert_close(more, together, atol=1e-4, rtol=1e-4)
    for row, count, result in zip(frames, n_frames, together, strict=True):
        alone = model(row[None, :, :count], count[None])
        torch.testing.assert_close(alone[0], result, atol=1e-4, rtol=1e-4)


@pairs
def test_model_gradients_flow(feature_name: str, model_name: str) -> None:
    model = make_model(model_name, make_feature(feature_name)).train()
    frames, n_frames = normalized(feature_name)
    F.nll_loss(model(frames, n_frames), torch.arange(len(frames)) % N_CLASSES).backward()
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained
    for name, parameter in trained.items():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert sum(float(parameter.grad.abs().sum()) > 0 for parameter in trained.values()) > 0.95 * len(trained)  # type: ignore[union-attr]


@pairs
@torch.no_grad()
def test_model_takes_the_shortest_clip(feature_name: str, model_name: str) -> None:
    feature = make_feature(feature_name)
    model = make_model(model_name, feature).eval()
    answer = model(torch.randn(1, feature.n_bands, 1), torch.tensor([1]))
    torch.testing.assert_close(answer.exp().sum(), torch.tensor(1.0))
