from typing import Any

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser.errors import ConfigError
from ser.features.melspec import MelSpectrogram
from tests.components import make
from tests.conftest import assert_padding_changes_nothing, noise


def oracle(feature: MelSpectrogram, clip: Tensor, **settings: float | int | None) -> Tensor:
    mel = librosa.feature.melspectrogram(
        y=clip.numpy(),
        sr=feature.sample_rate,
        hop_length=feature.hop,
        n_mels=feature.n_bands,
        pad_mode="constant",
        norm="slaney",
        htk=False,
        **settings,
    )
    return torch.from_numpy(librosa.power_to_db(mel, top_db=feature.dynamic_range_db))


CASES = [
    ({}, {"n_fft": 1024}),
    ({"n_bands": 128, "hop_s": 0.016}, {"n_fft": 1024}),
    ({"window_s": 0.025, "n_bands": 40, "sample_rate": 22_050}, {"n_fft": 2048, "win_length": 551}),
    ({"window_s": 0.008, "hop_s": 0.004, "n_bands": 40}, {"n_fft": 1024, "win_length": 128}),
    ({"window_s": 0.1, "hop_s": 0.02, "n_bands": 128}, {"n_fft": 2048, "win_length": 1600}),
    ({"f_min_hz": 50.0, "f_max_hz": 7000.0, "n_bands": 32}, {"n_fft": 1024, "fmin": 50.0, "fmax": 7000.0}),
    ({"dynamic_range_db": 15.0}, {"n_fft": 1024}),
]


@pytest.mark.parametrize(("settings", "of_librosa"), CASES)
@pytest.mark.parametrize("n_samples", [400, 8000, 12_345])
def test_agrees_with_librosa(settings: dict[str, float], of_librosa: dict[str, float], n_samples: int) -> None:
    feature = make("feature/melspec", **settings)
    [clip] = noise(n_samples)
    clip = clip * torch.linspace(1, 1e-4, n_samples)
    frames, lengths = feature(clip[None], torch.tensor([n_samples]))
    expected = oracle(feature, clip, **of_librosa)
    assert lengths.tolist() == [frames.shape[-1]]
    assert frames.shape == (1, feature.n_bands, expected.shape[-1])
    torch.testing.assert_close(frames[0], expected, atol=1e-3, rtol=0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("window_s", [0.002, 0.005, 0.016, 0.025, 0.064, 0.1, 1.0])
@pytest.mark.parametrize(("sample_rate", "n_bands"), [(8000, 64), (16_000, 40), (16_000, 64), (48_000, 64)])
def test_no_band_is_empty_whatever_the_window(window_s: float, sample_rate: int, n_bands: int) -> None:
    feature = make("feature/melspec", sample_rate=sample_rate, window_s=window_s, hop_s=0.002, n_bands=n_bands)
    assert (feature.mel.mel_scale.fb.sum(dim=0) > 0).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("settings", [{"n_bands": 512}, {"f_max_hz": 400.0}])
def test_bands_too_narrow_for_the_spectrum_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"feature\.n_bands=.* empty, .* 15\.6 Hz; set fewer bands or a longer"):
        make("feature/melspec", **settings)
    make("feature/melspec", **settings, window_s=0.3)


@pytest.mark.parametrize("deltas", [1, 2])
def test_deltas_stand_behind_the_mel_spectrogram(deltas: int) -> None:
    [clip] = noise(6000)
    plain, lengths = make("feature/melspec", n_bands=16)(clip[None], torch.tensor([6000]))
    feature = make("feature/melspec", n_bands=16, deltas=deltas)
    assert (feature.n_channels, feature.n_bands) == (1 + deltas, 16 * (1 + deltas))
    frames, n_frames = feature(clip[None], torch.tensor([6000]))
    assert torch.equal(n_frames, lengths)
    assert torch.equal(frames[:, :16], plain)
    for order in range(1, deltas + 1):
        expected = librosa.feature.delta(plain[0].numpy(), order=order, mode="nearest")
        torch.testing.assert_close(frames[0, 16 * order :][:16], torch.from_numpy(expected), atol=1e-4, rtol=0)


def test_a_tone_lies_in_its_band() -> None:
    feature = make("feature/melspec")
    edges = librosa.mel_frequencies(feature.n_bands + 2, fmin=0, fmax=8000)
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 16_000)
    frames, _ = feature(tone[None], torch.tensor([8000]))
    band = int(frames[0].mean(dim=-1).argmax())
    assert edges[band] < 1000 < edges[band + 2]


def test_batch_equals_single_and_padding_changes_nothing() -> None:
    feature = make("feature/melspec", n_bands=16)
    clips = [clip * level for clip, level in zip(noise(4000, 2500, 1600, 5001), (1, 0.01, 0.3, 1e-4), strict=True)]
    assert_padding_changes_nothing(feature, clips, atol=1e-4)


def test_the_range_is_each_clip_s_own() -> None:
    """A loud transient as a clip's very last samples sets its range, in a batch too, and nobody else's."""
    [quiet, other] = noise(4159, 6000)  # one sample more would be another frame, which the transient reaches
    ending = quiet * 1e-4
    ending[-8:] = 0.9
    feature = make("feature/melspec", n_bands=16, hop_s=0.01, dynamic_range_db=40.0)
    batch = pad_sequence([ending, quiet * 1e-4, other], batch_first=True)
    frames, n_frames = feature(batch, torch.tensor([4159, 4159, 6000]))
    real = [row[:, :count] for row, count in zip(frames, n_frames, strict=True)]
    assert real[0].max() > real[0].min() + 39.9
    assert (real[0][:, :10] == real[0].max() - 40).all()  # the quiet beginning is cut off at 40 dB below the end
    assert real[1].max() < real[0].max() - 40
    for row, clip in zip(real, (ending, quiet * 1e-4, other), strict=True):
        torch.testing.assert_close(row, oracle(feature, clip, n_fft=1024), atol=1e-3, rtol=0)


def test_gradients_flow_to_the_waveform() -> None:
    [clip] = noise(4000)
    clip.requires_grad_()
    make("feature/melspec", n_bands=16)(clip[None], torch.tensor([4000]))[0].sum().backward()
    assert clip.grad is not None
    assert clip.grad.isfinite().all()
    assert clip.grad.abs().sum() > 0


def test_digital_silence_gives_finite_frames() -> None:
    frames, _ = make("feature/melspec", n_bands=16)(torch.zeros(2, 2000), torch.tensor([2000, 500]))
    assert frames.isfinite().all()
    assert np.ptp(frames.numpy()) == 0
