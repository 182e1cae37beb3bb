"""JVNV by its names."""

from pathlib import Path

from tests.corpora.trees import one


def test_what_a_name_says(tmp_path: Path) -> None:
    utterance = one("jvnv", tmp_path, "jvnv_v1/M2/disgust/free/M2_disgust_free_03.wav")
    assert (utterance.emotion, utterance.speaker) == ("disgust", "M2")
    assert utterance.attributes == {"gender": "male", "session": "free", "number": "03"}
