"""How far the scores of a test can be trusted: intervals, what chance would give, and whom they hold for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ser.runs.names import SPEAKER

Interval = list[float]
"""A 95 % interval: [low, high]."""


@dataclass(frozen=True)
class Intervals:
    """95 % intervals of the main scores, by bootstrap over `n_units` of `unit`: speakers or clips."""

    unit: str
    n_units: int
    accuracy: Interval
    uar: Interval
    macro_f1: Interval


@dataclass(frozen=True)
class Baselines:
    """The main scores of those who have not listened, by name.

    Attributes:
        chance: each emotion is answered as often as each other one, by lot.
        majority: the most frequent emotion of the test part is answered always.
    """

    chance: dict[str, float]
    majority: dict[str, float]


@dataclass(frozen=True)
class Group:
    """Scores of the test clips with one value of an attribute.

    Attributes:
        n: clips.
        n_speakers: 0 where they are not known.
        unit: what its intervals are by bootstrap over, speakers or clips: see `Intervals`.
        uar: over the emotions that the group has.
        uar_interval, accuracy_interval: None where there are too few clips to tell.
        recall: by emotion, of those that it has.
    """

    value: str
    n: int
    n_speakers: int
    unit: str
    uar: float
    uar_interval: Interval | None
    accuracy: float
    accuracy_interval: Interval | None
    recall: dict[str, float]


@dataclass(frozen=True)
class Gap:
    """The two values of an attribute against each other.

    Attributes:
        higher, lower: the values, the better told first.
        uar: mean over the emotions that both have, of the recall of the one less that of the other.
        interval: of `uar`.
        p, smallest_p: of a permutation test over speakers, over clips where not all are known; below `smallest_p` it
            could not come with so few of them; see `ser.statistics.gap`.
        paired: whether the same speakers have both values.
        lacking: emotions that only one of them has.
        recall: the same by emotion: how far the one value has the better opportunity (Hardt, Price and Srebro 2016,
            Equality of opportunity in supervised learning, NIPS).
    """

    higher: str
    lower: str
    uar: float
    interval: Interval
    p: float
    smallest_p: float
    paired: bool
    lacking: list[str]
    recall: dict[str, float]


@dataclass(frozen=True)
class Assessment:
    """What stands beside the scores.

    Attributes:
        breakdown: groups by attribute; `speaker` first, where speakers are known.
        gaps: of attributes with two values.
        not_broken_down: attributes with too many values, and how many these are.
    """

    intervals: Intervals
    baselines: Baselines
    breakdown: dict[str, list[Group]]
    gaps: dict[str, Gap]
    not_broken_down: dict[str, int]

    @property
    def worst_speaker(self) -> Group | None:
        """Whose emotions are told worst, by UAR, among those with clips enough to tell; None where there is none."""
        speakers = [group for group in self.breakdown.get(SPEAKER, []) if group.uar_interval and len(group.recall) > 1]
        worst = min(speakers, key=lambda group: group.uar, default=None)
        return worst if worst and worst.uar < max(group.uar for group in speakers) else None

    @property
    def attributes(self) -> dict[str, list[Group]]:
        """The breakdown without that by speaker."""
        return {name: groups for name, groups in self.breakdown.items() if name != SPEAKER}


def read_assessment(content: Mapping[str, Any]) -> Assessment | None:
    """What metrics.json says of it; None of a run of an earlier version.

    Raises:
        KeyError, TypeError: it is damaged.
    """
    if "intervals" not in content:
        return None
    return Assessment(
        Intervals(**content["intervals"]),
        Baselines(**content["baselines"]),
        {name: [Group(**group) for group in groups] for name, groups in content["breakdown"].items()},
        {name: Gap(**gap) for name, gap in content["gaps"].items()},
        content["not_broken_down"],
    )
