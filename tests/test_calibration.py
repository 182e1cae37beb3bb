"""Against scikit-learn, torchmetrics and scipy; and what must hold whatever the numbers."""

import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from ser import calibration
from ser.metrics import Floats

N_CLASSES = 5


def drawn(n: int = 400, *, heat: float = 1.0, seed: int = 0) -> tuple[Floats, list[int]]:
    """Probabilities, and truths that happen as often as they say at a temperature of `heat`."""
    random = np.random.default_rng(seed)
    scores = random.normal(0, 2, (n, N_CLASSES))
    probabilities = np.exp(log_softmax(scores, axis=1))
    promised = np.exp(log_softmax(scores / heat, axis=1))
    return probabilities, [int(random.choice(N_CLASSES, p=row)) for row in promised]


def sure_and_right(probabilities: Floats, truth: list[int]) -> tuple[Floats, np.ndarray]:
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == truth


@pytest.mark.parametrize(("n", "heat"), [(400, 1.0), (400, 3.0), (7, 0.5), (1, 1.0)])
def test_expected_error_and_bins(n: int, heat: float) -> None:
    probabilities, truth = drawn(n, heat=heat)
    confidence, right = sure_and_right(probabilities, truth)
    made = calibration.reliability(confidence, right)
    theirs = multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.tensor(truth), N_CLASSES, n_bins=calibration.N_BINS
    )
    assert made.error == pytest.approx(float(theirs), abs=1e-6)
    accuracy, sure = calibration_curve(right, confidence, n_bins=calibration.N_BINS)
    filled = made.n > 0
    np.testing.assert_allclose(made.accuracy[filled], accuracy)
    np.testing.assert_allclose(made.confidence[filled], sure)
    assert made.n.sum() == n and not made.accuracy[~filled].any()


def test_an_edge_belongs_to_the_bin_below() -> None:
    confidence = np.array([0.2, 0.4, 0.6, 1.0, 0.0])
    made = calibration.reliability(confidence, np.ones(5, dtype=bool))
    assert np.flatnonzero(made.n).tolist() == [0, 2, 5, 8, 14]


def test_brier_is_scikit_learn_s_and_that_of_the_rates_is_the_least_of_one_answer() -> None:
    probabilities, truth = drawn()
    assert calibration.brier(probabilities, truth) == pytest.approx(brier_score_loss(truth, probabilities))
    rates = np.bincount(truth, minlength=N_CLASSES) / len(truth)
    constant = calibration.brier(np.tile(rates, (len(truth), 1)), truth)
    assert calibration.brier_of_the_rates(truth) == pytest.approx(constant)
    others = np.tile(np.roll(rates, 1), (len(truth), 1))
    assert calibration.brier(others, truth) > constant


def test_nothing_depends_on_the_order_of_clips_even_where_many_are_equally_sure() -> None:
    probabilities, truth = drawn()
    probabilities = calibration.tempered(probabilities.round(1) + 0.01, 1)
    order = np.random.default_rng(1).permutation(len(truth))
    ours, theirs = (
        sure_and_right(*both) for both in ((probabilities, truth), (probabilities[order], np.array(truth)[order]))
    )
    assert len(np.unique(ours[0])) < 100
    made, again = calibration.accuracy_by_coverage(*ours), calibration.accuracy_by_coverage(*theirs)
    np.testing.assert_array_equal(made, again)
    assert made[-1] == ours[1].mean() and ((made >= 0) & (made <= 1)).all()
    assert calibration.reliability(*ours).error == pytest.approx(calibration.reliability(*theirs).error)


def test_where_no_two_are_equally_sure_coverage_is_counted() -> None:
    confidence, right = sure_and_right(*drawn(30))
    surest = right[np.argsort(-confidence)]
    expected = [surest[:k].mean() for k in range(1, 31)]
    np.testing.assert_allclose(calibration.accuracy_by_coverage(confidence, right), expected)
    assert calibration.accuracy_by_coverage(np.full(30, 0.5), right) == pytest.approx(right.mean()), "knows nothing"


