import librosa
import pytest
import torch
from torch import Tensor

from ser.errors import ConfigError
from ser.features.deltas import stack_deltas
from tests.components import make


def random_frames(*shape: int) -> Tensor:
    return 20 * torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("deltas", [0, 1, 2])
@pytest.mark.parametrize("n_frames", [1, 2, 5, 9, 60])
def test_agrees_with_librosa(deltas: int, n_frames: int) -> None:
    frames = random_frames(2, 7, n_frames)
    stacked = stack_deltas(frames, torch.tensor([n_frames] * 2), deltas)
    expected = [frames.numpy()]
    expected += [librosa.feature.delta(frames.numpy(), order=order, mode="nearest") for order in range(1, deltas + 1)]
    assert stacked.shape == (2, 7 * (1 + deltas), n_frames)
    torch.testing.assert_close(stacked, torch.cat([torch.from_numpy(part) for part in expected], dim=1))


def test_what_lies_in_the_padding_has_no_say() -> None:
    frames, lengths = random_frames(4, 5, 40), torch.tensor([40, 23, 3, 1])
    other = frames.clone()
    for row, length in zip(other, lengths, strict=True):
        row[:, length:] = -1e6
    stacked = [stack_deltas(each, lengths, 2) for each in (frames, other)]
    for i, length in enumerate(lengths):
        alone = stack_deltas(frames[i : i + 1, :, :length], length[None], 2)[0]
        for rows in stacked:
            assert torch.equal(rows[i, :, :length], alone)


def test_the_course_of_a_clip_is_differentiated() -> None:
    time = torch.arange(50.0)
    frames = torch.stack([torch.full((50,), 3.0), 2 * time, time.square()])[None]
    middle = stack_deltas(frames, torch.tensor([50]), 2)[0, :, 4:-4].reshape(3, 3, 42)
    expected = [[torch.zeros(42), torch.full((42,), 2.0), 2 * time[4:-4]], [torch.zeros(42), torch.zeros(42)]]
    torch.testing.assert_close(middle[1], torch.stack(expected[0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(middle[2, :2], torch.stack(expected[1]), atol=1e-3, rtol=0)
    torch.testing.assert_close(middle[2, 2], torch.full((42,), 2.0), atol=1e-2, rtol=0)


@pytest.mark.parametrize("choice", ["feature/melspec", "feature/logspec", "feature/mfcc"])
@pytest.mark.parametrize("deltas", [-1, 3])
def test_other_numbers_of_deltas_are_refused(choice: str, deltas: int) -> None:
    with pytest.raises(ConfigError, match=rf"feature\.deltas must be one of 0, 1, 2; got {deltas}"):
        make(choice, deltas=deltas)


@pytest.mark.parametrize("name", ["mfcc", "melspec_deltas", "spectrogram_deltas"])
def test_specaugment_masks_the_same_rows_in_each_channel(name: str) -> None:
    feature = make(f"feature/{name}")
    assert feature.n_channels == 3
    augment = make("augment/specaugment", time_warp=0, n_channels=feature.n_channels)
    torch.manual_seed(0)
    features = torch.ones(8, feature.n_bands, 100)
    masked, _ = augment(features, torch.full((8,), 100))
    channels = masked.unflatten(1, (3, -1)) == 0
    assert channels.any() and not channels.all()
    assert (channels == channels[:, :1]).all()
