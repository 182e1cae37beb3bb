"""Folder trees as people have them: emotions first, or something else that is told and not trained."""

from pathlib import Path, PurePath

import pytest

from ser.corpora.folder import Folder
from ser.corpora.layout import objection, remarks
from ser.errors import CorpusError, SettingError
from tests.conftest import Command

EMOTIONAL = ("happy", "sad", "angry")


def below(*levels: tuple[str, ...] | str) -> list[PurePath]:
    """Clips in every combination of the folders of each level."""
    paths = [PurePath()]
    for names in levels:
        paths = [path / name for path in paths for name in ([names] if isinstance(names, str) else names)]
    return [path / f"{number}.wav" for path in paths for number in range(2)]


OTHERS = {
    "parts": (below(("train", "val", "test"), EMOTIONAL), "'corpus.levels=[split,emotion]' split=given"),
    "parts in capitals": (below(("Train", "Test"), EMOTIONAL), "corpus.levels=[split,emotion]"),
    "numbers": (below(("0001", "0002")), "corpus=table"),
    "numbered speakers": (below(("Actor_01", "Actor_02"), EMOTIONAL), "corpus.levels=[speaker,emotion]"),
    "speakers without emotions": (below(("Actor_01", "Actor_02")), "corpus=table"),
    "RAVDESS": ([PurePath(f"Actor_0{n}/03-01-01-01-01-01-0{n}.wav") for n in (1, 2)], "corpus=ravdess"),
    "names with emotions below": (below(("anna", "ben"), EMOTIONAL), "corpus.levels=[speaker,emotion]"),
    "Japanese names": (below(("山田", "鈴木"), ("喜び", "怒り")), "corpus.levels=[speaker,emotion]"),
    "unknown words alike": (
        below(("blue", "green"), ("anna", "ben")),
        "'corpus.levels=[emotion,speaker]' or 'corpus.levels=[speaker,emotion]'",
    ),
    "dates": (below(("2024-05-01", "2024-05-02"), EMOTIONAL), "corpus.levels=[date,emotion]"),
    "sessions": (below(("Session1", "Session2"), EMOTIONAL), "corpus.levels=[session,emotion]"),
    "parts in words": (below(("train_set", "Test Data"), EMOTIONAL), "corpus.levels=[split,emotion]"),
    "languages, speakers": (
        [*below("English", ("0011", "0012"), EMOTIONAL), *below("Chinese", ("0001", "0002"), EMOTIONAL)],
        "corpus.levels=[level1,speaker,emotion]",
    ),
    "names with some emotions": (
        [*below("山田", ("喜び", "怒り")), *below("鈴木", ("悲しみ",))],
        "corpus.levels=[speaker,emotion]",
    ),
    "emotions beside a part": ([*below(EMOTIONAL), *below("test", EMOTIONAL)], "corpus=table"),
    "exported classes": (below(("label_0", "label_1")), "corpus=table"),
    "genders": (below(("male", "female"), EMOTIONAL), "corpus.levels=[gender,emotion]"),
    "other words for parts": (below(("train", "eval"), EMOTIONAL), "split=given (and call eval train, val or test)"),
    "three levels": (below(("train", "test"), ("s01", "s02"), EMOTIONAL), "corpus.levels=[split,speaker,emotion]"),
    "compound": (below(("OAF_angry", "OAF_sad", "YAF_angry", "YAF_sad")), "corpus=table"),
    "compound of one speaker": (below(("OAF_angry", "OAF_sad")), "corpus=table"),
    "compound with strength": (below(("sad-strong", "sad-weak", "happy-strong")), "corpus=table"),
    "a wrapper": (below("audio", EMOTIONAL), "audio; name that folder"),
}
EMOTIONS = {
    "English": below(EMOTIONAL),
    "Japanese, with speakers": below(("喜び", "怒り", "退屈"), ("山田", "鈴木")),
    "unusual": below(("tender", "curious", "proud")),
    "unusual among known": below(("happy", "proud", "awe", "sad"), ("s1", "s2")),
    "codes": below(("ANG", "HAP", "NEU")),
    "one": below("happy"),
    "unusual with something below": below("tender", ("2024", "2025")) + below("proud", "2023"),
    "numbered": below(("[1] happy", "[2] sad", "3. angry!")),
    "one compound": below((*EMOTIONAL, "very happy")),
}


