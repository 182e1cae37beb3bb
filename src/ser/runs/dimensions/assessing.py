"""Scores of what was told of dimensions, with intervals and by attribute, from the table alone."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ser import concordance, statistics
from ser.metrics import Floats
from ser.runs.assessing import FEWEST_CLIPS, MOST_VALUES
from ser.runs.assessing import N_RESAMPLES as OF_GROUPS
from ser.runs.dimensions.names import SCORES
from ser.runs.dimensions.results import Agreement, Group, Interval
from ser.runs.dimensions.table import Numbers
from ser.runs.names import SPEAKER


class Assessed(NamedTuple):
    """See `DimensionResults`."""

    whole: Agreement
    per_dimension: dict[str, Agreement]
    unit: str
    n_units: int
    breakdown: dict[str, list[Group]]


def assess(table: Numbers) -> Assessed:
    """Score a table, as a whole and by attribute."""
    truth, predicted = table.truth, table.predicted
    speakers = np.array([row[SPEAKER] for row in table.rows], dtype=object)
    clusters, unit = statistics.clusters_of(speakers.tolist())
    sums = concordance.sums_by_cluster(clusters, truth, predicted)
    each, drawn = concordance.scores(sums.sum(axis=0)), _drawn(sums, statistics.N_RESAMPLES)
    whole = _agreement(concordance.means(each), concordance.means(drawn))
    per_dimension = {
        name: _agreement({score: each[score][place] for score in SCORES}, {s: drawn[s][:, place] for s in SCORES})
        for place, name in enumerate(table.dimensions)
    }
    breakdown = {}
    for name in [SPEAKER, *table.attributes]:
        column = np.array([row[name] for row in table.rows], dtype=object)
        values = sorted({*column.tolist()} - {""})
        if len(values) > 1 and (name == SPEAKER or len(values) <= MOST_VALUES):
            breakdown[name] = [
                _group(value, np.flatnonzero(column == value), table.dimensions, truth, predicted, speakers)
                for value in values
            ]
    return Assessed(whole, per_dimension, unit, len(sums), breakdown)


def _drawn(sums: Floats, n_resamples: int) -> dict[str, Floats]:
    """The scores (n_resamples, n_dimensions) on clusters drawn with replacement: `ser.statistics.bootstrap`."""
    batches = [concordance.scores(drawn) for drawn in statistics.resampled(sums, n_resamples=n_resamples, seed=0)]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _agreement(values: dict[str, Floats], drawn: dict[str, Floats]) -> Agreement:
    intervals = {name: _interval(drawn[name]) for name in SCORES}
    return Agreement(**{name: float(values[name]) for name in SCORES}, intervals=intervals)


def _interval(values: Floats) -> Interval:
    return [significant(value) for value in statistics.percentile_interval(values)]


def significant(value: float) -> float:
    """Rounded to six digits, whatever the scale."""
    return float(f"{value:.6g}")


def _group(
    value: str,
    places: npt.NDArray[np.intp],
    dimensions: list[str],
    truth: Floats,
    predicted: Floats,
    speakers: npt.NDArray[np.object_],
) -> Group:
    own = speakers[places].tolist()
    clusters, _ = statistics.clusters_of(own)
    sums = concordance.sums_by_cluster(clusters, truth[places], predicted[places])
    scores = concordance.scores(sums.sum(axis=0))
    enough = len(places) >= FEWEST_CLIPS
    return Group(
        value=value,
        n=len(places),
        n_speakers=len(set(own) - {""}),
        ccc=dict(zip(dimensions, scores["ccc"].tolist(), strict=True)),
        mean=float(scores["ccc"].mean()),
        interval=_interval(_drawn(sums, OF_GROUPS)["ccc"].mean(axis=1)) if enough else None,
        rmse=float(scores["rmse"].mean()),
    )
