"""The pictures of a run's page."""

from collections.abc import Iterator, Mapping, Sequence

from ser.page.drawing import Curve, Panel, over_epochs, panel, part
from ser.runs.calibration import Bin
from ser.runs.dimensions.report import DimensionEvaluation
from ser.runs.dimensions.results import DimensionResults
from ser.runs.names import EPOCH, TRAIN_LOSS, validation_column
from ser.runs.tested import Tested

SOLID, DASHED, DOTTED = "none", "7 4", "2 3"
INK = 6  # a colour


def curves(trainings: Mapping[int, Tested]) -> list[Panel]:
    """Loss and UAR, or CCC, over the epochs, a colour a fold; none where no training had more than one epoch."""
    if all(len(training.history) < 2 for training in trainings.values()):
        return []
    losses = [
        *_curves(trainings, TRAIN_LOSS, "training", SOLID),
        *_curves(trainings, validation_column("loss"), "validation", DASHED),
    ]
    numbers = any(isinstance(training, DimensionEvaluation) for training in trainings.values())
    score, word = ("ccc", "CCC") if numbers else ("uar", "UAR")
    scores = list(_curves(trainings, validation_column(score), "validation", SOLID))
    panels = [over_epochs("Loss", losses, "loss"), over_epochs(f"{word} on the validation part", scores, word)]
    return [drawn for drawn in panels if drawn]


def _curves(trainings: Mapping[int, Tested], column: str, name: str, dash: str) -> Iterator[Curve]:
    for index, (fold, training) in enumerate(trainings.items()):
        points = [(int(row[EPOCH]), float(row[column])) for row in training.history]
        results = training.results
        validation = results.validation if isinstance(results, DimensionResults) else results.facts.validation
        kept = [validation.epoch] if validation and validation.epoch and column != TRAIN_LOSS else []
        yield Curve(index, f"{name}, fold {fold}" if len(trainings) > 1 else name, points, kept, dash)


def reliability(bins: Sequence[Bin]) -> Panel:
    """How often answers are right, against how sure they are."""
    points = [(one.confidence, one.accuracy) for one in bins]
    measured = Curve(0, "measured", points, [x for x, _ in points], SOLID)
    ideal = Curve(INK, "as it should be", [(0, 0), (1, 1)], (), DOTTED)
    return panel("Reliability", [ideal, measured], part("probability of the answer"), part("accuracy"))


def coverage(points: Sequence[Sequence[float]]) -> Panel:
    """How often the surest answers are right, against how many of them are taken."""
    curve = Curve(0, "accuracy", [(covered, right) for covered, right in points], (), SOLID)
    answered = part("coverage: part of the clips answered")
    return panel("Accuracy against coverage", [curve], answered, part("accuracy"))
