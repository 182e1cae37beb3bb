"""Run folders: found, and read without a model."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ser.compare.measures import EMOTIONS, NUMBERS, Measure
from ser.config.dotted import is_below, leaves
from ser.config.places import conf_dir
from ser.errors import CompareError
from ser.runs.dimensions.results import DimensionResults, read_any_results
from ser.runs.dimensions.table import read_numbers
from ser.runs.folder import MAY_DIFFER
from ser.runs.history import History, read_history
from ser.runs.names import (
    CONFIG,
    EMOTION,
    FOLD,
    HYDRA,
    METRICS,
    PREDICTED,
    PREDICTIONS,
    SPEAKER,
    SPLIT,
    STATUS,
    UTTERANCE,
    fold_folder,
    fold_folders,
)
from ser.runs.predictions import read_predictions
from ser.runs.results import Results
from ser.runs.status import FINISHED, INTERRUPTED, UNFINISHED, read_status
from ser.splits.audit import Audit

# What cannot change what is learnt and tested, or is said otherwise: the corpus is known by its fingerprint, wherever
# it lies; labels by what became of them; an experiment by what it sets.
IGNORED = (*MAY_DIFFER, "seed", "corpus", "task", "labels", "tta", "experiment", "search", "debug", "check")
NO_PROTOCOL = ("split.fold", "split._target_")
OF_PROTOCOL = ("split.", "normalize.")  # what is known of the clips, and not what is made of them
MAX_EPOCHS = "trainer.max_epochs"


class Clip(NamedTuple):
    """A test clip: equal ones are the same recording with the same label. `speaker` is empty where nobody is named.

    `truth`: of dimensions, what the label is in numbers; else empty.
    """

    utterance: str
    speaker: str
    emotion: str
    truth: tuple[float, ...] = ()


@dataclass(frozen=True)
class Training:
    """One training and its test: a run, or a fold of a run with split.fold=all.

    Attributes:
        folder: of the run, or of the fold.
        seed, fold: what it differs in from others of its row; an ensemble of several seeds has none.
        validation: UAR (of dimensions mean CCC) on the validation part, of the epoch kept; None where it is not known.
        kept: that epoch; None where it is not known.
        history: rows of history.csv; none where there is no such file.
        predicted: the emotion each test clip was given; or the numbers.
    """

    folder: Path
    seed: int | None
    fold: int
    validation: float | None
    kept: int | None
    history: History
    predicted: dict[Clip, Any]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: the run folder.
        settings: every setting that can change what is learnt, by its dotted name; without the protocol's.
        choices: what was chosen of each group, such as {"model": "resnet"}.
        typed: names of the settings given on the command line.
        protocol: corpus, split and classes, in words for a reader.
        notes: what a reader must know of the corpus, and whether speakers are in training too.
        labels: the emotions, in the order of the classes; or the dimensions.
        measure: how it is scored.
        trainings: one, or one a fold.
        written: when its result was, in seconds since 1970.
    """

    folder: Path
    settings: dict[str, Any]
    choices: dict[str, str]
    typed: frozenset[str]
    protocol: dict[str, Any]
    notes: tuple[str, ...]
    labels: list[str]
    measure: Measure
    trainings: list[Training]
    written: float


@dataclass(frozen=True)
class LeftOut:
    """A run that is not compared, and why, in a word or two."""

    folder: Path
    reason: str


def find_runs(places: Iterable[Path]) -> list[Path]:
    """The run folders that are, or lie below, `places`; folds are part of their run.

    Raises:
        CompareError: a place is no folder, or there is no run in any.
    """
    places = list(places)
    found: dict[Path, Path] = {}
    for place in places:
        if not place.is_dir():
            raise CompareError(f"{place}: no such folder; name run folders, sweep folders, or a folder above them")
        for folder in _below(place):
            found.setdefault(folder.resolve(), folder)
    if not found:
        raise CompareError(
            f"no run lies in {', '.join(map(str, places))}; name run folders, sweep folders, or a folder above them"
        )
    return list(found.values())


