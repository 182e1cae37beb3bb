from typing import Any

import pytest
import torch
from torch import Tensor

from ser.augment.base import Augment
from ser.augment.specaugment import MIN_FRAMES
from ser.layers.mask import frame_mask
from tests.components import make

NO_MASKS = {"n_frequency_masks": 0, "n_time_masks": 0}
FREQUENCY = {"time_warp": 0.0, "n_frequency_masks": 1, "n_time_masks": 0}
TIME = {"time_warp": 0.0, "n_frequency_masks": 0, "n_time_masks": 1}


def batch(n_bands: int = 20, lengths: tuple[int, ...] = (50, 37, 9, 1)) -> tuple[Tensor, Tensor]:
    """Features that are nowhere 0 but in the padding."""
    counts = torch.tensor(lengths)
    return torch.rand(len(counts), n_bands, int(counts.max())).add(1) * frame_mask(counts, max(lengths))[
        :, None
    ], counts


def runs(hidden: Tensor) -> int:
    """Number of separate stretches of True."""
    return int((torch.diff(hidden.int(), prepend=torch.zeros(1, dtype=torch.int)) == 1).sum())


def test_augment_changes_nothing() -> None:
    features, lengths = batch()
    changed, changed_lengths = make("augment/none")(features, lengths)
    assert torch.equal(changed, features)
    assert torch.equal(changed_lengths, lengths)


def test_specaugment_with_nothing_to_do_changes_nothing() -> None:
    features, lengths = batch()
    assert torch.equal(make("augment/specaugment", time_warp=0.0, **NO_MASKS)(features, lengths)[0], features)


@pytest.mark.parametrize("part", [0.0, 0.2, 0.33, 1.0])
def test_frequency_masks(part: float) -> None:
    torch.manual_seed(0)
    features, lengths = batch(n_bands=24)
    augment = make("augment/specaugment", **FREQUENCY, frequency_mask=part)
    widths = set()
    for _ in range(200):
        masked, masked_lengths = augment(features, lengths)
        assert torch.equal(masked_lengths, lengths)
        for row, before, length in zip(masked, features, lengths, strict=True):
            hidden = (row[:, :length] == 0).all(dim=1)
            assert torch.equal(row[~hidden], before[~hidden])
            assert runs(hidden) <= 1
            widths.add(int(hidden.sum()))
    assert max(widths) <= part * 24
    assert widths == set(range(int(part * 24) + 1))  # every width up to the largest


@pytest.mark.parametrize("part", [0.0, 0.15, 0.5, 0.9])
def test_time_masks(part: float) -> None:
    torch.manual_seed(0)
    features, lengths = batch()
    augment = make("augment/specaugment", **TIME, time_mask=part)
    starts, widest = set(), torch.zeros(len(lengths))
    for _ in range(300):
        masked, masked_lengths = augment(features, lengths)
        assert torch.equal(masked_lengths, lengths)
        for i, (row, before, length) in enumerate(zip(masked, features, lengths, strict=True)):
            hidden = (row == 0).all(dim=0)
            assert torch.equal(row[:, ~hidden], before[:, ~hidden])
            assert hidden[length:].all()
            hidden = hidden[:length]
            assert runs(hidden) <= 1
            widest[i] = max(widest[i], hidden.sum())
            if i == 0 and hidden.any():
                starts.add(int(hidden.int().argmax()))
    for width, length in zip(widest.tolist(), lengths.tolist(), strict=True):
        assert width <= part * length
        assert width >= int(part * length) - (length > 20)
    if part:
        assert min(starts) == 0
        assert max(starts) > 45 - part * 50


def test_as_many_masks_as_asked_for() -> None:
    torch.manual_seed(0)
    features, lengths = batch(n_bands=200, lengths=(400, 400))
    masks = {"n_frequency_masks": 3, "frequency_mask": 0.05, "n_time_masks": 2, "time_mask": 0.05}
    augment = make("augment/specaugment", time_warp=0.0, **masks)
    most = [0, 0]
    for _ in range(30):
        row = augment(features, lengths)[0][0]
        counts = [runs((row == 0).all(dim=1)), runs((row == 0).all(dim=0))]
        assert counts[0] <= 3
        assert counts[1] <= 2
        most = [max(pair) for pair in zip(most, counts, strict=True)]
    assert most == [3, 2]


def test_clips_of_a_batch_are_masked_apart() -> None:
    torch.manual_seed(0)
    features, lengths = batch(lengths=(50,) * 8)
    masked, _ = make("augment/specaugment", **FREQUENCY, frequency_mask=0.5)(features, lengths)
    assert len({tuple((row == 0).all(dim=1).tolist()) for row in masked}) > 3


