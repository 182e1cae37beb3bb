"""Assessing the answers to test clips: what `ser.runs.assessment` says, from predictions alone."""

import numpy as np
import numpy.typing as npt

from ser import metrics, statistics
from ser.metrics import Floats
from ser.runs.assessment import Assessment, Baselines, Gap, Group, Interval, Intervals
from ser.runs.names import MAIN_SCORES, SPEAKER, is_reserved
from ser.runs.predictions import Predictions

N_RESAMPLES = 2000  # for the many groups of a breakdown; the scores of the whole test have statistics.N_RESAMPLES
FEWEST_CLIPS = 10  # of a group that has intervals
MOST_VALUES = 12  # of an attribute that the scores are broken down by; speakers may be more


def assess(predictions: Predictions) -> Assessment:
    """Assess the answers to test clips, from their rows alone."""
    table = _Table(predictions)
    clusters, unit = statistics.clusters_of(table.speakers.tolist())
    confusions = table.confusions(clusters)
    drawn = statistics.bootstrap(confusions)
    values = _attributes(predictions)
    many = {name: n for name, n in values.items() if n > MOST_VALUES and name != SPEAKER}
    groups = {name: _groups(table, name) for name in values if name not in many}
    return Assessment(
        Intervals(unit, len(confusions), **{name: _interval(drawn[name]) for name in MAIN_SCORES}),
        _baselines(confusions.sum(axis=0)),
        groups,
        {name: _gap(table, name, own) for name, own in groups.items() if _can_be_compared(own)},
        many,
    )


class _Table:
    """Predictions as arrays: `truth`, `predicted` (n_clips,), and `speakers`, a name for each clip."""

    def __init__(self, predictions: Predictions) -> None:
        self.labels, self.rows = predictions.labels, predictions.rows
        self.truth, self.predicted = np.array(predictions.truth), np.array(predictions.predicted)
        self.speakers = np.array([row[SPEAKER] for row in predictions.rows], dtype=object)

    def column(self, name: str) -> npt.NDArray[np.object_]:
        return np.array([row[name] for row in self.rows], dtype=object)

    def confusions(
        self, clusters: npt.NDArray[np.intp], places: npt.NDArray[np.intp] | slice = slice(None), n: int | None = None
    ) -> Floats:
        """What each of n clusters adds to the confusion of the clips at some places: (n, n_classes, n_classes)."""
        n_classes = len(self.labels)
        confusions = np.zeros((int(clusters.max()) + 1 if n is None else n, n_classes, n_classes))
        np.add.at(confusions, (clusters, self.truth[places], self.predicted[places]), 1)
        return confusions


def _attributes(predictions: Predictions) -> dict[str, int]:
    """What clips differ in: how many values each column has, two or more; clips without one are left out."""
    rows = predictions.rows
    names = [name for name in rows[0] if name == SPEAKER or not is_reserved(name)]
    values = {name: len({row[name] for row in rows} - {""}) for name in names}
    return {name: n for name, n in values.items() if n > 1}


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


def _groups(table: _Table, attribute: str) -> list[Group]:
    values, numbers = np.unique(table.column(attribute), return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(numbers))[:-1])
    return [_group(table, value, places) for value, places in zip(values, parts, strict=True) if value]


def _group(table: _Table, value: str, places: npt.NDArray[np.intp]) -> Group:
    """Scores of the clips at some places."""
    speakers = table.speakers[places]
    clusters, unit = statistics.clusters_of(speakers.tolist())
    confusions = table.confusions(clusters, places)
    whole = confusions.sum(axis=0)
    enough = len(places) >= FEWEST_CLIPS
    drawn = statistics.bootstrap(confusions, n_resamples=N_RESAMPLES) if enough else None
    scores, recall = _main_scores(whole), metrics.per_class(whole.astype(np.int64))["recall"]
    return Group(
        value=value,
        n=len(places),
        n_speakers=len({*speakers} - {""}),
        unit=unit,
        uar=scores["uar"],
        uar_interval=_interval(drawn["uar"]) if drawn else None,
        accuracy=scores["accuracy"],
        accuracy_interval=_interval(drawn["accuracy"]) if drawn else None,
        recall={label: float(recall[i]) for i, label in enumerate(table.labels) if whole[i].sum()},
    )


def _can_be_compared(groups: list[Group]) -> bool:
    """Whether there are two, with clips enough, and an emotion that both have."""
    enough = len(groups) == 2 and min(group.n for group in groups) >= FEWEST_CLIPS
    return enough and bool(groups[0].recall.keys() & groups[1].recall.keys())


def _gap(table: _Table, attribute: str, groups: list[Group]) -> Gap:
    both = [label for label in table.labels if all(label in group.recall for group in groups)]
    higher, lower = sorted(groups, key=lambda group: -sum(group.recall[label] for label in both))
    # Over speakers, be they ever so few: clips of one are not independent, and would show gaps that are not there.
    clusters = np.arange(len(table.rows))
    if all(table.speakers):
        clusters = np.unique(table.speakers, return_inverse=True)[1]
    values, n = table.column(attribute), int(clusters.max()) + 1
    chosen = [np.flatnonzero(values == group.value) for group in (higher, lower)]
    sides = [table.confusions(clusters[places], places, n) for places in chosen]
    gap = statistics.gap(*sides, n_resamples=N_RESAMPLES)
    return Gap(
        higher=higher.value,
        lower=lower.value,
        uar=gap.difference,
        interval=[round(gap.low, 5), round(gap.high, 5)],
        p=gap.p,
        smallest_p=gap.smallest_p,
        paired=gap.paired,
        lacking=[label for label in table.labels if (label in higher.recall) != (label in lower.recall)],
        recall={label: higher.recall[label] - lower.recall[label] for label in both},
    )
