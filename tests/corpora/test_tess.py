"""TESS by its names."""

from pathlib import Path

from tests.corpora.trees import made, one, put


def test_what_a_name_says(tmp_path: Path) -> None:
    utterance = one("tess", tmp_path, "YAF_pleasant_surprised/YAF_back_ps.wav")
    assert (utterance.emotion, utterance.speaker) == ("surprised", "YAF")
    assert utterance.attributes == {"gender": "female", "age": "younger", "statement": "back"}


def test_the_name_that_lacks_a_letter(tmp_path: Path) -> None:
    put(tmp_path, "OAF_neutral/OA_bite_neutral.wav", "OAF_neutral/OAF_back_neutral.wav", "XAF_back_neutral.wav")
    assert {utterance.speaker for utterance in made("tess", tmp_path).utterances()} == {"OAF"}
