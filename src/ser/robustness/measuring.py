"""A run's test, heard again under every condition by the run's own checkpoints."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from os import cpu_count

import numpy as np
import numpy.typing as npt

from ser import audio, metrics, statistics
from ser.errors import RobustnessError
from ser.inference.answering import Clip, Way, answer, way_of
from ser.inference.loading import load
from ser.inference.predictor import Predictor
from ser.robustness.conditions import Condition
from ser.robustness.tested import Tested
from ser.runs.names import SPEAKER, UTTERANCE
from ser.runs.predictions import Predictions
from ser.runs.robustness import Heard

AT_ONCE = 16  # clips that are answered together, each under all conditions

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """How a run's test comes out.

    Attributes:
        rows: by condition, in the order given; the first is what the others are compared with.
        n_otherwise: clips that are named otherwise under the first condition than in predictions.csv.
    """

    rows: list[Heard]
    n_otherwise: int


def measure(
    tested: Tested,
    conditions: Sequence[Condition],
    trusted: Sequence[str] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> Measured:
    """Hear a run's test under conditions, of which the first is that nothing happens.

    A condition changes the recording as it was read, mixed to mono and at its own sample rate, before it is resampled
    and trimmed for the model. Random numbers follow from the clip's name: every run hears the same.

    Args:
        trusted: packages beside ours whose classes the model may name.
        progress: is told how many clips have been heard further.

    Raises:
        ModelError: the run's model cannot be loaded.
        AudioError: a recording cannot be read any more.
        RobustnessError: the model knows other emotions than predictions.csv.
    """
    table = tested.table
    named: Numbers = np.zeros((len(table.rows), len(conditions)), np.int64)
    for fold, rows in tested.folds.items():
        predictor = load(tested.folder, fold=fold, trust=trusted)
        if predictor.labels != table.labels:
            raise RobustnessError(f"{predictor.about}: knows other emotions than predictions.csv; run it again")
        for some, answers in _answers(predictor, tested, rows, conditions):
            named[some] = answers
            progress(len(some))
    return Measured(_scored(table, named, conditions), int((named[:, 0] != table.predicted).sum()))


def _answers(
    predictor: Predictor, tested: Tested, rows: Sequence[int], conditions: Sequence[Condition]
) -> Iterator[tuple[Sequence[int], Numbers]]:
    """Some rows, and the classes (rows, conditions) that they are given. The next are read meanwhile."""
    ways = {way_of(member.recognizer.feature) for member in predictor.members}
    chunks = [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
    with ThreadPoolExecutor(cpu_count()) as pool:

        def begin(chunk: Sequence[int]) -> list[Callable[[], list[Clip]]]:
            return [pool.submit(_clips, tested, row, conditions, ways).result for row in chunk]

        coming = begin(chunks[0])
        for chunk, following in zip_longest(chunks, chunks[1:], fillvalue=()):
            clips = [clip for result in coming for clip in result()]
            coming = begin(following)
            yield chunk, answer(predictor.members, clips).argmax(axis=1).reshape(len(chunk), -1)


def _clips(tested: Tested, row: int, conditions: Sequence[Condition], ways: set[Way]) -> list[Clip]:
    """A clip under each condition, prepared in every way that is wanted; none is refused for being faint or short."""
    path, segment = tested.recordings[row]
    reading, about = audio.read(path, segment), tested.table.rows[row]
    seed = int.from_bytes(hashlib.blake2b(about[UTTERANCE].encode(), digest_size=4).digest())
    made = []
    for condition in conditions:
        changed = condition.change(reading.samples, reading.sample_rate, seed)
        waveforms = {}
        for sample_rate, top_db in ways:
            waveform = audio.resample(changed, reading.sample_rate, sample_rate)
            waveforms[sample_rate, top_db] = waveform if top_db is None else audio.trim(waveform, top_db)
        made.append(Clip(waveforms, about[SPEAKER] or None))
    return made


def _scored(table: Predictions, named: Numbers, conditions: Sequence[Condition]) -> list[Heard]:
    """Scores by condition of classes (clips, conditions)."""
    clusters, _ = statistics.clusters_of([row[SPEAKER] for row in table.rows])
    rows, clean = [], None
    for condition, classes in zip(conditions, named.T, strict=True):
        confusions = metrics.confusions_by_cluster(clusters, table.truth, classes, len(table.labels))
        clean = confusions if clean is None else clean
        scores = metrics.scores(confusions.sum(axis=0))
        uar, before = float(scores["uar"]), float(metrics.scores(clean.sum(axis=0))["uar"])
        row = Heard(
            condition.name,
            len(table.rows),
            uar,
            *statistics.percentile_interval(statistics.bootstrap(confusions)["uar"]),
            float(scores["accuracy"]),
            uar - before,
            *statistics.percentile_interval(statistics.bootstrap_difference(confusions, clean)),
        )
        rows.append(row)
    return rows
