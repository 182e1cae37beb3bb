"""run(config): the only place where the parts are wired."""

import logging
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pytorch_lightning as pl

from ser.config.schema import Config
from ser.errors import Aborted
from ser.illustration import illustrate
from ser.launch.fold_folder import fold_begun
from ser.loggers.base import FOLD, POOLED, TRAIN
from ser.loggers.epochs import LogEpochs
from ser.loggers.guard import Loggers, build_loggers
from ser.loggers.job import describe
from ser.preparation import prepare
from ser.prepared import Prepared
from ser.report.page import write_page
from ser.runs.check import judge
from ser.runs.dimensions.report import validated_in, write_dimension_report
from ser.runs.dimensions.table import numbers_table
from ser.runs.environment import write_environment
from ser.runs.facts import Facts, Interruption, Seconds, SplitFacts
from ser.runs.history import validation_of
from ser.runs.names import BEST, LAST, fold_folder
from ser.runs.predictions import predictions_of
from ser.runs.report import write_report
from ser.runs.split import check_unchanged, write_split
from ser.runs.tested import Tested, pool_any, read_tested, rendered
from ser.search.pruning import PruneBadTrials, Pruned
from ser.search.trial import read_trial
from ser.splits.audit import Audit, audit
from ser.splits.base import ALL_FOLDS, Split
from ser.training import interruption, processes
from ser.training.calibrating import calibrate
from ser.training.checkpoints import best_path, epoch_of, fingerprint_of, replace_weights
from ser.training.interruption import StopOnInterrupt
from ser.training.loops import fit, predict
from ser.training.progress import History
from ser.training.solving import solve, solve_again
from ser.training.trainer import device_name, make_trainer

log = logging.getLogger("ser")


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        report: its text.
        interrupted: whether Ctrl-C stopped it.
        pruned: whether the search ended it of which it is a trial; then it was not tested, and the report says so.
        evaluation: its test; None where it was pruned, and in a process that is not the main one.
    """

    report: str
    interrupted: bool = False
    pruned: bool = False
    evaluation: Tested | None = None

    @classmethod
    def of(cls, evaluation: Tested) -> "Outcome":
        """Of a run, or a fold, that was tested."""
        interrupted = evaluation.results.facts.interrupted is not None
        return cls(rendered(evaluation), interrupted, evaluation=evaluation)

    @property
    def validation(self) -> float | None:
        """UAR, or mean CCC, on validation, of the epoch kept, or its mean over the folds."""
        return self.evaluation.results.main_validation if self.evaluation else None


def run(config: Config, folder: Path) -> Outcome:
    """Train and test as `config` says, and leave the run's files in `folder`.

    Args:
        config: of the run; with `resume` it goes on from what lies in the folder.
        folder: the run folder; it exists.

    Raises:
        SerError: something that the user can mend.
    """
    if processes.rank() == 0:
        write_environment(folder)
    loggers = build_loggers(config.logger)
    prepared = prepare(config, folder)
    if not prepared.is_main:
        loggers = Loggers()
    with processes.training_processes(config, folder):
        if config.split["fold"] == ALL_FOLDS:
            outcome = _run_folds(folder, prepared, loggers)
        else:
            outcome = _run_fold(folder, prepared.folds[0], prepared, loggers, _pruning(folder, prepared))
    tested = outcome.evaluation
    if tested and not outcome.interrupted and not config.trainer.get("fast_dev_run"):
        illustrate(folder, tested.predictions, prepared)
    if outcome.evaluation:
        _draw_page(folder)
    return outcome


def _draw_page(folder: Path) -> None:
    """Write the page of a run; whatever becomes of it, the run has its result."""
    try:
        with interruption.ending():
            write_page(folder)
    except Aborted:
        log.warning("stopped: the run is whole, but for its page; ser report makes it again")
    except Exception as error:
        log.warning(
            "the run is whole, but for its page (%s: %s); ser report makes it again", type(error).__name__, error
        )


def _pruning(folder: Path, prepared: Prepared, earlier: Sequence[float] = ()) -> list[pl.Callback]:
    """Callbacks of the search's pruning, where the run in `folder` is a trial of one."""
    trial = read_trial(folder)
    if trial is None:
        return []
    return [
        PruneBadTrials(
            trial,
            earlier,
            n_epochs=prepared.config.trainer["max_epochs"],
            monitor=prepared.config.training.monitor,
            is_last=len(earlier) + 1 == len(prepared.folds),
        )
    ]


