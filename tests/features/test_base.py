import numpy as np
import pytest
import torch

from ser.features.base import Normalization


def random_batches(n_bands: int, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Three batches of uneven size, with nonsense in the padding."""
    random = np.random.default_rng(seed)
    batches = []
    for size, n_frames in ((4, 30), (1, 7), (3, 50)):
        lengths = torch.tensor(random.integers(1, n_frames + 1, size))
        features = torch.tensor(random.normal(-40, 12, (size, n_bands, n_frames)), dtype=torch.float32)
        for row, length in zip(features, lengths, strict=True):
            row[:, length:] = 1e6
        batches.append((features, lengths))
    return batches


def test_takes_mean_and_deviation_of_the_real_frames() -> None:
    batches = random_batches(5)
    normalization = Normalization(5)
    normalization.fit(batches)
    real = np.concatenate(
        [row[:, :length].numpy() for batch in batches for row, length in zip(*batch, strict=True)], axis=1
    ).astype(np.float64)
    np.testing.assert_allclose(normalization.mean[:, 0], real.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(normalization.deviation[:, 0], real.std(axis=1), rtol=1e-5)


def test_gives_mean_0_and_deviation_1_and_zero_in_the_padding() -> None:
    batches = random_batches(5)
    normalization = Normalization(5)
    normalization.fit(batches)
    real = []
    for features, lengths in batches:
        normalized = normalization(features, lengths)
        for row, length in zip(normalized, lengths, strict=True):
            assert (row[:, length:] == 0).all()
            real.append(row[:, :length])
    together = torch.cat(real, dim=1)
    torch.testing.assert_close(together.mean(dim=1), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(together.std(dim=1, correction=0), torch.ones(5), atol=1e-4, rtol=0)


@pytest.mark.parametrize("constant", [0.0, -100.0, 1.0 / 3, 12345.678])
def test_a_constant_band_becomes_0(constant: float) -> None:
    batches = random_batches(3)
    for features, _ in batches:
        features[:, 1] = constant
    normalization = Normalization(3)
    normalization.fit(batches)
    normalized = normalization(*batches[0])
    assert normalized.isfinite().all()
    assert normalized[:, 1].abs().max() < 1e-2


def test_a_band_of_small_numbers_is_scaled_as_any_other() -> None:
    batches = random_batches(3)
    small = [(features * torch.tensor([1.0, 1e-7, 1e7])[:, None], lengths) for features, lengths in batches]
    plain, scaled = Normalization(3), Normalization(3)
    plain.fit(batches)
    scaled.fit(small)
    torch.testing.assert_close(scaled(*small[0]), plain(*batches[0]), atol=1e-4, rtol=1e-4)


def test_fitting_again_forgets() -> None:
    once, twice = Normalization(4), Normalization(4)
    twice.fit(random_batches(4, seed=1))
    for normalization in (once, twice):
        normalization.fit(random_batches(4))
    torch.testing.assert_close(once.state_dict(), twice.state_dict())


def test_is_kept_in_the_state() -> None:
    fitted, loaded = Normalization(4), Normalization(4)
    fitted.fit(random_batches(4))
    loaded.load_state_dict(fitted.state_dict())
    torch.testing.assert_close(loaded(*random_batches(4)[0]), fitted(*random_batches(4)[0]))
    assert list(fitted.parameters()) == []
