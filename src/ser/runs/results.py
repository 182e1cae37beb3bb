"""What metrics.json of a run folder says: scores of the test, and facts that predictions do not tell."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from ser.errors import TaskError
from ser.files import replacing
from ser.runs.assessment import Assessment, read_assessment
from ser.runs.calibration import Calibration, read_calibration
from ser.runs.facts import Facts, facts_of, those_of
from ser.runs.names import METRICS, SCORES
from ser.runs.votes import VoteScores, read_vote_scores

# Below, what is None by default is left out of metrics.json where it is None; other things are null there.


@dataclass(frozen=True)
class ClassScores:
    """Scores of one emotion; `support`: test clips."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """Scores of some predictions.

    Attributes:
        accuracy, uar, macro_f1, weighted_f1: 0 to 1.
        n_test: clips.
        per_class: by emotion.
        labels: the emotions, in class order.
        confusion: counts, a row for each true emotion, a column for each predicted one.
    """

    accuracy: float
    uar: float
    macro_f1: float
    weighted_f1: float
    n_test: int
    per_class: dict[str, ClassScores]
    labels: list[str]
    confusion: list[list[int]]

    @property
    def by_name(self) -> dict[str, float]:
        """The four scores."""
        return {name: getattr(self, name) for name in SCORES}


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (of a sample; 0 of a single one) of some values."""

    mean: float
    std: float
    values: list[float]

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        import numpy as np

        return cls(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0, list(values))


@dataclass(frozen=True)
class Results:
    """What metrics.json says.

    Attributes:
        scores: of the test clips as they are.
        facts: all else.
        tta: the four scores of the mean of their views, with test-time augmentation.
        folds: each score's spread over the folds, where they are pooled.
        assessment: intervals, baselines and breakdown of the scores; None of a run of an earlier version.
        calibration: how far the probabilities can be believed; None where they are no numbers, and of older runs.
        votes: how near they come to what raters said; None where there are no votes.
    """

    scores: Scores
    facts: Facts
    tta: dict[str, float] | None = None
    folds: dict[str, Spread] | None = None
    assessment: Assessment | None = None
    calibration: Calibration | None = None
    votes: VoteScores | None = None

    @property
    def main_validation(self) -> float | None:
        """By which runs are chosen: UAR on validation."""
        return self.facts.validation.uar if self.facts.validation else None

    def content(self) -> dict[str, Any]:
        """As metrics.json has it, in one mapping."""
        whole: dict[str, Any] = plain(self)
        parts = [whole.pop(name, {}) for name in ("scores", "assessment", "facts")]
        return {name: value for part in (*parts, whole) for name, value in part.items()}

    def write(self, folder: Path) -> None:
        """Write metrics.json."""
        with replacing(folder / METRICS) as beside:
            beside.write_text(json.dumps(self.content(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def plain(part: Any) -> Any:
    """A part of the results as metrics.json has it."""
    if is_dataclass(part):
        named = [(field, getattr(part, field.name)) for field in fields(part)]
        return {field.name: plain(value) for field, value in named if value is not None or field.default is not None}
    if isinstance(part, list):
        return [plain(value) for value in part]
    if isinstance(part, Mapping):
        return {name: plain(value) for name, value in part.items()}
    return part


def read_results(folder: Path) -> Results:
    """What metrics.json of a run folder says.

    Raises:
        FileNotFoundError: there is none.
        TaskError: it is of another task: see `ser.runs.dimensions`.
        ValueError: it is damaged, or not of this program.
    """
    path = folder / METRICS
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, Mapping) and "task" in content:
        raise TaskError(f"{folder}: a run of task={content['task']}, and this is of emotions alone; docs/dimensions.md")
    try:
        return _of(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _of(content: Mapping[str, Any]) -> Results:
    per_class = {label: ClassScores(**scores) for label, scores in content["per_class"].items()}
    folds = content.get("folds")
    return Results(
        Scores(**{**those_of(Scores, content), "per_class": per_class}),
        facts_of(content),
        content.get("tta"),
        folds and {name: Spread(**spread) for name, spread in folds.items()},
        read_assessment(content),
        read_calibration(content),
        read_vote_scores(content),
    )
