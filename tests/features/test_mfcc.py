import librosa
import pytest
import torch
from torch import Tensor

from ser.errors import ConfigError
from ser.features.mfcc import MFCC
from tests.components import make
from tests.conftest import assert_padding_changes_nothing, noise


def oracle(feature: MFCC, clip: Tensor, *, n_coefficients: int, n_bands: int, deltas: int) -> Tensor:
    mel = librosa.feature.melspectrogram(
        y=clip.numpy(), sr=16_000, n_fft=1024, hop_length=160, n_mels=n_bands, pad_mode="constant"
    )
    coefficients = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=80), n_mfcc=n_coefficients)
    parts = [librosa.feature.delta(coefficients, order=order, mode="nearest") for order in range(1, deltas + 1)]
    return torch.cat([torch.from_numpy(part) for part in (coefficients, *parts)])


@pytest.mark.parametrize(("n_coefficients", "n_bands", "deltas"), [(40, 64, 2), (13, 40, 1), (64, 64, 0)])
@pytest.mark.parametrize("n_samples", [1600, 12_345])
def test_agrees_with_librosa(n_coefficients: int, n_bands: int, deltas: int, n_samples: int) -> None:
    feature = make("feature/mfcc", n_coefficients=n_coefficients, n_bands=n_bands, deltas=deltas)
    assert (feature.n_channels, feature.n_bands) == (1 + deltas, (1 + deltas) * n_coefficients)
    [clip] = noise(n_samples)
    clip = clip * torch.linspace(1, 1e-5, n_samples)
    frames, lengths = feature(clip[None], torch.tensor([n_samples]))
    expected = oracle(feature, clip, n_coefficients=n_coefficients, n_bands=n_bands, deltas=deltas)
    assert frames.shape[1:] == expected.shape
    assert lengths.tolist() == [expected.shape[-1]]
    torch.testing.assert_close(frames[0], expected, atol=5e-3, rtol=0)


def test_batch_equals_single_and_padding_changes_nothing() -> None:
    feature = make("feature/mfcc", n_coefficients=13, n_bands=26)
    clips = [clip * level for clip, level in zip(noise(4000, 2500, 1600), (1, 0.01, 0.3), strict=True)]
    clips[1][-8:] = 0.9  # a loud ending, which deltas must not see falling off
    assert_padding_changes_nothing(feature, clips, atol=1e-3)


def test_loudness_is_in_the_0th_coefficient_alone() -> None:
    [clip] = noise(4000)
    loud, quiet = (
        make("feature/mfcc", deltas=0)(level * clip[None], torch.tensor([4000]))[0][0] for level in (1.0, 0.1)
    )
    torch.testing.assert_close(loud[1:], quiet[1:], atol=2e-3, rtol=0)
    torch.testing.assert_close(loud[0] - quiet[0], torch.full_like(loud[0], 20 * 64**0.5), atol=1e-2, rtol=0)


def test_more_coefficients_than_bands_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"feature\.n_coefficients must lie between 8 and 32; got 40"):
        make("feature/mfcc", n_bands=32)
