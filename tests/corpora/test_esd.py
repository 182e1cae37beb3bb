"""ESD by its names, with the folders of its parts and without."""

from collections import Counter
from pathlib import Path

import pytest

from tests.corpora.trees import made, one


@pytest.mark.parametrize(
    ("name", "emotion", "split", "gender", "language", "statement"),
    [
        ("0011/Neutral/evaluation/0011_000001", "neutral", "val", "male", "English", "001"),
        ("0011/Neutral/test/0011_000021", "neutral", "test", "male", "English", "021"),
        ("0011/Angry/test/0011_000371", "angry", "test", "male", "English", "021"),
        ("0011/Happy/evaluation/0011_000701", "happy", "val", "male", "English", "001"),
        ("0016/Sad/evaluation/0016_001057", "sad", "val", "female", "English", "007"),
        ("0003/Surprise/0003_001420", "surprised", "val", "female", "Chinese", "020"),
        ("Emotion Speech Dataset/0010/Surprise/0010_001451", "surprised", "train", "male", "Chinese", "051"),
    ],
)
def test_what_a_name_says(
    name: str, emotion: str, split: str, gender: str, language: str, statement: str, tmp_path: Path
) -> None:
    utterance = one("esd", tmp_path, f"{name}.wav")
    assert (utterance.emotion, utterance.speaker) == (emotion, name[-11:-7])
    told = {"gender": gender, "language": language, "statement": statement, "split": split}
    assert utterance.attributes == told


def test_what_the_numbers_of_a_speaker_say(tmp_path: Path) -> None:
    corpus = made("esd", tmp_path)
    clips = [corpus.clip("0011", f"{number:06d}") for number in range(1, 1751)]
    assert set(Counter(clip.emotion for clip in clips).values()) == {350}
    assert Counter(clip.attributes["split"] for clip in clips) == {"val": 5 * 20, "test": 5 * 30, "train": 5 * 300}
    assert corpus.clip("0011", "001751") == "clips whose numbers are not 1 to 1750"
