"""Reading EmoBox's metadata, in a tree of the form that EmoBox publishes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ser.corpora.base import Segment
from ser.corpora.emobox import EmoBox
from ser.corpora.ravdess import ACTORS, RAVDESS_EMOTIONS, Ravdess
from ser.errors import ConfigError, CorpusError, CorpusNotFound
from ser.splits.by_column import unused_split
from tests import components
from tests.conftest import Command

# Who is tested in data/ravdess/fold_1 ... fold_6/ravdess_test_fold_<k>.jsonl
TESTED = ["01 11 20 21", "04 10 12 14", "08 09 19 23", "03 05 07 24", "02 15 16 18", "06 13 17 22"]
LABELS = {"Neutral": "Neutral", "Calm": "Calm", "Happy": "Happy", "Sad": "Sad", "Angry": "Angry", "Fearful": "Fear"}
LABELS |= {"Disgust": "Disgust", "Surprised": "Surprise"}
UPLOADED = "downloads/ravdess/audio/Audio_Speech_Actors_01-24"

Record = dict[str, Any]


def record(name: str, key: str, wav: str, emotion: str, **further: Any) -> Record:
    own = {"key": f"{name}-{key}", "dataset": name, "wav": wav, "type": "raw", "sample_rate": 48000}
    return {**own, "num_frame": 48000.0, "task": "category", "length": 1.0, "emo": emotion, "channel": 1, **further}


def write(path: Path, records: Sequence[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")


def write_stm(path: Path, speakers: dict[str, str]) -> None:
    lines = [f"{key} 1 {who} 0 1.0 <id={key},lang=en,spk={who},emotion=x> x\n" for key, who in speakers.items()]
    path.write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def ravdess(tmp_path: Path) -> tuple[Path, Path]:
    """EmoBox's folder data with RAVDESS, and the audio: four clips a speaker more than there are emotions."""
    data, audio = tmp_path / "data", tmp_path / "audio"
    records = []
    for actor in ACTORS:
        (audio / f"Actor_{actor}").mkdir(parents=True)
        for code, emotion in RAVDESS_EMOTIONS.items():
            stem = f"03-01-{code}-01-01-01-{actor}"
            (audio / f"Actor_{actor}" / f"{stem}.wav").touch()
            wav = f"{UPLOADED}/Actor_{actor}/{stem}.wav"
            records.append(record("ravdess", stem, wav, emotion.capitalize()))
    own = data / "ravdess"
    write(own / "ravdess.jsonl", records)
    (own / "label_map.json").write_text(json.dumps(LABELS), encoding="utf-8")
    write_stm(own / "data.seg.wrd.stm", {one["key"]: one["key"][-2:] for one in records})
    for fold, actors in enumerate(TESTED, start=1):
        for part, wanted in (("train", False), ("test", True)):
            some = [one for one in records if (one["key"][-2:] in actors.split()) is wanted]
            write(own / f"fold_{fold}" / f"ravdess_{part}_fold_{fold}.jsonl", some)
    return data, audio


def test_its_folds_of_ravdess_are_those_of_our_protocol(ravdess: tuple[Path, Path]) -> None:
    data, audio = ravdess
    corpus = EmoBox(name="ravdess", metadata=data, root=audio)
    utterances = corpus.utterances()
    ours = Ravdess(root=audio, download=False).utterances()
    assert [(u.id, u.emotion, u.speaker) for u in utterances] == [(u.id, u.emotion, u.speaker) for u in ours]
    assert corpus.remarks(utterances) == []
    digests = {u.id: u.id for u in utterances}
    published = components.make("split/emobox", fold="all").folds(utterances, digests)
    given = components.make("split/given", fold="all")
    given.own_folds = corpus.folds()
    for fold, (one, other) in enumerate(zip(given.folds(utterances, digests), published, strict=True), start=1):
        assert (one.fold, one.n_folds) == (fold, 6)
        assert {u.speaker for u in one.test} == set(TESTED[fold - 1].split())
        assert one.rows() == other.rows()  # with the same speakers for validation
        assert one.hash == other.hash
    [second] = components.make("split/emobox", fold=2).folds(utterances, digests)
    assert {u.speaker for u in second.test} == set(TESTED[1].split())


