"""The real corpus, where RAVDESS_ROOT says where it is."""

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser import audio
from ser.corpora.base import Utterance
from ser.corpora.ravdess import Ravdess
from ser.store.recordings import Recordings, load_recordings
from ser.training.data import LengthBatches
from tests.components import make
from tests.conftest import Command

ROOT = os.environ.get("RAVDESS_ROOT")
pytestmark = pytest.mark.skipif(not ROOT, reason="RAVDESS_ROOT does not say where the real corpus is")

TWINS = ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")
STEREO = {
    *("03-01-02-01-01-02-01", "03-01-08-01-02-02-01", "03-01-02-01-02-02-05"),
    *("03-01-03-01-02-01-20", "03-01-06-01-01-02-20"),
}


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    return Ravdess(root=str(ROOT), download=False).utterances()


@pytest.fixture(scope="module")
def recordings(utterances: list[Utterance], tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    return load_recordings(utterances, tmp_path_factory.mktemp("store"), sample_rate=16000, top_db=20.0)


def test_it_is_the_release(utterances: list[Utterance]) -> None:
    assert Ravdess(root=str(ROOT), download=False).remarks(utterances) == []
    assert len(utterances) == 1440
    assert set(Counter(utterance.speaker for utterance in utterances).values()) == {60}
    emotions = Counter(utterance.emotion for utterance in utterances)
    assert emotions.pop("neutral") == 96 and set(emotions.values()) == {192} and len(emotions) == 7


def test_every_clip_can_be_used(recordings: Recordings) -> None:
    assert not recordings.broken and len(recordings.waveforms) == 1440


def test_stereo_clips_become_mono(utterances: list[Utterance]) -> None:
    stereo = [utterance for utterance in utterances if soundfile.info(utterance.path).channels == 2]
    if not stereo:
        pytest.skip("this copy of the corpus was made mono before")
    assert {utterance.path.stem for utterance in stereo} == STEREO
    for utterance in stereo:
        assert audio.load(utterance.path, sample_rate=16000).ndim == 1


def test_the_identical_pair_is_found_and_kept_together(utterances: list[Utterance], recordings: Recordings) -> None:
    ids = {utterance.path.stem: utterance.id for utterance in utterances}
    first, second = (ids[name] for name in TWINS)
    assert recordings.digests[first] == recordings.digests[second]
    assert len(set(recordings.digests.values())) == 1439
    for seed in range(5):
        protocols = make("split/kfold", fold="all", seed=seed), make("split/random", seed=seed)
        for split in [one for protocol in protocols for one in protocol.folds(utterances, recordings.digests)]:
            parts = {utterance.id: part for utterance, part in split.rows()}
            assert parts[first] == parts[second]


@pytest.mark.parametrize("top_db", [20.0, 30.0])
@pytest.mark.parametrize("hop", [1, 160])
def test_little_is_padding(
    top_db: float, hop: int, utterances: list[Utterance], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of waveforms, and of frames of 10 ms: less than a tenth of what is real; over half of it in a random order."""
    store = tmp_path_factory.getbasetemp() / "padding"
    clips = load_recordings(utterances, store, sample_rate=16000, top_db=top_db).waveforms.values()
    lengths = np.array([len(clip) // hop for clip in clips])

    def padding(batches: Iterable[list[int]]) -> float:
        kept = [lengths[batch] for batch in batches]
        real = sum(batch.sum() for batch in kept)
        return float(sum(batch.max() * len(batch) for batch in kept) / real - 1)

    shuffled = np.random.default_rng(0).permutation(len(lengths))
    assert padding(shuffled[i : i + 32].tolist() for i in range(0, len(shuffled), 32)) > 0.5
    for epoch in range(3):
        batches = LengthBatches(lengths, 32, seed=0)
        batches.set_epoch(epoch)
        assert padding(batches) < 0.1


def test_a_short_training_beats_chance_by_far(command: Command) -> None:
    overrides = ["corpus=ravdess", f"corpus.root={ROOT}", "split=random", "augment=none", "model.width=16", "epochs=8"]
    outcome = command(*overrides, "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert json.loads(Path("run/metrics.json").read_text(encoding="utf-8"))["uar"] > 0.35
