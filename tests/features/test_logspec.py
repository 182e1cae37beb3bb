import librosa
import numpy as np
import pytest
import torch

from ser.errors import ConfigError
from tests.components import make
from tests.conftest import assert_padding_changes_nothing, noise

CASES = [
    ({}, {"n_fft": 512}, 129),
    ({"window_s": 0.025, "f_max_hz": None}, {"n_fft": 512, "win_length": 400}, 257),
    ({"window_s": 0.1, "f_max_hz": 1000.0, "hop_s": 0.02}, {"n_fft": 2048, "win_length": 1600}, 129),
    ({"sample_rate": 22_050, "f_max_hz": 5000.0}, {"n_fft": 1024, "win_length": 706}, 233),
    ({"dynamic_range_db": 15.0}, {"n_fft": 512}, 129),
]


@pytest.mark.parametrize(("settings", "of_librosa", "n_rows"), CASES)
def test_agrees_with_librosa(settings: dict[str, float], of_librosa: dict[str, int], n_rows: int) -> None:
    feature = make("feature/logspec", **settings)
    [clip] = noise(9000)
    clip = clip * torch.linspace(1, 1e-4, 9000)
    frames, lengths = feature(clip[None], torch.tensor([9000]))
    stft = librosa.stft(clip.numpy(), hop_length=feature.hop, pad_mode="constant", **of_librosa)
    expected = librosa.power_to_db(np.abs(stft[:n_rows]) ** 2, top_db=feature.dynamic_range_db)
    assert (feature.n_channels, feature.n_bands) == (1, n_rows)
    assert lengths.tolist() == [expected.shape[-1]]
    torch.testing.assert_close(frames[0], torch.from_numpy(expected), atol=2e-3, rtol=0)


def test_a_tone_lies_in_its_row() -> None:
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 16_000)
    frames, _ = make("feature/logspec")(tone[None], torch.tensor([8000]))
    assert int(frames[0].mean(dim=1).argmax()) == 1000 * 512 / 16_000


@pytest.mark.parametrize("deltas", [0, 2])
def test_batch_equals_single_and_padding_changes_nothing(deltas: int) -> None:
    feature = make("feature/logspec", deltas=deltas)
    clips = [clip * level for clip, level in zip(noise(4000, 2500, 1599), (1, 0.01, 0.3), strict=True)]
    clips[1][-8:] = 0.9
    assert_padding_changes_nothing(feature, clips, atol=1e-3)


@pytest.mark.parametrize("f_max_hz", [50.0, 8001.0])
def test_a_highest_frequency_that_cannot_be_is_refused(f_max_hz: float) -> None:
    with pytest.raises(ConfigError, match=r"feature\.f_max_hz must lie between 100 and 8000"):
        make("feature/logspec", f_max_hz=f_max_hz)