@pytest.mark.parametrize(("clips", "offer"), OTHERS.values(), ids=OTHERS.keys())
def test_what_does_not_name_emotions_is_refused_with_an_offer(clips: list[PurePath], offer: str) -> None:
    said = objection(clips)
    assert said is not None and offer in said and ("corpus.levels=[emotion]" in said or "corpus.root" in said)


@pytest.mark.parametrize("clips", EMOTIONS.values(), ids=EMOTIONS.keys())
def test_emotions_are_taken(clips: list[PurePath]) -> None:
    assert objection(clips) is None


def test_what_does_not_fit_to_the_folders_is_said() -> None:
    (said,) = remarks(below(EMOTIONAL, ("anna", "ben")), ["emotion"])
    assert "'corpus.levels=[emotion,speaker]'" in said
    (said,) = remarks(below(EMOTIONAL, ("train", "test")), ["emotion"])
    assert "'corpus.levels=[emotion,split]'" in said
    (said,) = remarks(below(("DC", "JE", "KL")), ["emotion"])
    assert "no emotion known here is among the folders taken as emotions (DC, JE, KL)" in said
    *_, said = remarks(below(("train", "test"), ("s1", "s2"), EMOTIONAL), ["emotion", "speaker", "split"])
    assert "the folders taken as split look like emotions" in said
    assert remarks(below(EMOTIONAL), ["emotion"]) == []
    assert remarks(below(("s1", "s2"), EMOTIONAL), ["speaker", "emotion"]) == []


def put(root: Path, clips: list[PurePath]) -> None:
    for clip in clips:
        (root / clip).parent.mkdir(parents=True, exist_ok=True)
        (root / clip).touch()


def test_levels_are_read(tmp_path: Path) -> None:
    put(tmp_path, [*below(("train", "test"), ("anna", "ben"), ("day 1",), EMOTIONAL), PurePath("train/anna/loose.wav")])
    with pytest.raises(CorpusError, match=r"corpus\.root: .*parts of a split"):
        Folder(root=tmp_path, levels=None).utterances()
    corpus = Folder(root=tmp_path, levels=["split", "speaker", "day", "emotion"])
    utterances = corpus.utterances()
    assert len(utterances) == 24 and {u.speaker for u in utterances} == {"anna", "ben"}
    assert {u.emotion for u in utterances} == set(EMOTIONAL)
    assert utterances[0].attributes == {"split": "test", "day": "day 1"}
    (said,) = corpus.remarks(utterances)
    assert "1 audio files lie not below folders split/speaker/day/emotion" in said and "train/anna/loose.wav" in said


def test_levels_of_ones_own_are_believed(tmp_path: Path) -> None:
    put(tmp_path, below(("0", "1"), ("a", "b")))
    assert {u.emotion for u in Folder(root=tmp_path, levels=["emotion"]).utterances()} == {"0", "1"}


@pytest.mark.parametrize("levels", [[], ["speaker"], ["emotion", "emotion"], ["emotion", ""], ["emotion", "a", "a"]])
def test_levels_that_mean_nothing_are_refused(tmp_path: Path, levels: list[str]) -> None:
    with pytest.raises(SettingError, match=r"levels must name emotion once"):
        Folder(root=tmp_path, levels=levels)


def test_a_run_on_parts_and_emotions_in_folders(command: Command, speech: Path, tmp_path: Path) -> None:
    for actor, name in (("01", "train"), ("02", "dev"), ("03", "Test")):
        for clip in (speech / f"Actor_{actor}").glob("03-01-0[35]-*.wav"):
            copy = tmp_path / "clips" / name / ("happy" if clip.stem[7] == "3" else "angry") / clip.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(clip.read_bytes())
    quick = ["epochs=1", "model=probe", "feature=mfcc", "augment=none", "hydra.run.dir=run"]
    refused = command("corpus=folder", "corpus.root=clips", "split=random", *quick)
    assert refused.code == 1 and "set 'corpus.levels=[split,emotion]' split=given" in refused.output
    outcome = command("corpus=folder", "corpus.root=clips", "corpus.levels=[split,emotion]", "split=given", *quick)
    assert outcome.code == 0 and "16 clips for training, 16 for validation, 16 for test" in outcome.output