def _below(place: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(place):
        folder = Path(name)
        folds = fold_folders(folder).values()
        if {METRICS, STATUS, SPLIT} & set(files) or any((fold / SPLIT).exists() for fold in folds):
            folders.clear()
            yield folder
        folders[:] = sorted((one for one in folders if not one.startswith(".")), key=_by_number)


def _by_number(name: str) -> tuple[bool, int, str]:
    """Runs of a sweep in their order: 2 comes before 10."""
    return not name.isdecimal(), int(name) if name.isdecimal() else 0, name


def read_run(folder: Path) -> Run | LeftOut:
    """What a run folder says, or why the run cannot be compared."""
    try:
        status = read_status(folder)
        if status is not None and status.state != FINISHED:
            return LeftOut(folder, status.state)
        if not (folder / METRICS).exists():
            return LeftOut(folder, UNFINISHED)
        results = read_any_results(folder)
        if results.facts.interrupted:
            return LeftOut(folder, INTERRUPTED)
        if results.facts.check:
            return LeftOut(folder, f"check={results.facts.check.name}")
        if results.facts.rehearsal or results.facts.untested:
            return LeftOut(folder, "fast_dev_run" if results.facts.rehearsal else "not all test clips were heard")
        if not (folder / CONFIG).exists():
            return LeftOut(folder, f"without {CONFIG}")
        return _read(folder, results)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, yaml.YAMLError):
        return LeftOut(folder, "damaged, or not of this program")


def _read(folder: Path, results: Results | DimensionResults) -> Run:
    config = dict(leaves(read_yaml(folder / CONFIG)))
    if not any(is_below(name, ["ensemble"]) for name in config):  # which says what its members share, and no more
        by = config.get("normalize.by", "training")
        config = {
            **_defaults(conf_dir() / "train.yaml"),
            **_defaults(conf_dir() / "normalize" / f"{by}.yaml", "normalize"),
            **config,
        }
    hydra = read_yaml(folder / HYDRA).get("hydra", {})
    typed = (re.match(r"\+*([\w.]+)=", word) for word in hydra.get("overrides", {}).get("task", []))
    max_epochs = config.pop(MAX_EPOCHS, None)
    if isinstance(max_epochs, int):  # and not the reference to epochs that it is by default
        config["epochs"] = max_epochs
    split, corpus, label_map = results.facts.split, results.facts.corpus, results.facts.label_map
    labels, speakers = label_map and label_map.rule, _about_speakers(results.facts.audit)
    used = {name: _frozen(value) for name, value in config.items() if not is_below(name, IGNORED)}
    if used.setdefault("normalize.by", "training") == "training":
        idle = ["normalize.clips", "normalize.emotion", "normalize.prior"]
        used = {name: value for name, value in used.items() if name not in idle}
    protocol = {
        "corpus": corpus.name,
        "fingerprint of the corpus": corpus.fingerprint,
        "labels": labels or "as they are",
        "split": split.name,
        "split.seed": split.seed,
        "number of folds": split.n_folds,
        **{name: value for name, value in used.items() if name.startswith(OF_PROTOCOL) and name not in NO_PROTOCOL},
        **_told(results),
    }
    return Run(
        folder=folder,
        settings={name: value for name, value in used.items() if not name.startswith(OF_PROTOCOL)},
        choices=_choices(hydra.get("runtime", {}).get("choices", {})),
        typed=frozenset(match[1].replace(MAX_EPOCHS, "epochs") for match in typed if match),
        protocol=protocol,
        notes=tuple(note for note in (corpus.notice, labels and f"{labels}.", speakers) if note),
        labels=_labels(results),
        measure=NUMBERS if isinstance(results, DimensionResults) else EMOTIONS,
        trainings=_trainings(folder, results),
        written=(folder / METRICS).stat().st_mtime,
    )


def _labels(results: Results | DimensionResults) -> list[str]:
    return results.dimensions if isinstance(results, DimensionResults) else results.scores.labels


