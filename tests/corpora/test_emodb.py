"""EMO-DB by its names."""

from pathlib import Path

import pytest

from tests.corpora.trees import one


@pytest.mark.parametrize(
    ("name", "emotion", "gender"),
    [
        ("03a01Wa", "angry", "male"),
        ("08b02Lb", "bored", "female"),
        ("10a04Ed", "disgust", "male"),
        ("16b10Aa", "fearful", "female"),
        ("11a05Fc", "happy", "male"),
        ("13b09Ta", "sad", "female"),
        ("15a07Nb", "neutral", "male"),
    ],
)
def test_what_a_name_says(name: str, emotion: str, gender: str, tmp_path: Path) -> None:
    utterance = one("emodb", tmp_path, f"wav/{name}.wav")
    assert (utterance.emotion, utterance.speaker) == (emotion, name[:2])
    assert utterance.attributes == {"gender": gender, "statement": name[2:5]}
