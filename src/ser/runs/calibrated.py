"""How far the probabilities of a test can be believed, from its tables alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ser import calibration as measures
from ser.metrics import Counts
from ser.runs.calibration import Bin, Calibration, Conformal, Coverage, Temperature, Uncalibrated
from ser.runs.names import FOLD, SPEAKER
from ser.runs.predictions import Predictions
from ser.statistics import N_RESAMPLES, clusters_of, percentile_interval, resampled

LEVEL = 0.9  # of the prediction sets
N_POINTS = 50  # of accuracy against coverage
UNSEEN = 2.5e-7  # half of what stands as 0 in a table of six digits


def calibration_of(
    predictions: Predictions,
    validated: Sequence[Predictions | None],
    temperature: Temperature | None,
) -> Calibration | None:
    """What the test says of its probabilities.

    Args:
        predictions: of the test clips; where folds are pooled, those of all, with the column `fold`.
        validated: of the validation part of each fold, in the order of the folds; None where it is not known.
        temperature: that is in the probabilities; None where none was fitted.

    Returns:
        None where a probability is missing or no number, as after a training that broke up.
    """
    try:
        probabilities = predictions.probabilities
        known = [(one.probabilities, one.truth) for one in validated if one]
    except ValueError:
        return None
    names = [row.get(FOLD, "") for row in predictions.rows]
    folds = [np.flatnonzero(np.array(names) == name) for name in dict.fromkeys(names)]
    truth, predicted = np.array(predictions.truth), np.array(predictions.predicted)
    right, confidence = truth == predicted, probabilities.max(axis=1)
    reliability = measures.reliability(confidence, right)
    accuracy = measures.accuracy_by_coverage(confidence, right)
    n = len(accuracy)
    before = None
    if temperature is not None:
        raw = probabilities.copy()
        each = temperature if isinstance(temperature, list) else [temperature]
        for places, fitted in zip(folds, each, strict=True):
            if fitted is not None:
                raw[places] = measures.tempered(np.maximum(probabilities[places], UNSEEN), 1 / fitted)
        error = measures.reliability(raw.max(axis=1), right).error
        before = Uncalibrated(_short(error), _short(measures.brier(raw, truth)))
    sets = np.zeros(probabilities.shape, dtype=bool)
    if len(known) == len(folds):
        for places, own in zip(folds, known, strict=True):
            sets[places] = probabilities[places] >= measures.conformal_threshold(*own, LEVEL)
    return Calibration(
        ece=_short(reliability.error),
        brier=_short(measures.brier(probabilities, truth)),
        brier_of_the_rates=_short(measures.brier_of_the_rates(truth)),
        temperature=temperature,
        before=before,
        bins=[
            Bin(_short(low), _short(high), int(count), _short(sure), _short(part))
            for low, high, count, sure, part in zip(
                reliability.edges[:-1],
                reliability.edges[1:],
                reliability.n,
                reliability.confidence,
                reliability.accuracy,
                strict=True,
            )
            if count
        ],
        coverage=Coverage(
            area=_short(accuracy.mean()),
            points=[
                [_short(k / n), _short(accuracy[k - 1])]
                for k in np.unique(np.ceil(np.linspace(0, n, N_POINTS + 1)[1:]).astype(int))
            ],
        ),
        conformal=_conformal(predictions, sets, truth) if len(known) == len(folds) else None,
    )


def _conformal(predictions: Predictions, sets: npt.NDArray[np.bool_], truth: Counts) -> Conformal:
    holds = sets[np.arange(len(truth)), truth]
    cluster, _ = clusters_of([row[SPEAKER] for row in predictions.rows])
    counts = np.stack([np.bincount(cluster, holds), np.bincount(cluster)], axis=1).astype(float)
    drawn = np.concatenate([sums[:, 0] / sums[:, 1] for sums in resampled(counts, n_resamples=N_RESAMPLES, seed=0)])
    return Conformal(
        level=LEVEL,
        coverage=_short(holds.mean()),
        interval=[_short(end) for end in percentile_interval(drawn)],
        mean_size=_short(sets.sum(axis=1).mean()),
    )


def told(calibration: Calibration) -> list[str]:
    """Lines for report.txt."""
    lines = [
        f"calibration: expected error {calibration.ece:.3f}, Brier score {calibration.brier:.3f}"
        f" ({calibration.brier_of_the_rates:.3f} of always answering the emotions' rates)"
    ]
    if said := effect(calibration):
        lines += [said]
    half = next(accuracy for coverage, accuracy in calibration.coverage.points if coverage >= 0.5)
    lines += [
        f"the surer half of the answers: accuracy {half:.3f}; mean over all coverages {calibration.coverage.area:.3f}"
    ]
    sets = calibration.conformal
    if sets:
        low, high = sets.interval
        lines += [
            f"sets of {sets.mean_size:.2f} emotions on average, by validation to hold the truth {sets.level:.0%} of the"
            f" time, hold it {sets.coverage:.1%} [{low:.1%}, {high:.1%}]: on new speakers measured, not promised"
        ]
    return lines


def effect(calibration: Calibration) -> str:
    """The temperature, and what it has changed; empty where none was fitted."""
    before, fitted = calibration.before, calibration.temperature
    if before is None or fitted is None:
        return ""
    said = (
        f"temperature {_values(fitted)}, fitted on validation; without it: expected error {before.ece:.3f}, Brier"
        f" score {before.brier:.3f}"
    )
    each = fitted if isinstance(fitted, list) else [fitted]
    limits = {one: measures.at_limit(one) for one in each if one is not None}
    return "; ".join([said, *(f"temperature {one:.3g} is {limit}" for one, limit in limits.items() if limit)])


def _values(fitted: Temperature) -> str:
    """
    >>> _values(0.5), _values([1.5, 2.5]), _values([1.5, None, 2.5])
    ('0.50', '1.50 to 2.50 by fold', '1.50 to 2.50 by fold (1 without)')
    """
    if not isinstance(fitted, list):
        return f"{fitted:.2f}"
    known = [one for one in fitted if one is not None]
    without = f" ({len(fitted) - len(known)} without)" if len(known) < len(fitted) else ""
    return f"{min(known):.2f} to {max(known):.2f} by fold{without}"


def _short(value: float) -> float:
    return round(float(value), 6)
