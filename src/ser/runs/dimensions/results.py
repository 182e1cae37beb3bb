"""What metrics.json says of a run of task=dimensions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser.files import replacing
from ser.runs.dimensions.names import DIMENSIONS, SCORES
from ser.runs.facts import Facts, facts_of
from ser.runs.names import METRICS
from ser.runs.results import Results, Spread, plain, read_results

Interval = list[float]
"""A 95 % interval: [low, high]."""


@dataclass(frozen=True)
class Agreement:
    """How far what was told agrees with the truth.

    Attributes:
        ccc, pearson: -1 to 1, of one dimension or the mean over all.
        rmse: in the corpus's scale.
        intervals: of each score by name; None where there are too few clips to tell.
    """

    ccc: float
    pearson: float
    rmse: float
    intervals: dict[str, Interval] | None

    @property
    def by_name(self) -> dict[str, float]:
        """The scores."""
        return {name: getattr(self, name) for name in SCORES}


@dataclass(frozen=True)
class Group:
    """The clips with one value of an attribute; `ccc`: of each dimension, within the group, and `mean` of all.

    `interval`: of the mean; None where there are too few clips to tell. `rmse`: mean over the dimensions.
    """

    value: str
    n: int
    n_speakers: int
    ccc: dict[str, float]
    mean: float
    interval: Interval | None
    rmse: float


@dataclass(frozen=True, kw_only=True)
class Validated:
    """Scores on the validation part, of the epoch kept (from 1); of pooled folds their means, without an epoch."""

    epoch: int | None = None
    loss: float
    ccc: float
    pearson: float
    rmse: float


@dataclass(frozen=True)
class DimensionResults:
    """What metrics.json says.

    Attributes:
        whole: mean scores over the dimensions.
        per_dimension: scores by dimension.
        unit, n_units: what intervals are by bootstrap over, speakers or clips, and how many.
        n_test: clips.
        facts: all else; its `validation` is None.
        validation: see `Validated`; None where nothing was validated.
        breakdown: groups by attribute; `speaker` first, where speakers are known.
        tta: mean scores of the mean of their views, with test-time augmentation.
        folds: each mean score's spread over the folds, where they are pooled.
        constant: dimensions whose truth is the same in all test clips; None: there are none.
    """

    whole: Agreement
    per_dimension: dict[str, Agreement]
    unit: str
    n_units: int
    n_test: int
    facts: Facts
    validation: Validated | None
    breakdown: dict[str, list[Group]]
    tta: dict[str, float] | None = None
    folds: dict[str, Spread] | None = None
    constant: list[str] | None = None

    @property
    def dimensions(self) -> list[str]:
        return list(self.per_dimension)

    @property
    def main_validation(self) -> float | None:
        """By which runs are chosen: mean CCC on validation."""
        return self.validation.ccc if self.validation else None

    def content(self) -> dict[str, Any]:
        """As metrics.json has it, in one mapping."""
        rest: dict[str, Any] = plain(self)
        whole, facts = rest.pop("whole"), rest.pop("facts")
        return {"task": DIMENSIONS, **whole, **rest, **{**facts, "validation": rest["validation"]}}

    def write(self, folder: Path) -> None:
        """Write metrics.json."""
        with replacing(folder / METRICS) as beside:
            beside.write_text(json.dumps(self.content(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def tells_numbers(folder: Path) -> bool:
    """Whether the result in a run folder is one of task=dimensions; False too where there is none that can be read."""
    try:
        return bool(json.loads((folder / METRICS).read_text(encoding="utf-8"))["task"] == DIMENSIONS)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_dimension_results(folder: Path) -> DimensionResults:
    """What metrics.json of a run folder says.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or of another task.
    """
    path = folder / METRICS
    content = json.loads(path.read_text(encoding="utf-8"))
    try:
        return _of(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def read_any_results(folder: Path) -> Results | DimensionResults:
    """What metrics.json of a run folder says.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or not of this program.
    """
    return read_dimension_results(folder) if tells_numbers(folder) else read_results(folder)


def _of(content: Mapping[str, Any]) -> DimensionResults:
    validation, folds = content["validation"], content.get("folds")
    own = ("ccc", "pearson", "rmse", "intervals")
    return DimensionResults(
        whole=Agreement(**{name: content[name] for name in own}),
        per_dimension={name: Agreement(**scores) for name, scores in content["per_dimension"].items()},
        unit=content["unit"],
        n_units=content["n_units"],
        n_test=content["n_test"],
        facts=facts_of({**content, "validation": None}),
        validation=validation and Validated(**validation),
        breakdown={name: [Group(**group) for group in groups] for name, groups in content["breakdown"].items()},
        tta=content.get("tta"),
        folds=folds and {name: Spread(**spread) for name, spread in folds.items()},
        constant=content.get("constant"),
    )
