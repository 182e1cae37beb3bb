import numpy as np
import pytest
import torch

from ser.layers.statistics import Statistics

LENGTHS = [9, 4, 1]
CLIPS = torch.randn(3, 5, 9, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("names", [["mean"], ["deviation"], ["mean", "deviation"], ["deviation", "mean"]])
def test_they_are_those_of_the_real_frames(names: list[str]) -> None:
    """And those of a band stand next to each other, so that a layer's bands stay together."""
    padded = CLIPS.clone()
    for row, length in zip(padded, LENGTHS, strict=True):
        row[:, length:] = 1e6  # nonsense
    told, n_frames = Statistics(names)(padded, torch.tensor(LENGTHS))
    assert told.shape == (3, 5 * len(names), 1) and n_frames.tolist() == [1, 1, 1]
    oracle = {"mean": np.mean, "deviation": np.std}
    for row, clip, length in zip(told[..., 0], CLIPS.double().numpy(), LENGTHS, strict=True):
        expected = [oracle[name](clip[band, :length]) for band in range(5) for name in names]
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)


def test_a_single_frame_is_its_own_mean_and_has_deviation_0() -> None:
    told, _ = Statistics(["mean", "deviation"])(CLIPS, torch.tensor([1, 1, 1]))
    torch.testing.assert_close(told[:, ::2, 0], CLIPS[..., 0], rtol=0, atol=0)
    assert (told[:, 1::2] == 0).all()


def test_it_has_nothing_to_learn_or_to_keep() -> None:
    assert not Statistics(["mean"]).state_dict()
