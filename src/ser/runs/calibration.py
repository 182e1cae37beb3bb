"""What metrics.json of a run folder says of its probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Temperature = float | list[float | None]
"""Fitted on validation; of pooled folds one each, None for a fold where none was."""


@dataclass(frozen=True)
class Uncalibrated:
    """Scores of the probabilities without the temperature; see `Calibration`."""

    ece: float
    brier: float


@dataclass(frozen=True)
class Bin:
    """Answers about as sure as each other.

    Attributes:
        low, high: their probabilities are above the one, and at most the other.
        n: clips.
        confidence: mean probability of the answers.
        accuracy: part of them that are right.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Coverage:
    """Accuracy when the least sure answers are left out; see `ser.calibration.accuracy_by_coverage`.

    Attributes:
        area: under accuracy against coverage, 0 to 1.
        points: coverage (above 0, to 1) and accuracy, 50 at most.
    """

    area: float
    points: list[list[float]]


@dataclass(frozen=True)
class Conformal:
    """Sets of emotions that are to hold the truth of `level` of the clips; see `ser.calibration.conformal_threshold`.

    Attributes:
        level: 0 to 1.
        coverage: part of the test clips whose set holds the truth.
        interval: of coverage, 95 %, by bootstrap over speakers; over clips where fewer than five are known.
        mean_size: emotions in a set.
    """

    level: float
    coverage: float
    interval: list[float]
    mean_size: float


@dataclass(frozen=True)
class Calibration:
    """How far the probabilities can be believed.

    Attributes:
        ece: expected calibration error, 0 to 1.
        brier: score over all classes, 0 to 2.
        brier_of_the_rates: that of always answering how often each emotion is true in the test.
        temperature: None: none was fitted.
        before: without the temperature; None where there is none.
        bins: of the reliability diagram, those that are not empty.
        coverage: accuracy when unsure answers are left out.
        conformal: None where the answers to validation are not known.
    """

    ece: float
    brier: float
    brier_of_the_rates: float
    temperature: Temperature | None
    before: Uncalibrated | None
    bins: list[Bin]
    coverage: Coverage
    conformal: Conformal | None

    @property
    def by_name(self) -> dict[str, float]:
        """The single numbers."""
        numbers = {"ece": self.ece, "brier": self.brier, "coverage_area": self.coverage.area}
        if self.conformal:
            numbers |= {"set_coverage": self.conformal.coverage, "set_size": self.conformal.mean_size}
        return numbers


def read_calibration(content: Mapping[str, Any]) -> Calibration | None:
    """What the content of a metrics.json says; None where it says nothing, as of older runs.

    Raises:
        KeyError, TypeError, AttributeError: it is damaged.
    """
    said = content.get("calibration")
    if said is None:
        return None
    before, conformal = said["before"], said["conformal"]
    parts = {
        "before": before and Uncalibrated(**before),
        "bins": [Bin(**one) for one in said["bins"]],
        "coverage": Coverage(**said["coverage"]),
        "conformal": conformal and Conformal(**conformal),
    }
    return Calibration(**{**said, **parts})
