"""A run's report, from its predictions alone: metrics.json, report.txt and figures."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ser import metrics
from ser.files import replacing
from ser.runs import calibrated, names, voting
from ser.runs.assessing import assess
from ser.runs.calibration import Temperature
from ser.runs.check import OVERFIT
from ser.runs.facts import Facts, Interruption, Trained
from ser.runs.history import History, read_history
from ser.runs.names import MAIN_SCORES, SCORES
from ser.runs.predictions import Predictions, read_predictions
from ser.runs.report_tables import broken_down, class_table, main_scores, member_table
from ser.runs.results import ClassScores, Results, Scores, Spread, read_results
from ser.splits.audit import Audit


@dataclass(frozen=True)
class Evaluation:
    """The test of a training, or of several pooled.

    Attributes:
        results: what metrics.json says.
        predictions: what predictions.csv says.
        views: what predictions_tta.csv says; None without test-time augmentation.
        validated: what validation.csv says; pooled folds have none of their own.
        history: what history.csv says; pooled folds have none of their own.
    """

    results: Results
    predictions: Predictions
    views: Predictions | None = None
    validated: Predictions | None = None
    history: History = ()


def write_report(
    folder: Path,
    facts: Facts,
    predictions: Predictions,
    *,
    views: Predictions | None = None,
    validated: Predictions | None = None,
    history: History = (),
    folds: Mapping[int, Evaluation] | None = None,
    temperature: Temperature | None = None,
) -> Evaluation:
    """Write all that a test leaves in a run folder: predictions, report.txt, figures, and metrics.json last.

    Args:
        folder: the run folder, or that of a fold.
        facts: what predictions do not say.
        predictions, views, validated, history: see `Evaluation`.
        folds: those that were pooled into this one, by number.
        temperature: see `Calibration`.

    Returns:
        what was written.
    """
    predictions.write(folder / names.PREDICTIONS)
    if views is not None:
        views.write(folder / names.TTA_PREDICTIONS)
    if validated is not None and not validated.rows:  # as the Trainer was told
        validated = None
    if validated is not None:
        validated.write(folder / names.VALIDATION_PREDICTIONS)
    of_folds = [fold.results.scores.by_name for fold in (folds or {}).values()]
    spreads = {name: Spread.of([scores[name] for scores in of_folds]) for name in SCORES} if folds else None
    apart = [fold.validated for fold in folds.values()] if folds else [validated]
    calibration = calibrated.calibration_of(predictions, apart, temperature)
    tta = summarize(views).by_name if views else None
    scores, raters = summarize(predictions), voting.vote_scores(predictions)
    results = Results(scores, facts, tta, spreads, assess(predictions), calibration, raters)
    evaluation = Evaluation(results, predictions, views, validated, history)
    _write(folder, evaluation, folds or {1: evaluation})
    return evaluation


def read_evaluation(folder: Path) -> Evaluation:
    """What an earlier process has left of a test.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged.
    """
    views, validated = folder / names.TTA_PREDICTIONS, folder / names.VALIDATION_PREDICTIONS
    return Evaluation(
        read_results(folder),
        read_predictions(folder / names.PREDICTIONS),
        read_predictions(views) if views.exists() else None,
        read_predictions(validated) if validated.exists() else None,
        read_history(folder),
    )


def rewrite_report(folder: Path) -> Evaluation:
    """Make the report of a run folder again, from its predictions, its history and the facts in its metrics.json.

    Raises:
        OSError, ValueError: as `read_evaluation`.
    """
    before = read_evaluation(folder)
    tta = summarize(before.views).by_name if before.views else None
    scores, assessment = summarize(before.predictions), assess(before.predictions)
    folders = names.fold_folders(folder) if before.results.facts.split.is_pooled else {}
    folds = {fold: read_evaluation(path) for fold, path in folders.items() if (path / names.METRICS).exists()}
    apart = [fold.validated for fold in folds.values()] if folders else [before.validated]
    known = before.results.calibration
    fitted = known.temperature if known else None
    calibration = calibrated.calibration_of(before.predictions, apart, fitted)
    if calibration and not calibration.conformal and known:  # of folds whose folders are gone
        calibration = replace(calibration, conformal=known.conformal)
    results = replace(before.results, scores=scores, tta=tta, assessment=assessment, calibration=calibration)
    results = replace(results, votes=voting.vote_scores(before.predictions))
    evaluation = replace(before, results=results)
    _write(folder, evaluation, folds or {1: evaluation})
    return evaluation


def _write(folder: Path, evaluation: Evaluation, trainings: Mapping[int, Evaluation]) -> None:
    """Write report.txt, figures and metrics.json; the curves are those of `trainings`, by fold."""
    from ser.runs import figures

    results = evaluation.results
    with replacing(folder / names.REPORT) as beside:
        beside.write_text(render(results) + "\n", encoding="utf-8")
    confusion = evaluation.predictions.confusion
    figures.confusion(folder / names.CONFUSION, confusion, results.scores.labels, title=headline(results))
    if results.calibration:
        figures.calibration(folder / names.CALIBRATION, results.calibration, title=headline(results))
    histories = {fold: training.history for fold, training in trainings.items() if training.history}
    if histories:
        validation = {fold: training.results.facts.validation for fold, training in trainings.items()}
        kept = {fold: scores.epoch for fold, scores in validation.items() if scores and scores.epoch}
        figures.curves(folder / names.CURVES, histories, kept)
    results.write(folder)  # last: where it is, the report is complete


def summarize(predictions: Predictions) -> Scores:
    """All scores of some predictions."""
    confusion = predictions.confusion
    classes = metrics.per_class(confusion)
    return Scores(
        accuracy=metrics.accuracy(confusion),
        uar=metrics.uar(confusion),
        macro_f1=metrics.macro_f1(confusion),
        weighted_f1=metrics.weighted_f1(confusion),
        n_test=int(confusion.sum()),
        per_class={
            label: ClassScores(
                precision=float(classes["precision"][i]),
                recall=float(classes["recall"][i]),
                f1=float(classes["f1"][i]),
                support=int(classes["support"][i]),
            )
            for i, label in enumerate(predictions.labels)
        },
        labels=predictions.labels,
        confusion=confusion.tolist(),
    )


def headline(results: Results) -> str:
    """What was evaluation, in one line."""
    return heading(results.facts, results.folds)


def heading(facts: Facts, folds: Mapping[str, Spread] | None) -> str:
    """Corpus and protocol of a test, in one line; `folds`: the spread of any scores over the pooled folds."""
    split = facts.split
    which = f"fold {split.fold} of {split.n_folds}"
    if split.is_pooled:
        n_tested = len(next(iter(folds.values())).values) if folds else 0
        all_are = n_tested == split.n_folds
        which = f"all {split.n_folds} folds pooled" if all_are else f"{n_tested} of {split.n_folds} folds pooled"
    about = f"check={facts.check.name}, NO RESULT: " if facts.check else ""
    about = "fast_dev_run, NO RESULT: " if facts.rehearsal else about
    labels = f", {facts.label_map.title}" if facts.label_map else ""
    if facts.trained:
        return f"{facts.corpus.name}{labels}, split={split.name}, trained on {facts.trained.corpus}"
    return f"{about}{facts.corpus.name}{labels}, split={split.name}, {which}"


def across(trained: Trained) -> str:
    """What was tested on another corpus, in words."""
    mean = f", the mean of {trained.n_recognizers} recognisers" if trained.n_recognizers > 1 else ""
    return f"trained on {trained.corpus} ({trained.split}): {trained.run}{mean}"


def render(results: Results) -> str:
    """The report for a person, as report.txt has it."""
    scores, facts = results.scores, results.facts
    lines = [headline(results), "", *beforehand(facts, scores.n_test, is_pooled=bool(results.folds))]
    lines += [*class_table(scores), "", *main_scores(results)]
    if results.folds:
        parts = [
            f"{SCORES[name]} {s.mean:.3f} ± {s.std:.3f}" for name, s in results.folds.items() if name in MAIN_SCORES
        ]
        lines += [f"mean ± deviation over the folds: {'   '.join(parts)}"]
    lines += voting.told(results.votes) if results.votes else []
    lines += [voting.about_agreement(facts.corpus.agreement)] if facts.corpus.agreement is not None else []
    if results.tta:
        lines += [
            f"test-time augmentation, mean of {facts.tta_views} views, apart from the above: {_line(results.tta)}"
        ]
    if facts.chosen:
        told = ", ".join(f"{name} {_told(value)}" for name, value in facts.chosen.items())
        lines += [f"chosen on validation: {told}; then solved from training and validation together"]
    if facts.ensemble:
        lines += ["", *member_table(facts.ensemble, scores)]
    if not (facts.check and facts.check.name == OVERFIT):  # which tests what it trains on
        if results.assessment and (parts := broken_down(results.assessment)):
            lines += ["", *parts]
        if results.calibration:
            lines += ["", *calibrated.told(results.calibration)]
        lines += ["", *verdict(facts.audit)]
    return "\n".join([*lines, *closing(facts)])


def beforehand(facts: Facts, n_test: int, *, is_pooled: bool, is_validated: bool = False) -> list[str]:
    """What a reader must know before the scores; `is_validated`: whether validation was, whatever the facts say."""
    lines: list[str] = []
    if facts.check:
        lines += [facts.check.said, ""]
    if facts.rehearsal:
        lines += ["one batch of everything was heard, to see whether it runs: this is no result", ""]
    if facts.corpus.notice:
        lines += [facts.corpus.notice, ""]
    if facts.label_map:
        lines += [facts.label_map.said, ""]
    if facts.trained:
        lines += [across(facts.trained), ""]
    if facts.interrupted:
        lines += [_stopped(facts.interrupted), ""]
    if facts.untested:
        n_all = n_test + facts.untested
        lines += [
            f"ONLY {n_test} of {n_all} test clips were heard, as the Trainer was told: this is no result",
            "",
        ]
    elif not (is_validated or facts.validation) and not (
        facts.rehearsal or facts.interrupted or is_pooled or facts.ensemble
    ):
        lines += ["no epoch was validated: tested is what was learnt at the end of training", ""]
    return lines


def closing(facts: Facts) -> list[str]:
    """The last lines of a report: what was left out, and what it was of."""
    broken = facts.corpus.n_broken
    lines = []
    if broken:
        lines += [f"left out: {broken} clips that could not be used; {names.BROKEN} in the run folder lists them"]
    seed = "" if facts.seed is None else f", seed {facts.seed}"
    lines += [f"split hash {facts.split.hash}{seed}, corpus {facts.corpus.fingerprint}"]
    return lines


def _line(scores: Mapping[str, float]) -> str:
    return "   ".join(f"{SCORES[name]} {value:.3f}" for name, value in scores.items() if name in MAIN_SCORES)


def _told(value: float | list[float]) -> str:
    """A value, or those of the folds."""
    return ", ".join(f"{one:g}" for one in value) + " by fold" if isinstance(value, list) else f"{value:g}"


def _stopped(interrupted: Interruption) -> str:
    where = f"epoch {interrupted.epoch} of {interrupted.n_epochs}"
    if interrupted.fold:
        where += f" in fold {interrupted.fold} of {interrupted.n_folds}"
    return f"INTERRUPTED in {where}: this is no finished result; go on with resume=true"


def verdict(audit: Audit) -> list[str]:
    """The audit in plain words, beside the score."""
    beware = f" ({audit.about_speakers})" if audit.about_speakers else ""
    lines = [f"speaker_independent: {audit.verdict}{beware}"]
    if audit.about_known:
        lines += [f"normalize=speaker: {audit.about_known}"]
    found = "unknown" if audit.n_gone and not audit.identical else len(audit.identical)
    lines += [f"identical recordings in training and test: {found}"]
    lines += [f"  {train} = {test}" for train, test in audit.identical[:5]]
    return lines
