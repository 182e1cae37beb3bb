"""The mean of several models' probabilities, and its weights: pure functions on arrays."""

import numpy as np

from ser.metrics import Floats

LEAST = 5e-7  # a probability that stands as 0 in a table of six digits is smaller, and its logarithm must be a number
TOLERANCE = 1e-5  # nats a clip by which the weights may fall short of the best


def mix(probabilities: Floats, weights: Floats) -> Floats:
    """The weighted mean of probabilities: the linear opinion pool (Stone 1961, Annals of Mathematical Statistics 32).

    Args:
        probabilities: (n_members, n_clips, n_classes).
        weights: (n_members,), 0 to 1, of sum 1.

    Returns:
        (n_clips, n_classes).
    """
    mean: Floats = np.tensordot(weights, probabilities, axes=1)
    return mean


def equal_weights(n_members: int) -> Floats:
    """(n_members,), all alike, of sum 1."""
    return np.full(n_members, 1 / n_members)


def likeliest_weights(likelihoods: Floats) -> Floats:
    """The weights of a mean of probabilities by which given labels are most likely.

    By EM for the weights of a mixture whose parts are fixed (Dempster, Laird and Rubin 1977, Journal of the Royal
    Statistical Society B 39; on held-out data Jelinek and Mercer 1980). The log-likelihood is concave in the weights:
    there is one highest value, and by the gradient it is at most max(gain) - 1 a clip away.

    Args:
        likelihoods: (n_members, n_clips): the probability that each gives to the label of each clip, 0 to 1.

    Returns:
        (n_members,), 0 to 1, of sum 1. Members that are alike have equal weights.
    """
    likelihoods = np.maximum(likelihoods, LEAST)
    weights = equal_weights(len(likelihoods))
    while True:
        gain: Floats = (likelihoods / (weights @ likelihoods)).mean(axis=1)  # (n_members,), of weighted mean 1
        if gain.max() <= 1 + TOLERANCE:
            best: Floats = weights / weights.sum()
            return best
        weights = weights * gain


def mean_loss(probabilities: Floats, labels: list[int]) -> float:
    """Cross-entropy in nats a clip of probabilities (n_clips, n_classes) with the class numbers `labels` (n_clips,)."""
    own = np.maximum(probabilities[np.arange(len(labels)), labels], LEAST)
    return float(-np.log(own).mean())
