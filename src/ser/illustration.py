"""What a run leaves to look at and to listen to, beside its scores: the last layer, and examples."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.progress import Progress

from ser.errors import Aborted
from ser.explanation.embedding import embed
from ser.explanation.examples import LONGEST_S, N_MISTAKES, OF_A_SPEAKER, Row, choose, describe
from ser.explanation.occlusion import occlude
from ser.features.base import Heard
from ser.prepared import Prepared
from ser.runs.dimensions.table import Numbers
from ser.runs.embeddings import Embeddings, chosen
from ser.runs.examples import Example, Relevance, write_examples
from ser.runs.names import BEST, FOLD, SPEAKER, UTTERANCE, fold_folder
from ser.runs.predictions import Predictions
from ser.splits.base import ALL_FOLDS, Split
from ser.training import interruption
from ser.training.recognizer import EmotionRecognizer
from ser.training.trainer import frozen_device

log = logging.getLogger("ser")

ENOUGH_S = 20.0  # of wall time, after which no further clip is looked into
QUICK_S = 2.0  # what takes no longer needs no progress bar
LONGEST_LOOK_S = 30.0  # that a clip may take


def illustrate(folder: Path, predictions: Predictions | Numbers, prepared: Prepared) -> None:
    """Leave embeddings.npz and examples/ in a run folder; of dimensions examples alone.

    The run is whole without them: what goes wrong here is said, and costs nothing else. Ctrl-C ends this alone.

    Args:
        folder: the run folder, with the best checkpoint of the run or of each fold.
        predictions: of its test; of all folds pooled.
        prepared: of the run.
    """
    try:
        with interruption.ending():
            if isinstance(predictions, Numbers):
                _try("examples", lambda: _write_farthest(folder, predictions, prepared))
                return
            models = _Models(folder, prepared)
            _try("embeddings", lambda: models.embeddings(predictions).write(folder))
            _try("examples", lambda: _write_examples(folder, predictions, prepared, models))
    except Aborted:
        log.warning("stopped: the run is whole, but for its embeddings or its examples")


def _try(what: str, make: Callable[[], None]) -> None:
    try:
        make()
    except Exception as error:  # whatever it is, it must not cost the run
        log.warning("the run is whole, but for its %s: %s", what, str(error) or type(error).__name__)


class _Models:
    """The trained recognisers of a run, each loaded once."""

    def __init__(self, folder: Path, prepared: Prepared) -> None:
        self.folder, self.prepared = folder, prepared
        self.loaded: dict[int, EmotionRecognizer] = {}

    def of(self, row: Row) -> EmotionRecognizer:
        """The one that has answered a row of predictions.csv."""
        return self._of(int(row.get(FOLD, self.prepared.folds[0].fold)))

    def _of(self, fold: int) -> EmotionRecognizer:
        if fold not in self.loaded:
            config = self.prepared.config
            own = fold_folder(self.folder, fold) if config.split["fold"] == ALL_FOLDS else self.folder
            device, _ = frozen_device(config.trainer)
            recognizer = EmotionRecognizer.load_from_checkpoint(own / BEST, map_location=device, weights_only=True)
            self.loaded[fold] = recognizer.eval()
        return self.loaded[fold]

    def embeddings(self, predictions: Predictions) -> Embeddings:
        """Of the first fold."""
        split = self.prepared.folds[0]
        tested = {row[UTTERANCE] for row in predictions.rows}
        clips = [clip for clip in split.test if clip.id in tested]
        clips = [clips[place] for place in chosen(len(clips))]
        places: list[int] = []
        vectors = embed(self._of(split.fold), self._batches(replace(split, test=clips), places))
        return Embeddings([clip.id for clip in clips], vectors[np.argsort(places)], split.fold)

    def _batches(self, split: Split, places: list[int]) -> Iterator[Heard]:
        """The test clips of a fold; `places` takes in which they are."""
        clips, progress, begun = self.prepared.data(split).predict_dataloader(), Progress(), time.monotonic()
        try:
            for batch in progress.track(clips, description="The last layer's view of the test"):
                if time.monotonic() - begun > QUICK_S:
                    progress.start()
                places += batch.places.tolist()
                yield Heard(batch.inputs, batch.lengths, batch.speakers)
        finally:
            if progress.live.is_started:
                progress.stop()


def _write_examples(folder: Path, predictions: Predictions, prepared: Prepared, models: _Models) -> None:
    waveforms, rate = prepared.recordings.waveforms, prepared.recordings.sample_rate
    mistakes, listened = choose(predictions.rows, lambda row: len(waveforms[row[UTTERANCE]]) <= LONGEST_S * rate)
    maps = _look_into(listened, prepared, models)
    looked_into = listened[: len(maps)]
    shown = mistakes + [row for row in listened if row not in mistakes]
    examples, files = [], {}
    for number, row in enumerate(shown, start=1):
        relevance = maps[looked_into.index(row)] if row in looked_into else None
        waveform, is_mistake = waveforms[row[UTTERANCE]], row in mistakes
        example, own = describe(f"{number:02}", row, waveform, rate, is_mistake=is_mistake, relevance=relevance)
        examples.append(replace(example, wanted=row in listened))
        files.update(own)
    write_examples(folder, examples, files)


def _write_farthest(folder: Path, table: Numbers, prepared: Prepared) -> None:
    """The clips whose numbers were told farthest from the truth, of a speaker a few at most."""
    waveforms, rate = prepared.recordings.waveforms, prepared.recordings.sample_rate
    shown: Counter[str] = Counter()
    examples: list[Example] = []
    files = {}
    for place in table.farthest:
        row = table.rows[place]
        if len(examples) < N_MISTAKES and shown[row[SPEAKER]] < OF_A_SPEAKER:
            shown[row[SPEAKER]] += bool(row[SPEAKER])
            name, waveform = f"{len(examples) + 1:02}", waveforms[row[UTTERANCE]]
            told = table.caption(place)
            example, own = describe(name, row, waveform, rate, is_mistake=True, relevance=None, numbers=told)
            examples.append(example)
            files.update(own)
    write_examples(folder, examples, files)


def _look_into(rows: Sequence[Row], prepared: Prepared, models: _Models) -> list[Relevance]:
    """Where the model listened, of the first clips: as many as there is time for."""
    maps: list[Relevance] = []
    until = time.monotonic() + ENOUGH_S
    with Progress() as progress:
        for row in progress.track(rows, description="Where the model listens"):
            relevance = None
            if time.monotonic() < until:
                recognizer, waveform = models.of(row), prepared.recordings.waveforms[row[UTTERANCE]]
                speakers = recognizer.speakers
                speaker = speakers.index(row[SPEAKER]) + 1 if row[SPEAKER] in speakers else 0
                relevance = occlude(recognizer, waveform, speaker=speaker, budget_s=LONGEST_LOOK_S)
            if relevance is None:
                log.info("where the model listens is shown of %d clips; more would take too long", len(maps))
                break
            maps.append(relevance)
    return maps
