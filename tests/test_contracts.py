"""What every shipped feature and model promises: found by looking, so that a new one is covered without being named.

Features are held to it on clips of noise, models on random frames of several shapes, of which any feature's is one.
"""

import inspect
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser.config.build import build
from ser.features.base import Feature
from ser.layers.mask import frame_mask
from ser.models.base import Model, SolvedModel, WaveformModel
from tests import components
from tests.conftest import without_hub

N_CLASSES = 4
SECONDS = (0.9, 0.5, 0.31, 0.1)
SHAPES = {"one channel": (24, 1), "three channels": (3 * 20, 3), "high": (200, 1)}  # bands in all, channels


@cache
def make_feature(name: str) -> Feature:
    torch.manual_seed(0)
    feature: Feature = build("feature", without_hub(components.settings(f"feature/{name}")))
    return feature.eval()


def make_model(name: str, n_bands: int, n_channels: int) -> Model:
    torch.manual_seed(0)
    given = {"n_bands": n_bands, "n_channels": n_channels, "n_classes": N_CLASSES}
    model: Model = build("model", without_hub(components.settings(f"model/{name}")), **given)
    return model


def noise(sample_rate: int) -> tuple[Tensor, Tensor]:
    """A batch of clips of different length and level."""
    generator = torch.Generator().manual_seed(0)
    lengths = [round(seconds * sample_rate) for seconds in SECONDS]
    clips = [0.5**i * (torch.rand(length, generator=generator) - 0.5) for i, length in enumerate(lengths)]
    return pad_sequence(clips, batch_first=True), torch.tensor(lengths)


def model_input(model: Model, n_bands: int) -> tuple[Tensor, Tensor]:
    """What a model is given: random frames with mean 0 and deviation 1, or the noise itself."""
    if isinstance(model, WaveformModel):
        waveforms, lengths = noise(model.sample_rate)
        return waveforms[:, None], lengths
    lengths = torch.tensor([round(seconds * 100) for seconds in SECONDS])
    made = torch.randn(len(lengths), n_bands, int(lengths.max()), generator=torch.Generator().manual_seed(0))
    return made * frame_mask(lengths, made.shape[-1])[:, None], lengths


def answer(model: Model, features: Tensor, n_frames: Tensor) -> Tensor:
    """A model's, to frames, or to its statistics over them."""
    heard = model.statistics(features, n_frames) if isinstance(model, SolvedModel) else (features, n_frames)
    log_probabilities: Tensor = model(*heard)
    return log_probabilities


features = pytest.mark.parametrize("feature_name", components.names("feature"))
models = pytest.mark.parametrize("model_name", components.names("model"))


def shapes_of(model_name: str) -> dict[str, tuple[int, int]]:
    listens = issubclass(components.target(f"model/{model_name}"), WaveformModel)
    return {"waveform": (1, 1)} if listens else SHAPES


of_each_shape = pytest.mark.parametrize(
    ("model_name", "n_bands", "n_channels"),
    [
        pytest.param(name, *shape, id=f"{name}, {word}")
        for name in components.names("model")
        for word, shape in shapes_of(name).items()
    ],
)


@features
@torch.no_grad()
def test_feature_shapes(feature_name: str) -> None:
    feature = make_feature(feature_name)
    assert isinstance(feature, Feature)
    assert type(feature.sample_rate) is int
    assert feature.trim_db is None or feature.trim_db > 0
    assert feature.n_bands % (feature.n_layers * feature.n_channels) == 0
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
    target = components.target(f"model/{model_name}")
    assert issubclass(target, Model)
    assert {"n_bands", "n_channels", "n_classes"} <= inspect.signature(target).parameters.keys()


@of_each_shape
@torch.no_grad()
def test_model_padding_changes_nothing(model_name: str, n_bands: int, n_channels: int) -> None:
    model = make_model(model_name, n_bands, n_channels).eval()
    features, n_frames = model_input(model, n_bands)
    together = answer(model, features, n_frames)
    assert together.shape == (len(features), N_CLASSES)
    torch.testing.assert_close(together.exp().sum(dim=1), torch.ones(len(features)))
    more = answer(model, F.pad(features, (0, 37)), n_frames)
    torch.testing.assert_close(more, together, atol=1e-4, rtol=1e-4)
    for row, count, result in zip(features, n_frames, together, strict=True):
        alone = answer(model, row[None, :, :count], count[None])
        torch.testing.assert_close(alone[0], result, atol=1e-4, rtol=1e-4)


@of_each_shape
def test_model_gradients_flow(model_name: str, n_bands: int, n_channels: int) -> None:
    model = make_model(model_name, n_bands, n_channels).train()
    features, n_frames = model_input(model, n_bands)
    F.nll_loss(answer(model, features, n_frames), torch.arange(len(features)) % N_CLASSES).backward()
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained
    for name, parameter in trained.items():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert sum(float(parameter.grad.abs().sum()) > 0 for parameter in trained.values()) > 0.95 * len(trained)  # type: ignore[union-attr]


@of_each_shape
@torch.no_grad()
def test_model_takes_the_shortest_clip(model_name: str, n_bands: int, n_channels: int) -> None:
    model = make_model(model_name, n_bands, n_channels).eval()
    shortest = answer(model, torch.randn(1, n_bands, 1), torch.tensor([1]))
    torch.testing.assert_close(shortest.exp().sum(), torch.tensor(1.0))
