"""SAVEE by its names, in the layout of its release and in one folder."""

from pathlib import Path

import pytest

from tests.corpora.trees import one


@pytest.mark.parametrize(
    ("name", "speaker", "emotion"),
    [("AudioData/DC/a01", "DC", "angry"), ("AudioData/JK/sa15", "JK", "sad"), ("ALL/KL_su03", "KL", "surprised")],
)
def test_what_a_name_says(name: str, speaker: str, emotion: str, tmp_path: Path) -> None:
    utterance = one("savee", tmp_path, f"{name}.wav")
    assert (utterance.speaker, utterance.emotion) == (speaker, emotion)
    assert utterance.attributes == {"gender": "male", "number": name[-2:]}
