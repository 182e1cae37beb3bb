"""JTES by its names."""

from pathlib import Path

from tests.corpora.trees import one


def test_what_a_name_says(tmp_path: Path) -> None:
    utterance = one("jtes", tmp_path, "jtes_v1.1/wav/f07/joy/f07_joy_41.wav")
    assert (utterance.emotion, utterance.speaker) == ("happy", "f07")
    assert utterance.attributes == {"gender": "female", "statement": "41"}
