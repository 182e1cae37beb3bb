"""The test of a run, whatever its task."""

from collections.abc import Mapping
from pathlib import Path

from ser.runs.dimensions.report import (
    DimensionEvaluation,
    pool_dimensions,
    read_dimension_evaluation,
    render_dimensions,
    rewrite_dimension_report,
)
from ser.runs.dimensions.results import tells_numbers
from ser.runs.pooled import pool
from ser.runs.report import Evaluation, read_evaluation, render, rewrite_report

Tested = Evaluation | DimensionEvaluation


def read_tested(folder: Path) -> Tested:
    """What an earlier process has left of a test.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged.
    """
    return read_dimension_evaluation(folder) if tells_numbers(folder) else read_evaluation(folder)


def rewrite(folder: Path) -> Tested:
    """Make the report of a run folder again, from what was told in its test.

    Raises:
        OSError, ValueError: as `read_tested`.
    """
    return rewrite_dimension_report(folder) if tells_numbers(folder) else rewrite_report(folder)


def rendered(tested: Tested) -> str:
    """The report for a person, as report.txt has it."""
    return render(tested.results) if isinstance(tested, Evaluation) else render_dimensions(tested.results)


def pool_any(folder: Path, folds: Mapping[int, Tested], *, audio_s: float, n_folds: int) -> Tested:
    """Pool the tests of the folds, all of one task, and write their report into the run folder."""
    emotions = {fold: one for fold, one in folds.items() if isinstance(one, Evaluation)}
    if emotions:
        return pool(folder, emotions, audio_s=audio_s, n_folds=n_folds)
    numbers = {fold: one for fold, one in folds.items() if isinstance(one, DimensionEvaluation)}
    return pool_dimensions(folder, numbers, audio_s=audio_s, n_folds=n_folds)