def test_another_protocol_says_that_there_are_folds(ravdess: tuple[Path, Path]) -> None:
    corpus = EmoBox(name="ravdess", metadata=ravdess[0], root=ravdess[1])
    utterances = corpus.utterances()
    protocol = components.make("split/speaker")
    protocol.own_folds = corpus.folds()
    [remark] = unused_split(utterances, protocol)
    assert "6 folds of its own, which split=speaker does not use; split=given does" in remark


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, Path]:
    """A corpus with a validation part, segments, labels that are merged, one that has no word, and a text."""
    data, audio = tmp_path / "data", tmp_path / "audio"
    audio.mkdir()
    for name in ("long.flac", "a.wav", "b.wav", "c.wav", "odd.wav"):
        (audio / name).touch()
    rows = [
        record("small", "s1", "downloads/small/long.flac", "ang", start_time=0.0, end_time=4.46),
        record("small", "s2", "downloads/small/long.flac", "exc", start_time=4.46, end_time=9.58),
        record("small", "a b", "downloads/small/a.wav", "hap", text="はい"),
        record("small", "b", "downloads/small/b.wav", "poker", spk="Bo"),
        record("small", "c", "downloads/small/c.wav", "hap", spk=0),
        record("small", "odd", "downloads/small/odd.wav", "xxx"),
    ]
    own = data / "small"
    write(own / "small.jsonl", rows)
    (own / "small.jsonl").write_text((own / "small.jsonl").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    labels = {"ang": "Angry", "hap": "Happy", "exc": "Happy", "poker": "Poker"}
    (own / "label_map.json").write_text(json.dumps(labels), encoding="utf-8")
    write_stm(own / "data.seg.wrd.stm", {"small-s1": "STEFAN-RÖTTIG", "small-a b": "The Fan"})
    for part, some in (("train", rows[:2]), ("valid", rows[2:3]), ("test", rows[3:4])):
        write(own / "fold_1" / f"small_{part}_fold_1.jsonl", some)
    return data, audio


def test_labels_speakers_segments_and_validation(small: tuple[Path, Path]) -> None:
    corpus = EmoBox(name="small", metadata=small[0], root=small[1])
    found = {u.id: u for u in corpus.utterances()}
    assert {name: (u.emotion, u.speaker) for name, u in found.items()} == {
        "a": ("happy", "The Fan"),
        "b": ("Poker", "Bo"),
        "c": ("happy", "0"),
        "long@0-4.46": ("angry", "STEFAN-RÖTTIG"),
        "long@4.46-9.58": ("happy", None),
    }
    assert found["long@4.46-9.58"].segment == Segment(4.46, 9.58) and found["a"].attributes == {"text": "はい"}
    assert corpus.folds() == [{"long@0-4.46": "train", "long@4.46-9.58": "train", "a": "val", "b": "test"}]
    unlabelled, loose = corpus.remarks([])
    assert "xxx (1)" in unlabelled and "1 clips are in no fold, such as small-c" in loose


def test_the_command_takes_its_folds(small: tuple[Path, Path], command: Command) -> None:
    settings = [f"corpus.metadata={small[0]}", f"corpus.root={small[1]}", "split=given", "split.fold=2"]
    outcome = command("corpus=emobox", "corpus.name=small", *settings)
    assert outcome.code == 1 and "split.fold must be 1 to 1, or all; got 2" in outcome.output


def test_recordings_that_are_missing_are_said(small: tuple[Path, Path]) -> None:
    (small[1] / "b.wav").unlink()
    corpus = EmoBox(name="small", metadata=small[0], root=small[1])
    assert len(corpus.utterances()) == 4
    assert "1 of 5 recordings are not there, such as downloads/small/b.wav" in corpus.remarks([])[0]
    for path in small[1].iterdir():
        path.unlink()
    with pytest.raises(CorpusNotFound, match=r"none of the 5 recordings of small is below .*downloads/small/long.flac"):
        EmoBox(name="small", metadata=small[0], root=small[1]).utterances()


def test_what_cannot_be_used_is_refused(small: tuple[Path, Path]) -> None:
    data, audio = small
    with pytest.raises(ConfigError, match=r"corpus\.metadata is not set; set corpus\.name=.*corpus\.metadata=.*EmoBox"):
        EmoBox(name="small", metadata=None, root=audio).utterances()
    with pytest.raises(CorpusNotFound, match=r"corpus\.root: no folder"):
        EmoBox(name="small", metadata=data, root=audio / "none").utterances()
    with pytest.raises(CorpusNotFound, match=r"corpus\.name: .* has no folder iemocap; there are small$"):
        EmoBox(name="iemocap", metadata=data, root=audio).utterances()
    (data / "bare").mkdir()
    with pytest.raises(CorpusNotFound, match=r"no list bare\.jsonl and no folds"):
        EmoBox(name="bare", metadata=data, root=audio).utterances()
    lists = data / "small" / "fold_1"
    (lists / "small_test_fold_1.jsonl").write_text('{"key": "small-b"}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"small_test_fold_1\.jsonl, line 1 is no record with key, wav and emo"):
        EmoBox(name="small", metadata=data, root=audio).utterances()
    (lists / "small_test_fold_1.jsonl").write_text((lists / "small_train_fold_1.jsonl").read_text(), encoding="utf-8")
    with pytest.raises(CorpusError, match=r"fold_1 gives small-s1 to two parts"):
        EmoBox(name="small", metadata=data, root=audio).utterances()
    (lists / "small_test_fold_1.jsonl").unlink()
    with pytest.raises(CorpusError, match=r"small_test_fold_1\.jsonl is missing"):
        EmoBox(name="small", metadata=data, root=audio).utterances()
    lists.rename(lists.with_name("fold_2"))
    with pytest.raises(CorpusError, match=r"small_train_fold_1\.jsonl is missing"):
        EmoBox(name="small", metadata=data, root=audio).utterances()
