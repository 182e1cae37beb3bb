"""An ensemble written down as a run would have left it."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ser.compare.formats import folders
from ser.ensemble.members import VALIDATION, Tested, about_validation, shared
from ser.ensemble.mixture import equal_weights, likeliest_weights, mean_loss, mix
from ser.files import replacing
from ser.metrics import Floats
from ser.runs.facts import Ensemble, Facts, Member, Seconds, Validation
from ser.runs.names import BROKEN, CONFIG, HYDRA, SPLIT, UTTERANCE, fold_folder
from ser.runs.pooled import pool
from ser.runs.predictions import Predictions
from ser.runs.provenance import Provenance
from ser.runs.report import Evaluation, summarize, write_report
from ser.runs.status import FINISHED, Status


def fuse(members: Sequence[Tested], folder: Path, weighting: str) -> Evaluation:
    """Put runs together, fold by fold, and leave the files of a run in `folder`, which is made.

    Args:
        members: that were tested alike, as `read_members` gives them.
        folder: of the result.
        weighting: equal; or validation: the weights by which the labels of a fold's validation part are most likely.
            Test is never looked at for them.

    Raises:
        OSError: a file cannot be written.
    """
    started = time.monotonic()
    _write_settings(folder, members, [member.settings for member in members], weighting)
    _write_yaml(folder / HYDRA, {"hydra": {"runtime": {"choices": shared([member.choices for member in members])}}})
    _copy(BROKEN, [member.folder for member in members], folder)
    if members[0].is_pooled:
        folds = {fold: _fuse_fold(members, fold, fold_folder(folder, fold), weighting) for fold in members[0].folds}
        audio_s = round(sum(member.whole.results.facts.seconds.audio for member in members), 1)
        ensemble = Ensemble(weighting, {str(member.folder): _pooled(member, folds) for member in members})
        evaluation = pool(folder, folds, audio_s=audio_s, n_folds=len(folds), ensemble=ensemble)
    else:
        [fold] = members[0].folds
        evaluation = _fuse_fold(members, fold, folder, weighting)
    Status(FINISHED, round(time.monotonic() - started, 1)).write(folder)
    return evaluation


def _fuse_fold(members: Sequence[Tested], fold: int, folder: Path, weighting: str) -> Evaluation:
    if members[0].is_pooled:
        own = [{**one.settings, "split": {**one.settings.get("split", {}), "fold": fold}} for one in members]
        _write_settings(folder, members, own, weighting)
    _copy(SPLIT, [member.place(fold) for member in members], folder)
    tests = [member.folds[fold] for member in members]
    validation = [] if about_validation(members, fold) else [test.validated for test in tests if test.validated]
    weights = equal_weights(len(members))
    if weighting == VALIDATION:
        truth = validation[0].truth
        weights = likeliest_weights(_stacked(validation)[:, np.arange(len(truth)), truth])
    validated = _mixed(validation, weights) if validation else None
    told = {
        str(member.place(fold)): _member(test, [float(weight)])
        for member, test, weight in zip(members, tests, weights, strict=True)
    }
    facts = _facts([test.results.facts for test in tests], Ensemble(weighting, told), validated)
    return write_report(folder, facts, _mixed([test.predictions for test in tests], weights), validated=validated)


def _facts(members: Sequence[Facts], ensemble: Ensemble, validated: Predictions | None) -> Facts:
    """What all members have in common, and what can be said of them together."""
    alike: dict[str, Any] = {}
    for field in fields(Facts):
        first, *others = (getattr(facts, field.name) for facts in members)
        alike[field.name] = first if all(other == first for other in others) else None
    first, here = members[0], Provenance.here()
    seconds = [facts.seconds for facts in members]
    together = {
        "corpus": first.corpus,
        "split": first.split,
        "audit": max((facts.audit for facts in members), key=lambda audit: audit.n_known),
        "git_commit": here.git_commit,
        "versions": here.versions,
        "seconds": Seconds(*(round(sum(getattr(s, f.name) for s in seconds), 1) for f in fields(Seconds))),
        "validation": _validation(validated) if validated else None,
        "n_parameters": sum(facts.n_parameters for facts in members),
        "tta_views": None,
        "chosen": None,
        "ensemble": ensemble,
    }
    return Facts(**{**alike, **together})


def _validation(validated: Predictions) -> Validation:
    scores = summarize(validated)
    return Validation(
        loss=round(mean_loss(validated.probabilities, validated.truth), 5),
        uar=round(scores.uar, 5),
        accuracy=round(scores.accuracy, 5),
        macro_f1=round(scores.macro_f1, 5),
    )


def _member(test: Evaluation, weight: list[float]) -> Member:
    return Member(test.results.scores.uar, test.results.scores.accuracy, weight)


def _pooled(member: Tested, folds: Mapping[int, Evaluation]) -> Member:
    """A member with the weights that it has in the folds of the ensemble."""
    ensembles = {str(member.place(fold)): evaluation.results.facts.ensemble for fold, evaluation in folds.items()}
    return _member(
        member.whole, [weight for name, one in ensembles.items() if one for weight in one.members[name].weight]
    )


def _mixed(tables: Sequence[Predictions], weights: Floats) -> Predictions:
    return tables[0].with_probabilities(mix(_stacked(tables), weights))


def _stacked(tables: Sequence[Predictions]) -> Floats:
    """(n_members, n_clips, n_classes): probabilities of the same clips, in the order of the first table."""
    stacked = []
    for table in tables:
        place = {row[UTTERANCE]: index for index, row in enumerate(table.rows)}
        stacked.append(table.probabilities[[place[row[UTTERANCE]] for row in tables[0].rows]])
    return np.stack(stacked)


def _write_settings(
    folder: Path, members: Sequence[Tested], settings: Sequence[Mapping[str, Any]], weighting: str
) -> None:
    """Write the config.yaml of an ensemble: the settings that its members share, and what it is made of."""
    own = {"runs": folders([member.folder for member in members]), "weights": weighting}
    # Equal splits may have been asked for in other words.
    protocol = {"split": settings[0].get("split", {})}
    if any(one.get("normalize") != settings[0].get("normalize") for one in settings):
        protocol["normalize"] = {"by": "mixed"}
    _write_yaml(folder / CONFIG, {**shared(settings), **protocol, "ensemble": own})


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as beside:
        beside.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _copy(name: str, places: Sequence[Path], folder: Path) -> None:
    """Copy a file that is the same in several places, from the first that has it."""
    for place in places:
        if (place / name).exists():
            with replacing(folder / name) as beside:
                shutil.copyfile(place / name, beside)
            return