def _run_folds(folder: Path, prepared: Prepared, loggers: Loggers) -> Outcome:
    """Train and test on every fold in a folder of its own, and pool the predictions."""
    folds: dict[int, Tested] = {}
    scores: list[float] = []
    outcome = Outcome("")
    for split in prepared.folds:
        own = fold_folder(folder, split.fold)
        with fold_begun(own, prepared.config, split.fold) if prepared.is_main else nullcontext():
            outcome = _run_fold(own, split, prepared, loggers, _pruning(folder, prepared, scores))
            log.info("\n%s\n", outcome.report)
        if outcome.pruned:
            return outcome
        if outcome.evaluation:
            folds[split.fold] = outcome.evaluation
        if outcome.interrupted:
            break
        scores.append(outcome.validation or 0.0)  # only the main process has any
    if not prepared.is_main:
        return outcome
    evaluation = pool_any(folder, folds, audio_s=prepared.audio_s, n_folds=len(prepared.folds))
    if loggers:
        facts = evaluation.results.facts
        with loggers.running(describe(prepared.config, folder, POOLED, facts.split, facts.corpus)):
            loggers.log_results(evaluation, prepared.recordings)
    return Outcome.of(evaluation)


def _run_fold(
    folder: Path, split: Split, prepared: Prepared, loggers: Loggers, pruning: Sequence[pl.Callback]
) -> Outcome:
    """Train on one fold, test, and write its files; a fold that is finished already is left as it is."""
    config = prepared.config
    if config.resume:
        finished = _finished(folder)
        check_unchanged(folder, split, prepared.corpus.fingerprint, _fingerprint_before(folder, finished))
        if finished:
            return Outcome.of(finished)
    leaks = audit(split, prepared.content, prepared.known(split), config.normalize.emotion)
    if prepared.is_main:
        write_split(folder, split)
    log.info(
        "split=%s, fold %d of %d: %d clips for training, %d for validation, %d for test; speaker_independent: %s",
        *(split.name, split.fold, split.n_folds, len(split.train), len(split.val), len(split.test)),
        leaks.verdict,
    )
    kind = FOLD if config.split["fold"] == ALL_FOLDS else TRAIN
    protocol = SplitFacts.of(split, leaks, config.split["seed"])
    with loggers.running(describe(config, folder, kind, protocol, prepared.corpus)):
        try:
            return _train_and_test(folder, split, protocol, leaks, prepared, loggers, pruning)
        except Pruned as pruned:
            if prepared.is_main:
                (folder / LAST).unlink(missing_ok=True)  # there is nothing to go on with
            return Outcome(str(pruned), pruned=True)


def _finished(folder: Path) -> Tested | None:
    """The test of the run or fold in a folder, if it came to its end; None also where its files are damaged."""
    try:
        evaluation = read_tested(folder)
    except (FileNotFoundError, ValueError):
        return None
    return None if evaluation.results.facts.interrupted else evaluation


def _fingerprint_before(folder: Path, finished: Tested | None) -> str | None:
    """Fingerprint of the corpus that the run or fold in a folder has seen, where it has noted one."""
    if finished:
        return finished.results.facts.corpus.fingerprint
    return fingerprint_of(folder / LAST) if (folder / LAST).exists() else None


