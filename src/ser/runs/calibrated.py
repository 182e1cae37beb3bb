"""How far the probabilities of a test can be believed, from its tables alone."""

from collections.abc import Sequence

import numpy as np

from ser import calibration as measures
from ser.metrics import Counts, Floats
from ser.runs.names import FOLD, SPEAKER
from ser.runs.predictions import Predictions
from ser.runs.results import Bin, Calibration, Conformal, Coverage, Sharpness
from ser.statistics import percentile_interval, resampled

LEVEL = 0.9  # of the prediction sets
N_POINTS = 50  # of accuracy against coverage
FEWEST_SPEAKERS = 5  # that intervals are over; where fewer are known, over clips
UNSEEN = 2.5e-7  # half of what stands as 0 in a table of six digits


def calibration_of(
    predictions: Predictions,
    validated: Sequence[Predictions | None],
    temperature: float | list[float] | None,
) -> Calibration | None:
    """What the test says of its probabilities.

    Args:
        predictions: of the test clips; where folds are pooled, those of all, with the column `fold`.
        validated: of the validation part of each fold, in the order of the folds; None where it is not known.
        temperature: that is in the probabilities, of pooled folds of each; None where none was fitted.

    Returns:
        None where a probability is missing or no number, as after a training that broke up.
    """
    try:
        probabilities = predictions.probabilities
        apart = [one and one.probabilities for one in validated]
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
        raw = np.empty_like(probabilities)
        for places, fitted in zip(folds, np.atleast_1d(temperature), strict=True):
            raw[places] = measures.tempered(np.maximum(probabilities[places], UNSEEN), 1 / fitted)
        error = measures.reliability(raw.max(axis=1), right).error
        before = Sharpness(_short(error), _short(measures.brier(raw, truth)))
    sets = np.zeros(probabilities.shape, dtype=bool)
    known = [(table, own) for table, own in zip(validated, apart, strict=True) if table is not None and own is not None]
    if len(known) == len(folds):
        for places, (table, own) in zip(folds, known, strict=True):
            sets[places] = probabilities[places] >= measures.conformal_threshold(own, table.truth, LEVEL)
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


def _conformal(predictions: Predictions, sets: Floats, truth: Counts) -> Conformal:
    holds = sets[np.arange(len(truth)), truth]
    who = [row[SPEAKER] for row in predictions.rows]
    if not all(who) or len({*who}) < FEWEST_SPEAKERS:
        who = [str(number) for number in range(len(who))]
    _, cluster = np.unique(who, return_inverse=True)
    counts = np.stack([np.bincount(cluster, holds), np.bincount(cluster)], axis=1)
    drawn = np.concatenate([sums[:, 0] / sums[:, 1] for sums in resampled(counts, n_resamples=10_000, seed=0)])
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
    if calibration.before:
        fitted = calibration.temperature
        values = fitted if isinstance(fitted, list) else [fitted]
        lines += [
            f"temperature {', '.join(f'{value:.2f}' for value in values)}{' by fold' if len(values) > 1 else ''}, fitted"
            f" on validation; without it: expected error {calibration.before.ece:.3f}, Brier score"
            f" {calibration.before.brier:.3f}"
        ]
    half = next(accuracy for coverage, accuracy in calibration.coverage.points if coverage >= 0.5)
    lines += [
        f"the surer half of the answers: accuracy {half:.3f}; mean accuracy over all coverages"
        f" {calibration.coverage.area:.3f}"
    ]
    sets = calibration.conformal
    if sets:
        low, high = sets.interval
        lines += [
            f"prediction sets for {sets.level:.0%}, by validation: {sets.mean_size:.2f} emotions on average, which hold the"
            f" truth in {sets.coverage:.1%} of the clips [{low:.1%}, {high:.1%}]; on new speakers this is measured, not"
            " promised"
        ]
    return lines


def _short(value: float) -> float:
    return round(float(value), 6)
