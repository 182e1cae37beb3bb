"""Means of probabilities and their weights, against hand and SciPy."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ser.ensemble.mixture import LEAST, TOLERANCE, equal_weights, likeliest_weights, mean_loss, mix
from ser.metrics import Floats


def test_the_mean_by_hand() -> None:
    two = np.array([[[0.6, 0.4], [0.1, 0.9]], [[0.2, 0.8], [0.5, 0.5]]])
    np.testing.assert_allclose(mix(two, equal_weights(2)), [[0.4, 0.6], [0.3, 0.7]])
    np.testing.assert_allclose(mix(two, np.array([0.75, 0.25])), [[0.5, 0.5], [0.2, 0.8]])


def likelihoods(seed: int) -> Floats:
    """Of clips that some find easy and others hard, by members of different skill."""
    random = np.random.default_rng(seed)
    n_members, n_clips = int(random.integers(2, 7)), int(random.integers(20, 300))
    logits = random.normal(0, 1, n_clips) + random.normal(0, random.uniform(0.5, 3), (n_members, n_clips))
    chances: Floats = 1 / (1 + np.exp(-logits))
    return chances


@pytest.mark.parametrize("seed", range(8))
def test_the_likeliest_weights_are_scipy_s(seed: int) -> None:
    given = likelihoods(seed)

    def loss(weights: Floats) -> float:
        return float(-np.log(weights @ given).mean())

    n_members = len(given)
    limits = {"bounds": [(0, 1)] * n_members, "constraints": {"type": "eq", "fun": lambda weights: weights.sum() - 1}}
    expected = minimize(loss, np.full(n_members, 1 / n_members), method="SLSQP", options={"ftol": 1e-12}, **limits)
    weights = likeliest_weights(given)
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1)
    assert loss(weights) <= expected.fun + TOLERANCE + 1e-9
    np.testing.assert_allclose(weights, expected.x, atol=0.02)


def test_weights_where_they_are_known() -> None:
    good, bad = np.full(50, 0.9), np.full(50, 0.1)
    np.testing.assert_allclose(likeliest_weights(np.stack([good, bad])), [1, 0], atol=1e-3)
    np.testing.assert_allclose(likeliest_weights(np.stack([good, good, good])), [1 / 3] * 3)
    apart = np.array([[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    np.testing.assert_allclose(likeliest_weights(apart), [0.75, 0.25], atol=1e-5)


def test_a_probability_of_zero_is_a_small_one() -> None:
    np.testing.assert_allclose(likeliest_weights(np.array([[0.0, 0.5], [0.0, 0.5]])), [0.5, 0.5])
    assert mean_loss(np.array([[0.0, 1.0], [0.5, 0.5]]), [0, 1]) == pytest.approx((-np.log(LEAST) + np.log(2)) / 2)
