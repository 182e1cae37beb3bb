"""The result of all folds of a run together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ser.files import digest
from ser.runs import predictions
from ser.runs.check import judge
from ser.runs.facts import Ensemble, Facts, Seconds, Validation
from ser.runs.names import VALIDATION
from ser.runs.report import Evaluation, write_report
from ser.splits.audit import Audit
from ser.splits.base import ALL_FOLDS


def pool(
    folder: Path,
    folds: Mapping[int, Evaluation],
    *,
    audio_s: float,
    n_folds: int,
    ensemble: Ensemble | None = None,
) -> Evaluation:
    """Pool the predictions of the folds that were tested, and write their report into the run folder.

    Args:
        folder: the run folder.
        folds: by number.
        audio_s: what reading the corpus took, which the folds share.
        n_folds: how many the protocol has.
        ensemble: the pooled members, where the folds are of an ensemble.
    """
    views = {fold: evaluation.views for fold, evaluation in folds.items() if evaluation.views is not None}
    tested = predictions.pooled({fold: evaluation.predictions for fold, evaluation in folds.items()})
    facts = facts_together([evaluation.results.facts for evaluation in folds.values()], audio_s, n_folds)
    return write_report(
        folder,
        replace(facts, ensemble=ensemble, check=facts.check and judge(facts.check.name, tested)),
        tested,
        views=predictions.pooled(views) if views else None,
        folds=folds,
        temperature=_temperatures(list(folds.values())),
    )


def facts_together(folds: Sequence[Facts], audio_s: float, n_folds: int) -> Facts:
    """The facts of pooled folds."""
    first, interrupted = folds[0], folds[-1].interrupted
    audit = Audit(
        sorted({speaker for fold in folds for speaker in fold.audit.shared_speakers}),
        first.audit.n_unknown,  # of the corpus
        [pair for fold in folds for pair in fold.audit.identical],
        sum(fold.audit.n_known for fold in folds),
        first.audit.known_emotion,
    )
    return replace(
        first,
        split=replace(
            first.split,
            fold=ALL_FOLDS,
            # Split.hash is of another function; this one stays too, for hashes are compared between runs.
            hash=digest("".join(fold.split.hash for fold in folds).encode())[:16],
            speaker_independent=audit.speaker_independent,
        ),
        audit=audit,
        validation=_mean([fold.validation for fold in folds]),
        seconds=Seconds(
            audio_s,
            round(sum(fold.seconds.training for fold in folds), 1),
            round(sum(fold.seconds.test for fold in folds), 1),
        ),
        chosen=first.chosen and {name: [(fold.chosen or {})[name] for fold in folds] for name in first.chosen},
        untested=sum(fold.untested or 0 for fold in folds) or None,
        interrupted=interrupted and replace(interrupted, fold=len(folds), n_folds=n_folds),
    )


def _temperatures(folds: Sequence[Evaluation]) -> list[float | None] | None:
    """That of each fold, None for one that has none; None where all have none."""
    fitted = [fold.results.calibration.temperature if fold.results.calibration else None for fold in folds]
    each = [one if isinstance(one, float) else None for one in fitted]
    return each if any(one is not None for one in each) else None


def _mean(folds: Sequence[Validation | None]) -> Validation | None:
    """Mean validation scores over the folds; None where a fold has none."""
    known = [scores for scores in folds if scores is not None]
    if len(known) < len(folds):
        return None
    means = {name: round(float(np.mean([getattr(scores, name) for scores in known])), 5) for name in VALIDATION}
    return Validation(epoch=None, **means)
