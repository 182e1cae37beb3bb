"""A finished run whose recognisers are to be tested on a corpus: what it was, and which clips it has learnt from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser.compare.reading import LeftOut, find_runs, read_run, read_yaml
from ser.config.choices import groups
from ser.config.schema import Labels, Normalize
from ser.corpora.base import Segment, Utterance
from ser.errors import CompareError, EvaluateError
from ser.files import read_csv
from ser.inference.members import Member, read_members
from ser.robustness.tested import recording
from ser.runs.facts import Facts
from ser.runs.names import CONFIG, EMOTION, PART, SPEAKER, SPLIT, UTTERANCE, fold_folders
from ser.runs.results import Results, read_results


@dataclass(frozen=True)
class TrainedRun:
    """A run.

    Attributes:
        folder: of the run, or of a fold of one.
        config: the composed configuration, nested.
        choices: what it chose of each group.
        results: of its own test.
        members: its recognisers.
        train, val: what it has learnt from; of several folds what any of them has. Ids tell it from what is tested.
    """

    folder: Path
    config: dict[str, Any]
    choices: dict[str, str]
    results: Results
    members: Sequence[Member]
    train: list[Utterance]
    val: list[Utterance]

    @property
    def facts(self) -> Facts:
        return self.results.facts

    @property
    def labels(self) -> list[str]:
        """The emotions that it knows, in class order."""
        return list(self.members[0].recognizer.labels)

    @property
    def label_settings(self) -> Labels:
        """By which its corpus's labels became these; that a class was rare there says nothing of another corpus."""
        settings = self.config.get("labels") or {"name": "as_they_are", "map": {}, "only": None}
        return Labels(**{**settings, "min_clips": 0})

    @property
    def normalize(self) -> Normalize:
        """How it normalises."""
        return Normalize(**{"by": "training", "clips": None, "emotion": None, "prior": 0.0, **self._own("normalize")})

    def _own(self, section: str) -> dict[str, Any]:
        return dict(self.config.get(section) or {})


def read_trained(place: Path, trusted: Sequence[str] = ()) -> TrainedRun:
    """Read a run.

    Args:
        place: folder of a run, of a fold of one, or of an ensemble; or a checkpoint in one.
        trusted: packages beside ours whose classes the model may name.

    Raises:
        EvaluateError: it is no finished run, or it is damaged.
        ModelError: its model cannot be loaded.
    """
    folder = place.resolve().parent.parent if place.is_file() else place
    read = read_run(folder)
    if isinstance(read, LeftOut):
        if runs := _runs_below(folder):
            raise EvaluateError(
                f"{place}: is no run, but {'holds one' if len(runs) == 1 else f'holds {len(runs)}'}; name one, such as"
                f" {runs[0]}, or test those of several corpora on each other's: ser cross {place}"
            )
        where = (
            "a checkpoint is tested where its run lies, which says what it was trained on" if place.is_file() else ""
        )
        raise EvaluateError(
            f"{place}: no finished run ({read.reason if folder.is_dir() else 'there is no such folder'});"
            f" {where or 'name the folder of a run'}"
        )
    results = read_results(folder)
    if results.facts.trained:
        raise EvaluateError(f"{place}: is itself a test of {results.facts.trained.run}; name that run")
    members, _ = read_members(place, None, trusted)
    try:
        train, val = _learnt_from(folder, results.facts.corpus.name)
    except (OSError, KeyError, ValueError) as error:
        raise EvaluateError(f"{folder}: {SPLIT} cannot be read ({error}); run it again") from None
    config = read_yaml(folder / CONFIG)
    return TrainedRun(folder, config, read.choices, results, members, train, val)


def _runs_below(folder: Path) -> list[Path]:
    """Those in a folder that is none itself."""
    try:
        return [run for run in find_runs([folder]) if run != folder]
    except CompareError:  # there are none
        return []


def in_corpus(speaker: str | None, corpus: str) -> str | None:
    """A speaker with the corpus's name before it, as those of several corpora have it already.

    >>> in_corpus("01", "ravdess"), in_corpus("ravdess/01", "ravdess+demo"), in_corpus("", "demo")
    ('ravdess/01', 'ravdess/01', None)
    """
    if not speaker:
        return None
    parts = corpus.split("+")
    return speaker if len(parts) > 1 and speaker.partition("/")[0] in parts else f"{corpus}/{speaker}"


def namesakes(learnt: Iterable[str], tested: Iterable[str]) -> set[str]:
    """Speakers of the test who have the name of another corpus's, one of the two being no shipped corpus.

    Args:
        learnt, tested: speakers by `in_corpus`.

    >>> namesakes(["ravdess/01", "ravdess/02", "own/03"], ["emodb/01", "mine/02", "own/03"])
    {'mine/02'}
    """
    shipped = groups()["corpus"]
    known = [speaker.partition("/") for speaker in learnt]
    return {
        f"{corpus}/{name}"
        for corpus, _, name in (speaker.partition("/") for speaker in tested)
        for other, _, same in known
        if name == same and corpus != other and not {corpus, other} <= {*shipped}
    }


def _learnt_from(folder: Path, corpus: str) -> tuple[list[Utterance], list[Utterance]]:
    parts: dict[str, dict[str, Utterance]] = {"train": {}, "val": {}}
    for own in fold_folders(folder).values() or [folder]:
        for row in read_csv(own / SPLIT):
            if row[PART] in parts:
                path, segment = recording(row, None)
                name, speaker = f"training: {row[UTTERANCE]}", in_corpus(row[SPEAKER], corpus)
                one = Utterance(name, path, row[EMOTION], speaker, corpus, segment=Segment(*segment))
                parts[row[PART]][name] = one
    return list(parts["train"].values()), [one for name, one in parts["val"].items() if name not in parts["train"]]
