import librosa
import matplotlib
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tests.components import make


def noise(*lengths: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(length, generator=generator) - 0.5 for length in lengths]


def picture(frames: Tensor, height: int) -> Tensor:
    """(bands, frames) as an image (height, frames, 3)."""
    return frames.reshape(3, height, -1).permute(1, 2, 0)


def oracle(clip: Tensor, *, height: int, hop: int, range_db: float, colormap: str) -> npt.NDArray[np.float64]:
    """As librosa and Matplotlib draw it: (height, frames, 3)."""
    magnitude = np.abs(librosa.stft(clip.numpy(), n_fft=1024, hop_length=hop, pad_mode="constant"))
    decibels = librosa.amplitude_to_db(magnitude, ref=np.max, amin=1e-10, top_db=range_db)
    edges = [(row * 513 // height, -(-(row + 1) * 513 // height)) for row in range(height)]
    rows = np.stack([decibels[low:high].mean(axis=0) for low, high in edges])
    drawn: npt.NDArray[np.float64] = matplotlib.colormaps[colormap]((rows - rows.max()) / range_db + 1)[..., :3]
    return drawn


@pytest.mark.parametrize(
    ("height", "range_db", "colormap"), [(128, 80, "viridis"), (513, 80, "viridis"), (64, 20, "magma")]
)
def test_agrees_with_librosa_and_matplotlib(height: int, range_db: float, colormap: str) -> None:
    feature = make("feature/spectrogram", height=height, dynamic_range_db=range_db, colormap=colormap)
    [clip] = noise(9000)
    clip = clip * torch.linspace(1, 1e-5, 9000)
    frames, lengths = feature(clip[None], torch.tensor([9000]))
    assert (feature.n_channels, feature.n_bands) == (3, 3 * height)
    assert frames.shape == (1, 3 * height, int(lengths[0]))
    drawn = picture(frames[0], height).numpy()
    expected = oracle(clip, height=height, hop=feature.hop, range_db=range_db, colormap=colormap)
    step = np.abs(np.diff(matplotlib.colormaps[colormap](np.arange(256))[:, :3], axis=0)).max()
    # One of 256 colours at most beside it: rounding goes to the nearest here, down in Matplotlib.
    np.testing.assert_allclose(drawn, expected, atol=1.01 * step)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 20


def test_values_are_colours() -> None:
    clips = pad_sequence(noise(3000, 5000), batch_first=True)
    frames, _ = make("feature/spectrogram")(clips, torch.tensor([3000, 5000]))
    assert frames.min() >= 0
    assert frames.max() <= 1


def test_low_frequencies_come_first() -> None:
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 16_000)
    frames, _ = make("feature/spectrogram", height=128)(tone[None], torch.tensor([8000]))
    green = picture(frames[0], 128)[..., 1]  # rises along viridis
    assert int(green.mean(dim=1).argmax()) in (15, 16)  # 1000 Hz is the border between these rows


def test_batch_equals_single_and_padding_changes_nothing() -> None:
    feature = make("feature/spectrogram", height=32, hop_s=0.016)
    clips = [clip * level for clip, level in zip(noise(4000, 2500, 1791), (1, 0.01, 0.3), strict=True)]
    clips[2][-8:] = 0.9  # a loud transient at the very end; one sample more would be another frame
    lengths = torch.tensor([len(clip) for clip in clips])
    padded = pad_sequence([*clips, torch.zeros(9000)], batch_first=True)[:-1]
    frames, n_frames = feature(padded, lengths)
    for row, count, clip in zip(frames, n_frames, clips, strict=True):
        alone, [alone_count] = feature(clip[None], torch.tensor([len(clip)]))
        assert count == alone_count == alone.shape[-1]
        differing = (row[:, :count] - alone[0]).abs() > 1e-6
        assert differing.float().mean() < 1e-3  # a level may fall to the other side of a colour's border
        torch.testing.assert_close(row[:, :count], alone[0], atol=0.02, rtol=0)


def test_loudness_does_not_change_the_picture() -> None:
    [clip] = noise(4000)
    feature = make("feature/spectrogram", height=32)
    loud, quiet = (feature(level * clip[None], torch.tensor([4000]))[0] for level in (1.0, 0.01))
    torch.testing.assert_close(loud, quiet, atol=0.02, rtol=0)


def test_digital_silence_gives_finite_frames() -> None:
    frames, _ = make("feature/spectrogram", height=32)(torch.zeros(1, 2000), torch.tensor([2000]))
    assert frames.isfinite().all()
