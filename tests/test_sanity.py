"""Checks: what they change of a run, and that they find what is wrong."""

import csv
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.compare.reading import LeftOut, read_run
from ser.corpora.base import Utterance
from ser.errors import ConfigError
from ser.export.folder import export
from ser.runs.names import ENVIRONMENT
from ser.sanity import PER_EMOTION, adjusted, permuted, reduced
from ser.splits.base import Split
from tests.conftest import FAST, Command, configured

EMOTIONS = ("sad", "happy", "angry")


def clips(speakers: Iterable[str | None], n_each: int = 10, emotions: tuple[str, ...] = EMOTIONS) -> list[Utterance]:
    return [
        Utterance(f"{speaker}/{emotion}-{n:02}", Path("x.wav"), emotion, speaker, "made")
        for speaker in speakers
        for emotion in emotions
        for n in range(n_each)
    ]


def ids(utterances: Iterable[Utterance]) -> dict[str, str]:
    return {utterance.id: utterance.id for utterance in utterances}


def labels(utterances: Iterable[Utterance]) -> Counter[tuple[str | None, str]]:
    return Counter((utterance.speaker, utterance.emotion) for utterance in utterances)


def test_labels_are_permuted_within_each_speaker_and_by_the_seed() -> None:
    before = [*clips("ab"), *clips("c", n_each=3), *clips([None])]
    after = permuted(before, ids(before), seed=0)
    assert [one.id for one in after] == [one.id for one in before]
    assert labels(after) == labels(before)
    kept = sum(one.emotion == other.emotion for one, other in zip(before, after, strict=True))
    assert 0.2 < kept / len(before) < 0.5  # a third by chance
    assert permuted(before, ids(before), seed=0) == after != permuted(before, ids(before), seed=1)


def test_speakers_of_one_emotion_are_permuted_together() -> None:
    before = [*clips("a", emotions=("sad",)), *clips("b", emotions=("happy",)), *clips("c")]
    after = permuted(before, ids(before), seed=0)
    assert labels(after)["c", "sad"] == 10 and 0 < labels(after)["a", "sad"] < 10
    assert sum(one.emotion == "sad" for one in after) == 20


def test_identical_recordings_keep_one_label() -> None:
    before = [*clips("a"), *clips("b")]
    same = {one.id: one.id.partition("/")[2] for one in before}  # each clip of a is one of b
    after = {one.id: one.emotion for one in permuted(before, same, seed=0)}
    assert all(after[f"a/{name}"] == after[f"b/{name}"] for name in same.values())


def test_a_few_clips_from_all_over_the_training_part_are_all_parts() -> None:
    train = [*clips("abcd", n_each=5), *clips("e", n_each=2, emotions=("calm",))]
    split = Split("made", 1, 1, True, train, clips("f"), clips("g"))
    [few] = reduced(configured("check=overfit"), [split], ids(train))
    assert few.train == few.val == few.test
    assert Counter(one.emotion for one in few.train) == {**dict.fromkeys(EMOTIONS, PER_EMOTION), "calm": 2}
    assert {one.speaker for one in few.train} == set("abcde")
    assert reduced(configured(), [split], ids(train)) == [split]


@pytest.mark.parametrize("words", [["model=crnn"], ["experiment=whisper_finetune"], ["model=linear", "debug=profile"]])
def test_what_disturbs_learning_by_heart_is_taken_away(words: list[str]) -> None:
    config = adjusted(configured(*words, "check=overfit"))
    disturbing = {name: config.model[name] for name in config.model if name.endswith(("dropout", "layerdrop"))}
    assert not any(disturbing.values())
    assert config.augment["_target_"].endswith(".base.Augment")
    assert (config.loss.label_smoothing, config.training.ema_decay, config.epochs) == (0, None, 600)
    assert config.trainer["max_epochs"] == 600


def test_another_check_is_refused() -> None:
    config = configured()
    config.check = "mine"
    with pytest.raises(ConfigError, match="check must be"):
        adjusted(config)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_of(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["check"]
    return found


def test_a_run_with_shuffled_labels_is_no_result(command: Command, few: Path) -> None:
    folds = ["split=kfold", "split.k=2", "split.fold=all", "model=linear", f"corpus.root={few}"]
    assert command("check=shuffled", *folds, "hydra.run.dir=run").code == 0
    run = Path("run")
    assert check_of(run)["passed"] and check_of(run)["name"] == "shuffled"
    report = (run / "report.txt").read_text(encoding="utf-8").splitlines()
    assert report[0] == "check=shuffled, NO RESULT: ravdess, split=kfold, all 2 folds pooled"
    assert report[2] == check_of(run)["said"] != check_of(run / "fold-1")["said"]
    for part in ("predictions.csv", "fold-1/split.csv"):
        told = Counter((row["speaker"], row["emotion"]) for row in read(run / part))
        assert set(told.values()) == {2}  # of each speaker, as in the corpus
    named = {row["utterance"].split("-")[2]: row["emotion"] for row in reversed(read(run / "predictions.csv"))}
    assert any(named[row["utterance"].split("-")[2]] != row["emotion"] for row in read(run / "predictions.csv"))
    assert read_run(run) == LeftOut(run, "check=shuffled")
    assert [path.parent for path in Path().rglob(ENVIRONMENT)] == [run]
    with pytest.raises(Exception, match="check=shuffled"):
        export(run, Path("exported"), "safetensors")


def test_a_few_clips_are_learnt_by_heart_unless_something_is_broken(command: Command, few: Path) -> None:
    tiny = [*FAST[:-1], "split=speaker", "split.k=2", f"corpus.root={few}", "check=overfit"]
    assert command(*tiny, "hydra.run.dir=run").code == 0
    assert check_of(Path("run")) == {
        **{"name": "overfit", "passed": True},
        "said": "check=overfit passed: all 16 clips were learnt by heart",
    }
    assert len(read(Path("run", "history.csv"))) < 100  # it ends with what it has learnt
    assert command(*tiny, "optim.lr=1e-8", "epochs=2", "hydra.run.dir=broken").code == 0
    assert not check_of(Path("broken"))["passed"]
    assert "clips were not learnt by heart" in Path("broken", "report.txt").read_text(encoding="utf-8")


def test_silence_is_kept_apart_and_clips_without_are_left_out(command: Command, few: Path, tmp_path: Path) -> None:
    clips = sorted(few.rglob("*.wav"))
    for place, clip in enumerate(clips):
        samples, rate = soundfile.read(clip)
        noise = np.random.default_rng(place).uniform(-0.5, 0.5, rate // 2)
        (tmp_path / "corpus" / clip.parent.name).mkdir(parents=True, exist_ok=True)
        padded = np.concatenate([noise / 1e4, samples, noise / 1e4]) if place else noise
        soundfile.write(tmp_path / "corpus" / clip.parent.name / clip.name, padded, rate)
    words = ["model=linear", "corpus.root=corpus", "paths.store=store", "split=kfold", "split.k=2"]
    assert command("check=silence", *words, "hydra.run.dir=run").code == 0
    assert check_of(Path("run"))["name"] == "silence"
    [broken] = read(Path("run", "broken.csv"))
    assert clips[0].stem in broken["utterance"] and "without pauses" in broken["problem"]
    assert command(*words, "hydra.run.dir=plain").code == 0
    assert len(list(Path("store").glob("waveforms-*"))) == 2
    assert not Path("plain", "broken.csv").exists()
