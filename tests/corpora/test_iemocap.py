"""IEMOCAP by the names of its turns and the labels of its evaluations."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from ser.corpora.iemocap import Iemocap
from ser.errors import CorpusNotFound
from tests.corpora.trees import made, put

EVALUATION = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\t{0}_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
A-E3:\tval 3; act 2; dom  2;\t()

[10.0100 - 11.3925]\t{0}_F001\texc\t[4.0000, 3.5000, 3.0000]

[14.8872 - 18.0175]\t{0}_M000\txxx\t[2.5000, 3.0000, 3.0000]

[19.2900 - 20.7875]\t{0}_M001\toth\t[2.5000, 3.0000, 3.0000]

[21.3257 - 24.7400]\t{0}_M002\tfru\t[1.5000, 3.5000, 4.0000]
"""


def released(root: Path, n_sessions: int) -> Iemocap:
    for session in range(1, n_sessions + 1):
        name, folder = f"Ses0{session}F_impro01", f"Session{session}"
        table = root / folder / "dialog" / "EmoEvaluation" / f"{name}.txt"
        put(root, str(table), f"{folder}/dialog/wav/{name}.wav", f"{folder}/dialog/EmoEvaluation/._{name}.txt")
        put(root, f"{folder}/dialog/EmoEvaluation/Categorical/{name}_e2_cat.txt")
        table.write_text(EVALUATION.format(name), encoding="latin-1")
        turns = [f"{name}_{turn}" for turn in ("F000", "F001", "M000", "M001", "M002")]
        put(root, *(f"{folder}/sentences/wav/{name}/{turn}.wav" for turn in turns))
    return made("iemocap", root)  # type: ignore[no-any-return]


def test_what_is_said_of_a_turn(tmp_path: Path) -> None:
    corpus = released(tmp_path, 2)
    utterances = corpus.utterances()
    assert Counter(one.emotion for one in utterances) == {"neutral": 2, "happy": 2, "frustrated": 2}
    excited = utterances[1]
    assert excited.id == "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F001"
    assert (excited.speaker, utterances[2].speaker) == ("Ses01F", "Ses01M")
    rated = {"valence": "4.0000", "arousal": "3.5000", "dominance": "3.0000"}
    assert excited.attributes == {
        "gender": "female",
        "session": "1",
        "acted": "improvised",
        "annotated": "excited",
        **rated,
    }


def test_turns_without_a_label_are_left_out_and_said(tmp_path: Path) -> None:
    corpus = released(tmp_path, 1)
    assert corpus.remarks(corpus.utterances())[1] == (
        "2 turns without an emotion that the raters agree on (xxx, oth) are left out, such as Ses01F_impro01_M000.wav"
    )


def test_missing_labels_are_told_from_those_the_raters_do_not_agree_on(tmp_path: Path) -> None:
    corpus = released(tmp_path, 2)
    lacking = "5 turns that no Session*/dialog/EmoEvaluation/*.txt labels{}, such as Ses0{}F_impro01_F000.wav"
    shutil.rmtree(tmp_path / "Session2" / "dialog")
    assert lacking.format(" are left out", 2) in corpus.remarks(corpus.utterances())
    shutil.rmtree(tmp_path / "Session1")
    with pytest.raises(CorpusNotFound) as raised:
        corpus.utterances()
    assert f"no clip of IEMOCAP below {tmp_path} that has a label ({lacking.format('', 2)})" in str(raised.value)


def test_each_session_is_the_test_of_a_fold(tmp_path: Path) -> None:
    corpus = released(tmp_path, 3)
    utterances = corpus.utterances()
    folds = corpus.folds()
    assert [Counter(fold.values()) for fold in folds] == [{"train": 6, "test": 3}] * 3
    for number, fold in enumerate(folds, start=1):
        assert {u.attributes["session"] for u in utterances if fold[u.id] == "test"} == {str(number)}
