import warnings

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from ser import metrics

Classes = npt.NDArray[np.int64]


def random_predictions(seed: int) -> tuple[Classes, Classes, int]:
    """Often with classes that are absent from the truth, from the predictions, or from both."""
    random = np.random.default_rng(seed)
    n_classes, n = int(random.integers(2, 9)), int(random.integers(1, 80))
    truth = random.choice(n_classes, n, p=random.dirichlet(np.full(n_classes, 0.4)))
    guess = random.choice(n_classes, n, p=random.dirichlet(np.full(n_classes, 0.4)))
    return truth, np.where(random.random(n) < 0.5, truth, guess), n_classes


@pytest.mark.parametrize("seed", range(60))
def test_agrees_with_scikit_learn(seed: int) -> None:
    truth, predicted, n_classes = random_predictions(seed)
    confusion = metrics.confusion_matrix(truth.tolist(), predicted.tolist(), n_classes)
    np.testing.assert_array_equal(confusion, confusion_matrix(truth, predicted, labels=range(n_classes)))
    assert metrics.accuracy(confusion) == pytest.approx(accuracy_score(truth, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # y_pred contains classes not in y_true
        assert metrics.uar(confusion) == pytest.approx(balanced_accuracy_score(truth, predicted))
    # Macro over the labels that occur in the truth or the predictions: scikit-learn's default.
    assert metrics.macro_f1(confusion) == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert metrics.weighted_f1(confusion) == pytest.approx(f1_score(truth, predicted, average="weighted"))
    expected = precision_recall_fscore_support(truth, predicted, labels=range(n_classes), zero_division=0)
    scores = metrics.per_class(confusion)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(scores[name], values, err_msg=name)


def test_random_predictions_cover_the_odd_cases() -> None:
    cases = [random_predictions(seed) for seed in range(60)]
    assert any(set(predicted) - set(truth) for truth, predicted, _ in cases)
    assert any(set(truth) - set(predicted) for truth, predicted, _ in cases)
    assert any(len(set(truth) | set(predicted)) < n_classes for truth, predicted, n_classes in cases)


def test_uar_leaves_out_classes_that_are_absent_from_the_truth() -> None:
    """A predicted class without truth lowers the others' recall, but has none itself."""
    confusion = metrics.confusion_matrix([0, 0, 1, 1], [0, 2, 1, 1], 3)
    assert metrics.uar(confusion) == 0.75
    assert metrics.macro_f1(confusion) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_everything_right_and_everything_wrong() -> None:
    right, wrong = np.diag([3, 4, 5]), np.array([[0, 3, 0], [0, 0, 4], [5, 0, 0]])
    for score in (metrics.accuracy, metrics.uar, metrics.macro_f1, metrics.weighted_f1):
        assert (score(right), score(wrong)) == (1, 0)
