"""Assessing the answers to test clips: what `ser.runs.assessment` says, from predictions alone."""

import numpy as np
import numpy.typing as npt

from ser import metrics, statistics
from ser.metrics import Floats
from ser.runs.assessment import Assessment, Baselines, Gap, Group, Interval, Intervals
from ser.runs.names import MAIN_SCORES, SPEAKER, is_reserved
from ser.runs.predictions import Predictions

N_RESAMPLES = 2000  # for the many groups of a breakdown; the scores of the whole test have statistics.N_RESAMPLES
MOST_VALUES = 12  # of an attribute that the scores are broken down by; speakers may be more


def assess(predictions: Predictions) -> Assessment:
    """Assess the answers to test clips, from their rows alone."""
    speakers = [row[SPEAKER] for row in predictions.rows]
    clusters, unit = statistics.clusters_of(speakers)
    confusions = _by_cluster(predictions, clusters, int(clusters.max()) + 1)
    whole = confusions.sum(axis=0)
    drawn = statistics.bootstrap(confusions)
    groups = {name: _groups(predictions, name, clusters) for name in _attributes(predictions)}
    return Assessment(
        Intervals(unit, len(confusions), **{name: _interval(drawn[name]) for name in MAIN_SCORES}),
        _baselines(whole),
        groups,
        {name: _gap(predictions, name, own, clusters) for name, own in groups.items() if _can_be_compared(own)},
    )


def _attributes(predictions: Predictions) -> list[str]:
    """What the scores are broken down by: columns with a value in each row, two or more in all."""
    rows = predictions.rows
    values = {name: {row[name] for row in rows} for name in rows[0] if name == SPEAKER or not is_reserved(name)}
    most = {SPEAKER: len(rows)}
    return [name for name, own in values.items() if 1 < len(own) <= most.get(name, MOST_VALUES) and all(own)]


def _by_cluster(predictions: Predictions, clusters: npt.NDArray[np.intp], n_clusters: int) -> Floats:
    """What each cluster adds to the confusion: (n_clusters, n_classes, n_classes)."""
    n_classes = len(predictions.labels)
    confusions = np.zeros((n_clusters, n_classes, n_classes))
    places = clusters, np.array(predictions.truth), np.array(predictions.predicted)
    np.add.at(confusions, places, 1)
    return confusions


def _interval(values: Floats) -> Interval:
    return [round(value, 5) for value in statistics.percentile_interval(values)]


def _baselines(confusion: Floats) -> Baselines:
    support, n_classes = confusion.sum(axis=1), len(confusion)
    by_lot = np.outer(support, np.full(n_classes, 1 / n_classes))
    most = np.zeros_like(confusion)
    most[:, support.argmax()] = support
    return Baselines(_main_scores(by_lot), _main_scores(most))


def _main_scores(confusion: Floats) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.scores(confusion).items()}


def _groups(predictions: Predictions, attribute: str, clusters: npt.NDArray[np.intp]) -> list[Group]:
    groups = []
    for value in sorted({row[attribute] for row in predictions.rows}):
        own, chosen = _part(predictions, attribute, value)
        groups.append(_group(value, own, np.unique(clusters[chosen], return_inverse=True)[1]))
    return groups


def _part(predictions: Predictions, attribute: str, value: str) -> tuple[Predictions, npt.NDArray[np.bool_]]:
    """The clips with a value, and which they are."""
    chosen = np.array([row[attribute] == value for row in predictions.rows])
    return Predictions([predictions.rows[place] for place in chosen.nonzero()[0]], predictions.labels), chosen


def _group(value: str, own: Predictions, clusters: npt.NDArray[np.intp]) -> Group:
    rows = own.rows
    if clusters.max() + 1 < statistics.MIN_SPEAKERS:
        clusters = np.arange(len(rows))
    confusions = _by_cluster(own, clusters, int(clusters.max()) + 1)
    whole, drawn = confusions.sum(axis=0), statistics.bootstrap(confusions, n_resamples=N_RESAMPLES)
    recall = metrics.per_class(own.confusion)["recall"]
    scores = _main_scores(whole)
    return Group(
        value=value,
        n=len(rows),
        n_speakers=len({row[SPEAKER] for row in rows if row[SPEAKER]}),
        uar=scores["uar"],
        uar_interval=_interval(drawn["uar"]),
        accuracy=scores["accuracy"],
        accuracy_interval=_interval(drawn["accuracy"]),
        recall={label: float(recall[i]) for i, label in enumerate(own.labels) if whole[i].sum()},
    )


def _can_be_compared(groups: list[Group]) -> bool:
    """Whether there are two, and an emotion that both have."""
    return len(groups) == 2 and bool(groups[0].recall.keys() & groups[1].recall.keys())


def _gap(predictions: Predictions, attribute: str, groups: list[Group], clusters: npt.NDArray[np.intp]) -> Gap:
    both = [label for label in predictions.labels if all(label in group.recall for group in groups)]
    higher, lower = sorted(groups, key=lambda group: -sum(group.recall[label] for label in both))
    n_clusters = int(clusters.max()) + 1
    sides = [
        _by_cluster(own, clusters[chosen], n_clusters)
        for own, chosen in (_part(predictions, attribute, group.value) for group in (higher, lower))
    ]
    gap = statistics.gap(*sides, n_resamples=N_RESAMPLES)
    return Gap(
        higher=higher.value,
        lower=lower.value,
        uar=gap.difference,
        interval=[round(gap.low, 5), round(gap.high, 5)],
        p=gap.p,
        paired=gap.paired,
        recall={label: higher.recall[label] - lower.recall[label] for label in both},
    )