def test_channels_are_masked_alike() -> None:
    torch.manual_seed(0)
    features, lengths = batch(n_bands=3 * 10)
    augment = make("augment/specaugment", frequency_mask=0.5, n_channels=3)
    for _ in range(20):
        hidden = (augment(features, lengths)[0] == 0).reshape(len(features), 3, 10, -1)
        assert (hidden == hidden[:, :1]).all()


@pytest.mark.parametrize("time_warp", [0.15, 0.9])
def test_time_warp_changes_lengths_within_its_bounds(time_warp: float) -> None:
    torch.manual_seed(0)
    features, lengths = batch(lengths=(200, 150, 9, 1))
    augment = make("augment/specaugment", time_warp=time_warp, **NO_MASKS)
    factors = []
    for _ in range(100):
        warped, counts = augment(features, lengths)
        n_frames = warped.shape[-1]
        assert int(counts.max()) == n_frames
        factors.append(n_frames / 200)
        expected = (lengths * n_frames / 200).clamp(min=1)
        assert ((counts - expected).abs() <= 1).all()
        assert (counts >= 1).all()
        assert (warped.masked_select(~frame_mask(counts, n_frames)[:, None]) == 0).all()
        real = warped.masked_select(frame_mask(counts - 1, n_frames)[:, None])
        assert (real >= 1).all() and (real <= 2).all()
    assert 1 - time_warp - 0.01 <= min(factors) < 1 - 0.8 * time_warp
    assert 1 + 0.8 * time_warp < max(factors) <= 1 + time_warp + 0.01


def test_time_warp_keeps_the_course_of_a_clip() -> None:
    ramp = torch.linspace(0, 1, 100).expand(1, 4, 100)
    for seed in range(5):
        torch.manual_seed(seed)
        warped, counts = make("augment/specaugment", time_warp=0.5, **NO_MASKS)(ramp, torch.tensor([100]))
        torch.testing.assert_close(warped[0, 0], torch.linspace(0, 1, int(counts[0])), atol=0.02, rtol=0)


@pytest.mark.parametrize("lengths", [(1,), (2, 1), (3, 3, 1)])
def test_the_shortest_clips(lengths: tuple[int, ...]) -> None:
    for seed in range(20):
        torch.manual_seed(seed)
        changed, counts = make("augment/specaugment", time_warp=0.9, time_mask=1.0, frequency_mask=1.0)(
            *batch(lengths=lengths)
        )
        assert changed.isfinite().all()
        assert changed.shape[-1] == int(counts.max()) <= max(MIN_FRAMES, 2 * max(lengths))
        assert (counts >= 1).all()


def test_padding_stays_zero() -> None:
    torch.manual_seed(0)
    augment = make("augment/specaugment", mixup=0.4)
    for _ in range(20):
        changed, counts = augment(*batch())
        assert (changed.masked_select(~frame_mask(counts, changed.shape[-1])[:, None]) == 0).all()
        mixed, mixed_counts, *_ = augment.mix(changed, counts)
        assert (mixed.masked_select(~frame_mask(mixed_counts, mixed.shape[-1])[:, None]) == 0).all()


@pytest.mark.parametrize("augment", [make("augment/specaugment", mixup=0.5), make("augment/none", mixup=0.3)])
def test_the_same_seed_gives_the_same_result(augment: Augment) -> None:
    features, lengths = batch()

    def run(seed: int) -> list[Any]:
        torch.manual_seed(seed)
        changed = augment(features, lengths)
        return [*changed, *augment.mix(*changed)]

    torch.testing.assert_close(run(3), run(3), rtol=0, atol=0)
    assert run(3)[-1] != run(4)[-1]


def test_the_features_given_are_left_as_they_were() -> None:
    features, lengths = batch()
    before = features.clone(), lengths.clone()
    augment = make("augment/specaugment", mixup=0.5)
    augment.mix(*augment(features, lengths))
    assert torch.equal(features, before[0])
    assert torch.equal(lengths, before[1])


def test_mixup() -> None:
    torch.manual_seed(0)
    features, lengths = batch()
    augment = make("augment/none", mixup=0.5)
    weights = []
    for _ in range(300):
        mixed, counts, other, weight = augment.mix(features, lengths)
        assert 0 <= weight <= 1
        assert sorted(other.tolist()) == [0, 1, 2, 3]
        torch.testing.assert_close(mixed, weight * features + (1 - weight) * features[other])
        assert torch.equal(counts, torch.maximum(lengths, lengths[other]))
        weights.append(weight)
    mean, variance = torch.tensor(weights).mean(), torch.tensor(weights).var()
    assert mean == pytest.approx(0.5, abs=0.07)
    assert variance == pytest.approx(1 / 8, abs=0.03)  # of a beta distribution with alpha 0.5: 1 / (4 (2 alpha + 1))
