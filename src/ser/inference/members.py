"""The recognisers that a trained model consists of: one, those of all folds, or those of an ensemble."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ser.errors import ModelError
from ser.inference.checkpoint import DESCRIPTION, from_checkpoint, from_export, is_export
from ser.recognizer import Recognizer
from ser.runs.dimensions.results import read_any_results
from ser.runs.facts import Ensemble
from ser.runs.folder import is_finished
from ser.runs.names import BEST, METRICS, fold_folder, fold_folders


@dataclass(frozen=True)
class Member:
    """A recogniser, and its weight in the mean of the probabilities; `source`: where it is from."""

    recognizer: Recognizer
    weight: float
    source: str


def read_members(place: Path, fold: int | None, trusted: Sequence[str]) -> tuple[list[Member], str]:
    """All members of a trained model, their weights of sum 1, and what they are in words.

    Args:
        place: a run folder, an exported folder, or a checkpoint.
        fold: of a run over all folds; None: the mean of all.
        trusted: packages beside ours whose classes may be named.

    Raises:
        ModelError: there is no trained model, or no such fold.
        SerError: it cannot be loaded.
    """
    if place.is_file():
        _refuse_fold(fold, f"{place} is a checkpoint")
        return [Member(from_checkpoint(place, trusted), 1.0, str(place))], str(place)
    if is_export(place):
        _refuse_fold(fold, f"{place} is an exported model")
        found = from_export(place, trusted)
        total = sum(weight for _, weight in found)
        if {*map(tuple, (one.labels for one, _ in found))} != {tuple(found[0][0].labels)} or not (
            min(weight for _, weight in found) > 0 and total < math.inf
        ):
            raise ModelError(f"{place}: its models know other emotions, or have no weight; it is damaged")
        return [Member(one, weight / total, str(place)) for one, weight in found], str(place)
    ensemble = _ensemble(place)
    if ensemble:
        return _of_ensemble(place, ensemble, fold, trusted)
    folds = fold_folders(place)
    if (place / BEST).is_file():
        _refuse_fold(fold, f"{place} was not trained on all folds")
        [member], _ = read_members(place / BEST, None, trusted)
        return [member], str(place) if is_finished(place) else f"{place}, whose training was not finished"
    if not folds and _holds_program(place):
        raise ModelError(
            f"{place}: is an export for other programs; ser reads what ser export RUN FOLDER writes without --to"
        )
    if not folds:
        raise ModelError(
            f"{place}: holds no trained model; name the folder of a finished run, an exported folder, or hf:user/name"
        )
    wanted = _wanted(place, fold, sorted(folds))
    members = [
        Member(from_checkpoint(folds[number] / BEST, trusted), 1 / len(wanted), str(folds[number] / BEST))
        for number in wanted
    ]
    left = "" if fold is not None or is_finished(place) else ", as far as its training has come"
    return members, f"{place}, {_told(wanted, fold)}{left}"


def _holds_program(place: Path) -> bool:
    try:
        about = json.loads((place / DESCRIPTION).read_text(encoding="utf-8"))
        return str(about["format"]).startswith("ser-")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _of_ensemble(place: Path, ensemble: Ensemble, fold: int | None, trusted: Sequence[str]) -> tuple[list[Member], str]:
    n_folds = len(fold_folders(place))
    wanted = _wanted(place, fold, [*range(1, n_folds + 1)]) if n_folds else [0]
    if not n_folds:
        _refuse_fold(fold, f"{place} was not trained on all folds")
    members = []
    for name, member in ensemble.members.items():
        for number, weight in zip(wanted, _chosen(member.weight, wanted), strict=True):
            run = _found(place, name)
            path = (fold_folder(run, number) if number else run) / BEST
            members.append(Member(from_checkpoint(path, trusted), weight / len(wanted), str(path)))
    first = members[0].recognizer.labels
    if any(member.recognizer.labels != first for member in members):
        raise ModelError(f"{place}: its runs know other emotions by now; put them together again: ser ensemble")
    total = sum(member.weight for member in members)
    members = [replace(member, weight=member.weight / total) for member in members if member.weight > 0]
    about = f"{place}, an ensemble of {len(ensemble.members)} runs"
    return members, f"{about}, {_told(wanted, fold)}" if n_folds else about


def _ensemble(place: Path) -> Ensemble | None:
    try:
        return read_any_results(place).facts.ensemble
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ModelError(f"{place / METRICS}: is damaged ({error}); run it again") from None


def _chosen(weights: Sequence[float], wanted: Sequence[int]) -> list[float]:
    return [weights[max(number - 1, 0)] for number in wanted]


def _found(place: Path, name: str) -> Path:
    """The run folder that an ensemble names, from where it was put together or, moved with it, beside it."""
    for folder in (Path(name), place.parent / Path(name).name):
        if folder.is_dir():
            return folder
    raise ModelError(
        f"{place}: its run {name} is not there; go to the folder where ser ensemble was called, or put the run beside"
        f" {place}"
    )


def _wanted(place: Path, fold: int | None, folds: Sequence[int]) -> list[int]:
    if fold is None:
        return list(folds)
    if fold not in folds:
        raise ModelError(f"{place}: has folds {folds[0]} to {folds[-1]}; got --fold {fold}")
    return [fold]


def _told(wanted: Sequence[int], fold: int | None) -> str:
    return f"fold {fold}" if fold is not None else f"the mean of its {len(wanted)} folds"


def _refuse_fold(fold: int | None, why: str) -> None:
    if fold is not None:
        raise ModelError(f"--fold {fold}: {why}; leave it out")
