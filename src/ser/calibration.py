"""How far probabilities can be believed: pure functions on probabilities (n_clips, n_classes) and class numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from ser.metrics import Counts, Floats

N_BINS = 15  # of the expected calibration error, as in Guo et al. 2017
FEWEST = 20  # clips from which a temperature is told
COLDEST, HOTTEST = 0.1, 10.0  # temperatures that are tried

Probabilities = npt.NDArray[np.floating[Any]]
Truth = Sequence[int] | Counts
Right = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reliability:
    """What came true of what was promised, by how sure the answers were.

    Attributes:
        edges: of the bins (N_BINS + 1,), 0 to 1; a bin holds what is above its lower edge, and at most its upper one.
        n: clips of each (N_BINS,).
        confidence: mean probability of the answers in each (N_BINS,); 0 where it is empty.
        accuracy: part of the answers in each that are right (N_BINS,); 0 where it is empty.
    """

    edges: Floats
    n: Counts
    confidence: Floats
    accuracy: Floats

    @property
    def error(self) -> float:
        """The expected calibration error, 0 to 1: the mean distance of accuracy and confidence, by number of clips."""
        return float(np.average(abs(self.accuracy - self.confidence), weights=self.n))


def reliability(confidence: Floats, right: Right) -> Reliability:
    """Bins of equal width (Guo et al. 2017, arXiv 1706.04599, sec. 2).

    Args:
        confidence: the probability of each answer (n_clips,); one clip at least.
        right: whether it is right (n_clips,).
    """
    edges = np.linspace(0, 1, N_BINS + 1)
    places = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, N_BINS - 1)
    n = np.bincount(places, minlength=N_BINS)

    def means(values: Floats | Right) -> Floats:
        made: Floats = np.bincount(places, values, N_BINS) / np.maximum(n, 1)
        return made

    return Reliability(edges, n, means(confidence), means(right))


def brier(probabilities: Probabilities, truth: Truth) -> float:
    """Mean squared distance from the truth, over all classes: 0 to 2 (Brier 1950, Monthly Weather Review 78, 1-3)."""
    wanted = np.eye(probabilities.shape[1])[np.asarray(truth)]
    return float(((probabilities - wanted) ** 2).sum(axis=1).mean())


def brier_of_the_rates(truth: Truth) -> float:
    """The Brier score of always answering how often each class is true here: the least that one answer for all has.

    >>> brier_of_the_rates([0, 0, 1, 1])
    0.5
    """
    rates = np.bincount(truth) / len(truth)
    return float(1 - (rates**2).sum())


def accuracy_by_coverage(confidence: Floats, right: Right) -> Floats:
    """The accuracy (n_clips,) of the k clips with the surest answers, for k from 1 to all.

    One less the risk of selective classification (Geifman, El-Yaniv 2017, arXiv 1705.08500). Its mean is one less the
    area under risk against coverage, AURC (Geifman, Uziel, El-Yaniv 2019, arXiv 1805.08206). Of clips that are equally
    sure any may come first: each counts as their mean, so the order of the clips does not matter.

    Args:
        confidence, right: as of `reliability`.

    >>> accuracy_by_coverage(np.array([0.9, 0.5, 0.5, 0.7]), np.array([True, True, False, True])).round(2).tolist()
    [1.0, 1.0, 0.83, 0.75]
    """
    _, group, n = np.unique(-confidence, return_inverse=True, return_counts=True)
    k = np.arange(1, len(confidence) + 1)
    n_right = np.interp(k, [0, *np.cumsum(n)], [0, *np.cumsum(np.bincount(group, right))])
    accuracy: Floats = n_right / k
    return accuracy


def conformal_threshold(probabilities: Probabilities, truth: Truth, level: float) -> float:
    """The least probability of the emotions in a prediction set that holds the truth in `level` of the cases.

    By least ambiguous sets (LAC: Sadinle, Lei, Wasserman 2019, arXiv 1609.00451), split conformal: were the clips
    given here and a further one drawn alike, its set would hold its truth with probability `level` at least (Vovk,
    Gammerman, Shafer 2005, Algorithmic Learning in a Random World). Sets of the surest answers may be empty.

    Args:
        probabilities, truth: of clips that nothing was trained on.
        level: 0 to 1.

    Returns:
        0 to 1; 0, which lets all emotions in, where the clips are too few: less than level / (1 - level).
    """
    own = np.sort(probabilities[np.arange(len(truth)), np.asarray(truth)])[::-1]
    rank = ceil(round((len(own) + 1) * level, 9))  # of the least score to be kept, from 1; rounding must not raise it
    return float(own[rank - 1]) if rank <= len(own) else 0.0


def untold(probabilities: Probabilities, truth: Truth | Floats) -> str:
    """Why no temperature can be told from some clips; empty where one can."""
    if len(truth) < FEWEST:
        return f"{len(truth)} clips are too few to tell ({FEWEST} at least)"
    if not np.isfinite(probabilities).all():
        return "a probability is no number"
    if np.ndim(truth) == 1 and (probabilities.argmax(axis=1) == np.asarray(truth)).all():
        return f"all {len(truth)} answers are right, so that one would be the better the surer they all are"
    return ""


def temperature(probabilities: Probabilities, truth: Truth | Floats) -> float:
    """The temperature by which some clips' true classes are most likely (Guo et al. 2017, arXiv 1706.04599, sec. 4.2).

    The cross-entropy is convex in one over the temperature: its only minimum is found by bisection of its slope.

    Args:
        probabilities, truth: of clips that nothing was trained on, and of which `untold` has nothing to say; the truth
            may be distributions (n_clips, n_classes), as several raters give.

    Returns:
        COLDEST to HOTTEST; above 1 where the answers are surer than they are right.
    """
    scores = np.log(np.maximum(probabilities.astype(float), np.finfo(np.float32).tiny))
    wanted = np.asarray(truth) if np.ndim(truth) == 2 else np.eye(scores.shape[1])[np.asarray(truth)]
    own = (wanted * scores).sum(axis=1)

    def falls(log_temperature: float) -> bool:
        """Whether the cross-entropy is less at higher temperatures than this."""
        expected = (tempered(probabilities, np.exp(log_temperature)) * scores).sum(axis=1)
        return bool((expected - own).mean() > 0)

    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(middle) else (low, middle)
    return float(np.exp((low + high) / 2))


def at_limit(temperature: float) -> str:
    """What must be said of a temperature at an end of those that are tried; empty of any other.

    >>> at_limit(10.0), at_limit(9.5)
    ('the highest that is tried: validation says nothing about it', '')
    """
    for limit, word in ((COLDEST, "lowest"), (HOTTEST, "highest")):
        if np.isclose(temperature, limit, rtol=1e-4):
            return f"the {word} that is tried: validation says nothing about it"
    return ""


def tempered(probabilities: Probabilities, temperature: float) -> Floats:
    """Probabilities whose logarithms are divided by a temperature; 1 / temperature takes it back.

    >>> tempered(np.array([[0.8, 0.2]]), 0.5).round(3).tolist()
    [[0.941, 0.059]]
    """
    scores = np.log(np.maximum(probabilities.astype(float), np.finfo(np.float32).tiny)) / temperature
    powers: Floats = np.exp(scores - scores.max(axis=1, keepdims=True))
    made: Floats = powers / powers.sum(axis=1, keepdims=True)
    return made
