"""CREMA-D by its names."""

from pathlib import Path

from ser.corpora.cremad import FEMALE
from tests.corpora.trees import made, one, put


def test_what_a_name_says(tmp_path: Path) -> None:
    utterance = one("cremad", tmp_path, "AudioWAV/1002_IEO_FEA_HI.wav")
    assert utterance.id == "AudioWAV/1002_IEO_FEA_HI"
    assert (utterance.emotion, utterance.speaker, utterance.corpus) == ("fearful", "1002", "cremad")
    assert utterance.attributes == {"gender": "female", "statement": "ieo", "intensity": "high"}
    assert len(FEMALE) == 43


def test_the_clip_whose_name_lacks_a_letter_and_the_one_without_sound(tmp_path: Path) -> None:
    put(tmp_path, "AudioWAV/1040_ITH_SAD_X.wav", "AudioWAV/1076_MTI_SAD_XX.wav")
    corpus = made("cremad", tmp_path)
    [utterance] = corpus.utterances()
    assert utterance.attributes["intensity"] == "unspecified" and utterance.attributes["gender"] == "male"
    differences, defect = corpus.remarks([utterance])
    assert "2 clips where the release has 7442" in differences and "1269 sad" in differences
    assert defect == "1076_MTI_SAD_XX is left out: it holds no sound"


def test_of_three_formats_the_lossless_one_counts(tmp_path: Path) -> None:
    put(tmp_path, *(f"{folder}/1001_DFA_ANG_XX.{folder[-3:].lower()}" for folder in ("AudioMP3", "AudioWAV")))
    put(tmp_path, "VideoFlash/1001_DFA_ANG_XX.flv")
    corpus = made("cremad", tmp_path)
    [utterance] = corpus.utterances()
    assert utterance.path.suffix == ".wav" and "copies" not in corpus.remarks([utterance])[0]
