"""Runs that differ only in seed or fold, gathered into one row; and what the rows differ in."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ser import concordance
from ser.compare.measures import NUMBERS, Measure
from ser.compare.reading import Clip, LeftOut, Run, Training
from ser.metrics import Floats
from ser.runs.results import Spread

NONE = "–"  # where a setting, or a score, does not exist
_TARGET = "._target_"


@dataclass(frozen=True)
class Row:
    """Runs with the same settings, and their trainings: one for each seed and fold."""

    runs: list[Run]
    trainings: list[Training]

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.runs[0].settings

    @property
    def protocol(self) -> Mapping[str, Any]:
        return self.runs[0].protocol

    @property
    def labels(self) -> list[str]:
        return self.runs[0].labels

    @cached_property
    def clips(self) -> list[Clip]:
        """The test clips of all trainings, sorted."""
        return sorted({clip for training in self.trainings for clip in training.predicted})

    @property
    def measure(self) -> Measure:
        return self.runs[0].measure

    @property
    def counts(self) -> Floats:
        """(n_clips, ...): what each clip adds to what the row's measure scores; each clip counts alike."""
        return self.sums if self.measure is NUMBERS else self.confusions

    @property
    def counts_of_each(self) -> Floats:
        """(n_trainings, ...): the same, added up for each training."""
        if self.measure is NUMBERS:
            return np.stack([Row(self.runs, [training]).sums.sum(axis=0) for training in self.trainings])
        return self.confusion_of_each

    @property
    def goodness(self) -> Floats:
        """(n_clips,): the higher, the better a clip was told: see `rightly`; or how near the numbers are."""
        return -self.distance if self.measure is NUMBERS else self.rightly

    @cached_property
    def told(self) -> Floats:
        """(n_trainings, n_clips, n_dimensions): the numbers; not a number where a training did not test the clip."""
        unknown = (np.nan,) * len(self.labels)
        return np.array([[one.predicted.get(clip, unknown) for clip in self.clips] for one in self.trainings])

    @property
    def sums(self) -> Floats:
        """(n_clips, n_dimensions, N_SUMS): of each clip, the mean over the trainings that tested it."""
        truth = np.array([clip.truth for clip in self.clips])
        places = np.arange(len(self.clips))
        each = np.stack([concordance.sums_by_cluster(places, truth, told) for told in self.told])
        mean: Floats = np.nanmean(np.where(np.isnan(self.told)[..., None], np.nan, each), axis=0)
        return mean

    @property
    def distance(self) -> Floats:
        """(n_clips,): squared distance from the truth in deviations of that, over dimensions and trainings."""
        truth = np.array([clip.truth for clip in self.clips])
        scaled = (self.told - truth) / np.maximum(truth.std(axis=0), 1e-12)
        mean: Floats = np.nanmean(scaled**2, axis=(0, 2))
        return mean

    @cached_property
    def truth(self) -> Floats:
        """(n_clips, n_classes): 1 at the clip's emotion, else 0."""
        return np.eye(len(self.labels))[[self.labels.index(clip.emotion) for clip in self.clips]]

    @cached_property
    def named(self) -> Floats:
        """(n_clips, n_classes): how many trainings gave the clip that emotion."""
        place = {clip: index for index, clip in enumerate(self.clips)}
        column = {label: index for index, label in enumerate(self.labels)}
        counts = np.zeros((len(self.clips), len(self.labels)))
        for training in self.trainings:
            for clip, emotion in training.predicted.items():
                counts[place[clip], column[emotion]] += 1
        return counts

    @property
    def rightly(self) -> Floats:
        """(n_clips,): the part of the trainings that named the clip rightly."""
        part: Floats = (self.truth * self.named).sum(axis=1) / self.named.sum(axis=1)
        return part

    @property
    def confusions(self) -> Floats:
        """(n_clips, n_classes, n_classes): what each clip adds to the confusion; each clip adds 1 in all.

        A clip that several trainings tested is still one clip: it is shared out among the emotions they gave it.
        """
        shares: Floats = self.named / self.named.sum(axis=1, keepdims=True)
        return self.truth[:, :, None] * shares[:, None, :]

    @property
    def pooled(self) -> Floats:
        """(n_classes, n_classes): the predictions of all trainings, counted."""
        pooled: Floats = self.truth.T @ self.named
        return pooled

    @property
    def confusion_of_each(self) -> Floats:
        """(n_trainings, n_classes, n_classes), counts."""
        return np.stack([Row(self.runs, [training]).pooled for training in self.trainings])

    @property
    def validation(self) -> Spread | None:
        """The main score on the validation part over the trainings, where it is known."""
        values = [training.validation for training in self.trainings if training.validation is not None]
        return Spread.of(values) if values else None