@pytest.mark.parametrize("n", [9, 19, 100, 173])
def test_sets_hold_the_truth_as_often_as_was_asked_for(n: int) -> None:
    """In the mean over many draws between level and level + 1 / (n + 1), as clips are drawn alike."""
    probabilities, truth = drawn(6000)
    random, level, held = np.random.default_rng(2), 0.9, []
    own = probabilities[np.arange(len(truth)), truth]
    for _ in range(300):
        order = random.permutation(len(truth))
        some = order[:n]
        least = calibration.conformal_threshold(probabilities[some], np.array(truth)[some], level)
        held.append((own[order[n:]] >= least).mean())
    error = 3 * np.std(held) / np.sqrt(len(held))
    assert level - error <= np.mean(held) <= level + 1 / (n + 1) + error


def test_too_few_clips_let_all_emotions_in() -> None:
    probabilities, truth = drawn(9)
    assert calibration.conformal_threshold(probabilities[:8], truth[:8], 0.9) == 0
    own = probabilities[np.arange(9), truth]
    assert calibration.conformal_threshold(probabilities, truth, 0.9) == own.min()


@pytest.mark.parametrize("heat", [0.3, 1.0, 2.5])
def test_the_temperature_is_found(heat: float) -> None:
    probabilities, truth = drawn(4000, heat=heat)
    found = calibration.temperature(probabilities, truth)
    assert found == pytest.approx(heat, rel=0.1)
    scores = np.log(probabilities)

    def loss(log_temperature: float) -> float:
        return float(log_loss(truth, np.exp(log_softmax(scores / np.exp(log_temperature), axis=1))))

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert found == pytest.approx(np.exp(best.x), rel=1e-4)
    after = calibration.tempered(probabilities, found)
    assert calibration.temperature(after, truth) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(after.argmax(axis=1), probabilities.argmax(axis=1))
    np.testing.assert_allclose(calibration.tempered(after, 1 / found), probabilities)


def test_a_temperature_stays_within_bounds_and_takes_any_probabilities() -> None:
    certain = np.eye(2)[[0, 1] * 20]
    wrong = [1, 0] * 20
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert calibration.temperature(certain, wrong) == pytest.approx(calibration.HOTTEST)
        unsure = np.array([[0.51, 0.49]] * 39 + [[0.500001, 0.499999]])
        assert calibration.temperature(unsure, [0] * 39 + [1]) == pytest.approx(calibration.COLDEST)
        assert (calibration.tempered(certain, 0.1) == certain).all()


@pytest.mark.parametrize(
    ("n", "right", "said"), [(19, 0.5, "19 clips are too few"), (20, 1.0, "all 20 answers are right"), (20, 0.95, "")]
)
def test_where_no_temperature_can_be_told(n: int, right: float, said: str) -> None:
    truth = [0] * round(n * right) + [1] * (n - round(n * right))
    probabilities = np.tile([0.6, 0.4], (n, 1))
    assert (said in calibration.untold(probabilities, truth)) and bool(
        calibration.untold(probabilities, truth)
    ) == bool(said)
    probabilities[3] = np.nan
    assert n < 20 or "no number" in calibration.untold(probabilities, truth)


def test_the_temperature_for_several_raters_is_the_best_of_all() -> None:
    probabilities, _ = drawn(200)
    votes = np.random.default_rng(1).dirichlet(np.full(N_CLASSES, 0.5), 200)

    def loss(temperature: float) -> float:
        return float(-(votes * np.log(calibration.tempered(probabilities, temperature))).sum(axis=1).mean())

    best = minimize_scalar(loss, bounds=(calibration.COLDEST, calibration.HOTTEST), method="bounded")
    assert loss(calibration.temperature(probabilities, votes)) == pytest.approx(best.fun, abs=1e-6)
    certain = np.eye(N_CLASSES)[[0] * 30]
    assert calibration.temperature(certain, [0] * 30) == calibration.temperature(certain, certain)