def _told(results: Results | DimensionResults) -> dict[str, Any]:
    """What is told of a clip, as part of the protocol."""
    if isinstance(results, DimensionResults):
        return {"task": "dimensions", "dimensions": tuple(_labels(results))}
    return {"task": "emotions", "emotions": tuple(_labels(results))}


@cache
def _defaults(path: Path, prefix: str = "") -> dict[str, Any]:
    """What a file in conf/ says by itself: a run of a version that lacked a setting was as if it had its default."""
    return {name: value for name, value in leaves(read_yaml(path), prefix) if not name.endswith("defaults")}


def _choices(found: Mapping[str, Any]) -> dict[str, str]:
    """Of each group of ours; where several features stand side by side, all of them: [whisper,compare]."""
    chosen = {name: str(choice) for name, choice in found.items() if "/" not in name and choice is not None}
    several: dict[str, list[str]] = {}
    for name in [name for name in chosen if "@" in name]:
        several.setdefault(name.partition("@")[0], []).append(chosen.pop(name))
    return chosen | {group: f"[{','.join(names)}]" for group, names in several.items()}


def _about_speakers(audit: Audit) -> str:
    if audit.speaker_independent is None:
        return "Not all speakers are known: some may be in both training and test."
    if audit.shared_speakers:
        return "Speakers are in both training and test: expect less on new speakers."
    if audit.n_known:
        which = "without labels" if audit.known_emotion is None else f"those labelled {audit.known_emotion}"
        return f"No speaker of the test part is in training, but clips of them were heard beforehand, {which}."
    return "No speaker of the test part is in training."


def _trainings(folder: Path, results: Results | DimensionResults) -> list[Training]:
    split = results.facts.split
    by_fold: dict[int, dict[Clip, Any]] = {}
    for row, clip, predicted in _answers(folder, results):
        by_fold.setdefault(int(row[FOLD] if split.is_pooled else split.fold), {})[clip] = predicted
    trainings = []
    for fold, predicted in by_fold.items():
        place = fold_folder(folder, fold) if split.is_pooled else folder
        own = read_any_results(place) if (place / METRICS).exists() else results
        validation = own.validation if isinstance(own, DimensionResults) else own.facts.validation
        trainings.append(
            Training(
                folder=place,
                seed=results.facts.seed,
                fold=fold,
                validation=own.main_validation,
                kept=validation.epoch if validation else None,
                history=read_history(place),
                predicted=predicted,
            )
        )
    return trainings


def _answers(folder: Path, results: Results | DimensionResults) -> Iterator[tuple[dict[str, str], Clip, Any]]:
    """Each row of predictions.csv, with its clip and what was said of it.

    Raises:
        ValueError: it is of another run.
    """
    if isinstance(results, DimensionResults):
        table = read_numbers(folder / PREDICTIONS)
        if (table.dimensions, len(table.rows)) != (results.dimensions, results.n_test):
            raise ValueError(f"{PREDICTIONS} is of another run")
        for row, truth, told in zip(table.rows, table.truth.tolist(), table.predicted.tolist(), strict=True):
            yield row, Clip(row[UTTERANCE], row[SPEAKER], "", tuple(truth)), tuple(told)
        return
    predictions, scores = read_predictions(folder / PREDICTIONS), results.scores
    if (predictions.labels, len(predictions.rows)) != (scores.labels, scores.n_test):
        raise ValueError(f"{PREDICTIONS} is of another run")
    for row in predictions.rows:
        yield row, Clip(row[UTTERANCE], row[SPEAKER], row[EMOTION]), row[PREDICTED]


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a file; empty where there is none."""
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content if isinstance(content, dict) else {}


class _Mapping(dict[str, Any]):
    """A mapping that can be part of a set; nobody changes it."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def _frozen(value: Any) -> Any:
    """A value that can be part of a set."""
    if isinstance(value, Mapping):
        return _Mapping({key: _frozen(item) for key, item in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
