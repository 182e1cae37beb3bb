"""The report of a run of task=dimensions, from what it has told alone: metrics.json, report.txt and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ser.files import replacing
from ser.runs import names
from ser.runs.dimensions.assessing import assess, significant
from ser.runs.dimensions.names import SCATTER, SCORES, VALIDATION, interval_text, number, score_text
from ser.runs.dimensions.results import Agreement, DimensionResults, Validated, read_dimension_results
from ser.runs.dimensions.table import Numbers, pooled, read_numbers
from ser.runs.facts import Facts
from ser.runs.history import History, read_history, row_of
from ser.runs.pooled import facts_together
from ser.runs.report import beforehand, closing, heading, verdict
from ser.runs.report_tables import ENOUGH_SPEAKERS, between, grid
from ser.runs.results import Spread


@dataclass(frozen=True)
class DimensionEvaluation:
    """The test of a training, or of several pooled: as `ser.runs.report.Evaluation`, of dimensions."""

    results: DimensionResults
    predictions: Numbers
    views: Numbers | None = None
    validated: Numbers | None = None
    history: History = ()


def write_dimension_report(
    folder: Path,
    facts: Facts,
    predictions: Numbers,
    *,
    validation: Validated | None,
    views: Numbers | None = None,
    validated: Numbers | None = None,
    history: History = (),
    folds: Mapping[int, DimensionEvaluation] | None = None,
) -> DimensionEvaluation:
    """Write all that a test leaves in a run folder: as `ser.runs.report.write_report`."""
    predictions.write(folder / names.PREDICTIONS)
    if views is not None:
        views.write(folder / names.TTA_PREDICTIONS)
    validated = validated if validated and validated.rows else None  # as the Trainer was told
    if validated is not None:
        validated.write(folder / names.VALIDATION_PREDICTIONS)
    of_folds = [fold.results.whole.by_name for fold in (folds or {}).values()]
    spreads = {name: Spread.of([scores[name] for scores in of_folds]) for name in SCORES} if folds else None
    results = _results(predictions, views, replace(facts, validation=None), validation, spreads)
    evaluation = DimensionEvaluation(results, predictions, views, validated, history)
    _write(folder, evaluation, folds or {1: evaluation})
    return evaluation


def read_dimension_evaluation(folder: Path) -> DimensionEvaluation:
    """What an earlier process has left of a test.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged.
    """
    views, validated = folder / names.TTA_PREDICTIONS, folder / names.VALIDATION_PREDICTIONS
    return DimensionEvaluation(
        read_dimension_results(folder),
        read_numbers(folder / names.PREDICTIONS),
        read_numbers(views) if views.exists() else None,
        read_numbers(validated) if validated.exists() else None,
        read_history(folder),
    )


def rewrite_dimension_report(folder: Path) -> DimensionEvaluation:
    """Make the report of a run folder again, from its tables and the facts in its metrics.json.

    Raises:
        OSError, ValueError: as `read_dimension_evaluation`.
    """
    before = read_dimension_evaluation(folder)
    old = before.results
    results = _results(before.predictions, before.views, old.facts, old.validation, old.folds)
    evaluation = replace(before, results=results)
    folders = names.fold_folders(folder) if old.facts.split.is_pooled else {}
    folds = {n: read_dimension_evaluation(path) for n, path in folders.items() if (path / names.METRICS).exists()}
    _write(folder, evaluation, folds or {1: evaluation})
    return evaluation


def pool_dimensions(
    folder: Path, folds: Mapping[int, DimensionEvaluation], *, audio_s: float, n_folds: int
) -> DimensionEvaluation:
    """Pool what was told in the folds, and write their report into the run folder: as `ser.runs.pooled.pool`."""
    views = {fold: one.views for fold, one in folds.items() if one.views is not None}
    each = [one.results.validation for one in folds.values()]
    known = [one for one in each if one is not None]
    means = {name: significant(np.mean([getattr(one, name) for one in known])) for name in VALIDATION if known}
    return write_dimension_report(
        folder,
        facts_together([one.results.facts for one in folds.values()], audio_s, n_folds),
        pooled({fold: one.predictions for fold, one in folds.items()}),
        validation=Validated(epoch=None, **means) if len(known) == len(each) else None,
        views=pooled(views) if views else None,
        folds=folds,
    )


def validated_in(history: History, epoch: int) -> Validated | None:
    """Scores on the validation part after an epoch; None where it was not finished, or nothing was validated."""
    scores = row_of(history, epoch, VALIDATION)
    return Validated(epoch=epoch, **scores) if scores else None


def _results(
    table: Numbers,
    views: Numbers | None,
    facts: Facts,
    validation: Validated | None,
    folds: Mapping[str, Spread] | None,
) -> DimensionResults:
    whole, per_dimension, unit, n_units, breakdown = assess(table)
    return DimensionResults(
        whole,
        per_dimension,
        unit,
        n_units,
        len(table.rows),
        facts,
        validation,
        breakdown,
        tta=assess(views).whole.by_name if views else None,
        folds=dict(folds) if folds else None,
        constant=table.constant or None,
    )


def _write(folder: Path, evaluation: DimensionEvaluation, trainings: Mapping[int, DimensionEvaluation]) -> None:
    """Write report.txt, figures and metrics.json; the curves are those of `trainings`, by fold."""
    from ser.runs import figures
    from ser.runs.dimensions.figures import scatter

    results, table = evaluation.results, evaluation.predictions
    with replacing(folder / names.REPORT) as beside:
        beside.write_text(render_dimensions(results) + "\n", encoding="utf-8")
    said = [f"CCC {one.ccc:.3f}" for one in results.per_dimension.values()]
    title = dimension_headline(results)
    scatter(folder / SCATTER, table.truth, table.predicted, table.dimensions, said, title=title)
    histories = {fold: training.history for fold, training in trainings.items() if training.history}
    if histories:
        validation = {fold: training.results.validation for fold, training in trainings.items()}
        kept = {fold: scores.epoch for fold, scores in validation.items() if scores and scores.epoch}
        figures.curves(folder / names.CURVES, histories, kept, score=("ccc", SCORES["ccc"]))
    results.write(folder)  # last: where it is, the report is complete


def dimension_headline(results: DimensionResults) -> str:
    """What was tested, in one line."""
    return f"{heading(results.facts, results.folds)}, task=dimensions"


def render_dimensions(results: DimensionResults) -> str:
    """The report for a person, as report.txt has it."""
    facts = results.facts
    lines = [dimension_headline(results), ""]
    lines += beforehand(
        facts, results.n_test, is_pooled=bool(results.folds), is_validated=results.validation is not None
    )
    rows = [["", *(word for score in SCORES.values() for word in (score, "95 % interval"))]]
    rows += [_row(name, scores) for name, scores in results.per_dimension.items()]
    rows += [_row("mean", results.whole)] if len(results.per_dimension) > 1 else []
    lines += [*grid(rows), f"{results.n_test} clips; intervals by bootstrap over {results.n_units} {results.unit}"]
    lines += [hint for hint in (few_units(results), untold(results)) if hint]
    if results.folds:
        lines += [f"mean ± deviation over the folds: {_spreads(results.folds)}"]
    if results.tta:
        told = "   ".join(f"{SCORES[name]} {score_text(name, value)}" for name, value in results.tta.items())
        lines += [f"test-time augmentation, mean of {facts.tta_views} views, apart from the above: {told}"]
    if facts.chosen:
        told = ", ".join(f"{name} {value:g}" for name, value in facts.chosen.items() if not isinstance(value, list))
        said = told or "settings of each fold, see metrics.json"
        lines += [f"chosen on validation: {said}; then solved from training and validation together"]
    lines += ["", *broken_down(results), "", *verdict(facts.audit), *closing(facts)]
    return "\n".join(lines)


def _spreads(folds: Mapping[str, Spread]) -> str:
    return "   ".join(
        f"{SCORES[name]} {score_text(name, spread.mean)} ± {score_text(name, spread.std)}"
        for name, spread in folds.items()
    )


def _row(name: str, scores: Agreement) -> list[str]:
    values = scores.by_name
    intervals = scores.intervals or {}
    cells = [(score_text(one, values[one]), interval_text(one, intervals.get(one), "[{}, {}]")) for one in SCORES]
    return [name, *(cell for pair in cells for cell in pair)]


def broken_down(results: DimensionResults) -> Sequence[str]:
    """Mean CCC, and that of each dimension, by attribute."""
    rows = [["", "", "mean CCC", "95 % interval", *results.dimensions, "RMSE", "clips"]]
    for attribute, groups in results.breakdown.items():
        for group in groups:
            each = [f"{group.ccc[name]:.3f}" for name in results.dimensions]
            told = [f"{group.mean:.3f}", between(group.interval), *each, number(group.rmse), str(group.n)]
            rows.append([attribute if group is groups[0] else "", group.value, *told])
    return (
        [*grid(rows, left=2), "within a group the truth varies less, and so its CCC is lower"] if len(rows) > 1 else []
    )


def untold(results: DimensionResults) -> str:
    """What a reader must know of dimensions that say nothing; empty where nothing."""
    never = ", ".join(results.constant or [])
    return f"{never}: always the same in the test, so CCC and Pearson are 0 whatever is told" if never else ""


def few_units(results: DimensionResults) -> str:
    """What a reader must know of the intervals where few speakers were tested; empty where nothing."""
    if results.unit == "speakers" and results.n_units < ENOUGH_SPEAKERS:
        return (
            f"so few speakers tell little: the intervals are too narrow, {ENOUGH_SPEAKERS} speakers at least are wanted"
        )
    if results.unit == "clips" and names.SPEAKER in results.breakdown:
        return "clips of one speaker are alike: for other speakers these intervals are too narrow"
    return ""
