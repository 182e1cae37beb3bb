"""The runs that are to be put together: read, and refused where they were not tested alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ser.compare.reading import LeftOut, read_run
from ser.errors import EnsembleError
from ser.runs.names import CONFIG, EMOTION, METRICS, UTTERANCE, VALIDATION_PREDICTIONS, fold_folder
from ser.runs.predictions import Predictions
from ser.runs.report import Evaluation, headline, read_evaluation
from ser.runs.results import Results

EQUAL, VALIDATION = "equal", "validation"  # ways to find the weights


@dataclass(frozen=True)
class Tested:
    """A finished run.

    Attributes:
        folder: as it was named.
        settings: what its config.yaml says, nested.
        choices: what it chose of each group, where that is known.
        whole: its result, of several folds the pooled one.
        folds: the test of each training, by the number of the fold.
    """

    folder: Path
    settings: dict[str, Any]
    choices: dict[str, str]
    whole: Evaluation
    folds: dict[int, Evaluation]

    @property
    def is_pooled(self) -> bool:
        """Whether it is a run over all folds."""
        return self.whole.results.facts.split.is_pooled

    def place(self, fold: int) -> Path:
        """Where the files of a fold lie."""
        return fold_folder(self.folder, fold) if self.is_pooled else self.folder


def read_members(folders: Sequence[Path], weighting: str) -> list[Tested]:
    """Finished runs that were tested on the very same clips.

    Args:
        folders: of runs of one fold, or of runs over all folds.
        weighting: equal; or validation, which needs what the runs said of the validation part.

    Raises:
        EnsembleError: names what cannot be put together, and why.
    """
    if len(folders) < 2:
        raise EnsembleError(f"an ensemble is of two runs at least; name another one beside {folders[0]}")
    seen: dict[Path, Path] = {}
    for folder in folders:
        if (same := folder.resolve()) in seen:
            raise EnsembleError(f"{seen[same]} and {folder} are the same run; name each run once")
        seen[same] = folder
    members = [_read(folder) for folder in folders]
    for other in members[1:]:
        if why := _difference(members[0], other):
            raise EnsembleError(
                f"{other.folder} was not tested as {members[0].folder} was: {why}; put runs of one corpus and one split"
                " together"
            )
    for fold in members[0].folds if weighting == VALIDATION else ():
        if why := about_validation(members, fold):
            raise EnsembleError(f"--weights validation: {why}; train that run anew, or take --weights equal")
    return members


def about_validation(members: Sequence[Tested], fold: int) -> str:
    """Why it is not known what all members say of the validation part of a fold; empty where it is."""
    clips = [test.validated and _clips(test.validated) for test in (member.folds[fold] for member in members)]
    for member, own in zip(members, clips, strict=True):
        if own is None:
            return f"{member.place(fold) / VALIDATION_PREDICTIONS} is missing"
        if own != clips[0]:
            return f"{member.place(fold) / VALIDATION_PREDICTIONS} has other clips than that of {members[0].folder}"
    return ""


def shared(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The settings that are the same in all; of components of different classes none.

    >>> shared([{"a": 1, "b": {"_target_": "x", "c": 2}}, {"a": 1, "b": {"_target_": "y", "c": 2}}])
    {'a': 1}
    """
    alike: dict[str, Any] = {}
    for name, value in settings[0].items():
        values = [one.get(name) for one in settings]
        parts = [one for one in values if isinstance(one, Mapping)]
        if len(parts) == len(values):
            if len({part.get("_target_") for part in parts}) == 1:
                alike[name] = shared(parts)
        elif all(name in one and one[name] == value for one in settings):
            alike[name] = value
    return alike


def _read(folder: Path) -> Tested:
    read = read_run(folder)
    if isinstance(read, LeftOut):
        reason = read.reason if folder.is_dir() else "there is no such folder"
        raise EnsembleError(f"{folder}: no finished run ({reason}); name the folder of each run by itself")
    whole = _evaluation(folder)
    split = whole.results.facts.split
    if split.is_pooled:
        folds = {fold: _evaluation(fold_folder(folder, fold)) for fold in range(1, split.n_folds + 1)}
    else:
        folds = {int(split.fold): whole}
    settings = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8")) or {}
    return Tested(folder, settings, read.choices, whole, folds)


def _evaluation(folder: Path) -> Evaluation:
    try:
        evaluation = read_evaluation(folder)
        for table in filter(None, (evaluation.predictions, evaluation.validated)):
            _ = table.probabilities  # all are there
            if table.labels != evaluation.results.scores.labels:
                raise ValueError(f"the emotions are not those of {METRICS}")
    except (OSError, ValueError) as error:
        raise EnsembleError(f"{folder}: a file is missing or damaged ({error}); run it again") from None
    return evaluation


def _difference(one: Tested, other: Tested) -> str:
    """What two runs differ in that keeps them apart; empty where nothing does."""
    here, there = one.whole.results, other.whole.results
    corpora = [f"{facts.corpus.name} {facts.corpus.fingerprint}" for facts in (here.facts, there.facts)]
    if here.facts.corpus.fingerprint != there.facts.corpus.fingerprint:
        return f"the corpora differ ({corpora[0]} and {corpora[1]})"
    if here.scores.labels != there.scores.labels:
        return f"the emotions differ ({', '.join(here.scores.labels)} and {', '.join(there.scores.labels)})"
    hashes = [{n: test.results.facts.split.hash for n, test in run.folds.items()} for run in (one, other)]
    if here.facts.split.is_pooled != there.facts.split.is_pooled or hashes[0] != hashes[1]:
        return f"the splits differ ({_protocol(here)} and {_protocol(there)})"
    if any(_clips(one.folds[n].predictions) != _clips(other.folds[n].predictions) for n in one.folds):
        return "the test clips differ"
    return ""


def _protocol(results: Results) -> str:
    return f"{headline(results)}, hash {results.facts.split.hash}"


def _clips(table: Predictions) -> dict[str, str]:
    """The label of each clip, by id."""
    return {row[UTTERANCE]: row[EMOTION] for row in table.rows}