def gather(runs: Iterable[Run]) -> tuple[list[Row], list[LeftOut]]:
    """Rows in the order of their first runs; and the runs that repeat a seed and fold of their row, the newest kept."""
    alike: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        key = (frozenset(run.protocol.items()), frozenset(run.settings.items()))
        alike.setdefault(key, []).append(run)
    rows, repeated = [], []
    for group in alike.values():
        kept: list[Run] = []
        seen: set[tuple[int | None, int]] = set()
        # A run of all folds comes before one of a single fold.
        for run in sorted(group, key=lambda run: (-len(run.trainings), -run.written)):
            own = {(training.seed, training.fold) for training in run.trainings}
            if own & seen:
                repeated.append(LeftOut(run.folder, "repeated"))
            else:
                kept.append(run)
            seen |= own
        kept.sort(key=group.index)
        trainings = [training for run in kept for training in run.trainings]
        rows.append(Row(kept, sorted(trainings, key=lambda one: (one.seed or 0, one.fold))))
    return rows, repeated


def differing(rows: Sequence[Row]) -> dict[str, list[str]]:
    """What the rows differ in: the columns of the table, by name, with a value for each row.

    Of a group whose rows chose differently, the choice; of its settings those that differ between rows of the same
    choice, or that somebody typed.
    """
    columns: dict[str, list[str]] = {}
    for group in dict.fromkeys(["experiment", *(name.split(".")[0] for row in rows for name in row.settings)]):
        chosen = [choice_of(row, group) for row in rows]
        is_component = any(group + _TARGET in row.settings for row in rows)
        if (is_component or group == "experiment") and len(set(chosen)) > 1:
            columns[group] = chosen
        names = [name for row in rows for name in row.settings if name.split(".")[0] == group]
        for name in dict.fromkeys(names):
            if name == group + _TARGET:
                continue
            typed = any(name in run.typed for row in rows for run in row.runs)
            together: dict[str, set[Any]] = {}
            for row, choice in zip(rows, chosen, strict=True):
                key = choice if is_component and not typed else ""
                together.setdefault(key, set()).add(row.settings.get(name, NONE))
            if any(len(values) > 1 for values in together.values()):
                columns[name] = [word(row.settings[name]) if name in row.settings else NONE for row in rows]
    return columns


def choice_of(row: Row, group: str) -> str:
    """What a row chose of a group, by the name of its file in conf/, or else by that of the class's module."""
    names = dict.fromkeys(run.choices[group] for run in row.runs if group in run.choices)
    target = str(row.settings.get(group + _TARGET, NONE)).split(".")
    return "/".join(names) or target[-2 if len(target) > 1 else -1]


def word(value: Any) -> str:
    """A value as it is typed.

    >>> word(None), word(True), word(0.5), word(("a", 1)), word("a")
    ('null', 'true', '0.5', '["a", 1]', 'a')
    """
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def short(word: str) -> str:
    """A folder of this machine by its last name: a reader has no other use for it.

    >>> short("/home/me/models/whisper-base"), short("../whisper-base/"), short("openai/whisper-base"), short("0.5")
    ('whisper-base', 'whisper-base', 'openai/whisper-base', '0.5')
    """
    return word.rstrip("/").rpartition("/")[2] if word.startswith(("/", "~/", "./", "../")) else word


def shortened(values: Sequence[str]) -> list[str]:
    """A column with its folders by their last names, where these tell as many apart.

    >>> shortened(["/models/a", "/models/b"]), shortened(["/here/a", "/there/a"])
    (['a', 'b'], ['/here/a', '/there/a'])
    """
    made = [short(value) for value in values]
    return made if len(set(made)) == len(set(values)) else list(values)