def _train_and_test(
    folder: Path,
    split: Split,
    protocol: SplitFacts,
    leaks: Audit,
    prepared: Prepared,
    loggers: Loggers,
    pruning: Sequence[pl.Callback],
) -> Outcome:
    """Train on one fold, or go on with it, test, and write its files."""
    config = prepared.config
    pl.seed_everything(config.seed, workers=True, verbose=False)
    recognizer, data = prepared.recognizer(split), prepared.data(split)
    started = time.monotonic()
    solution = solve(recognizer, data, config.training.monitor) if recognizer.is_solved else None
    stop, history = StopOnInterrupt(folder), History(folder)
    trainer = make_trainer(
        config,
        folder,
        stop,
        history,
        title="Training" if split.n_folds == 1 else f"Training, fold {split.fold} of {split.n_folds}",
        loggers=loggers.for_trainer(folder),
        further=[*([LogEpochs(loggers)] if loggers else []), *pruning],
    )
    last = folder / LAST
    with stop.listening():
        # What is solved begins anew: there is nothing to gain, and best.ckpt may have learnt from validation by then.
        goes_on = config.resume and last.exists() and not solution
        interrupted = fit(trainer, recognizer, data, last if goes_on else None)
    trained = time.monotonic()
    best = best_path(trainer) or folder / BEST
    if best_path(trainer) is None and interrupted is None:  # no epoch was validated, or by fast_dev_run none is kept
        trainer.save_checkpoint(best)
    with interruption.ending():
        recognizer = type(recognizer).load_from_checkpoint(best, weights_only=True)
        recognizer.temperature.fill_(1)  # a run that goes on may have been stopped after it was fitted
        validated, validation, _ = predict(trainer, recognizer, data.val_dataloader())
        temperature = None
        if config.training.calibrate:
            validation, temperature = calibrate(recognizer, validation, data.datasets["val"].truth[validated])
        if solution:
            both = replace(split, train=split.train + split.val, val=[])
            solve_again(recognizer, prepared.data(both), solution, prepared.class_weights(both))
        if (solution or config.training.calibrate) and prepared.is_main:
            replace_weights(best, recognizer)
        recognizer.n_views = config.tta
        places, plain, views = predict(trainer, recognizer, data.predict_dataloader())
    if not prepared.is_main:
        return Outcome("", interrupted is not None)
    heard = [split.test[place] for place in places]
    facts = Facts(
        seed=config.seed,
        corpus=prepared.corpus,
        git_commit=prepared.provenance.git_commit,
        versions=prepared.provenance.versions,
        seconds=Seconds(prepared.audio_s, round(trained - started, 1), round(time.monotonic() - trained, 1)),
        split=protocol,
        audit=leaks,
        validation=None if prepared.tells_numbers else validation_of(history.rows, epoch_of(best)),
        n_parameters=sum(parameter.numel() for parameter in recognizer.trained.parameters()),
        device=device_name(trainer),
        precision=str(trainer.precision),
        tta_views=config.tta or None,
        chosen=solution.chosen if solution else None,
        untested=len(split.test) - len(heard) or None,
        rehearsal=bool(config.trainer.get("fast_dev_run")) or None,
        interrupted=Interruption(interrupted.epoch, config.trainer["max_epochs"]) if interrupted else None,
        check=judge(config.check, predictions_of(heard, prepared.labels, plain)) if config.check else None,
        label_map=prepared.label_map,
    )
    kept = [split.val[place] for place in validated]
    evaluation: Tested
    if prepared.tells_numbers:
        evaluation = write_dimension_report(
            folder,
            facts,
            numbers_table(heard, prepared.labels, plain),
            validation=validated_in(history.rows, epoch_of(best)),
            views=None if views is None else numbers_table(heard, prepared.labels, views),
            validated=numbers_table(kept, prepared.labels, validation),
            history=history.rows,
        )
    else:
        evaluation = write_report(
            folder,
            facts,
            predictions_of(heard, prepared.labels, plain),
            views=None if views is None else predictions_of(heard, prepared.labels, views),
            validated=predictions_of(kept, prepared.labels, validation),
            history=history.rows,
            temperature=temperature,
        )
    if loggers:
        loggers.log_results(evaluation, prepared.recordings)
    if interrupted is None:
        last.unlink(missing_ok=True)  # there is nothing to go on with any more
    return Outcome.of(evaluation)
