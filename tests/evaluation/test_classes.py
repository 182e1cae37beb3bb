"""The emotions of a corpus and of a model, brought together."""

from pathlib import Path
from typing import Any

import pytest

from ser.config.schema import Labels
from ser.corpora.base import Utterance
from ser.corpora.mapping import map_labels
from ser.corpora.reading import Clips
from ser.errors import EvaluateError
from ser.evaluation.classes import in_common
from ser.evaluation.trained import in_corpus

MODEL = ["neutral", "happy", "sad", "angry"]


def clips(*emotions: str, **labels: Any) -> Clips:
    """One of each emotion, with labels mapped."""
    whole = [Utterance(str(number), Path(), emotion, None, "own") for number, emotion in enumerate(emotions)]
    settings = {"name": "own", "map": {}, "only": None, "min_clips": 0, **labels}
    return Clips(whole, *map_labels(whole, Labels(**settings)), [])


def test_words_that_mean_the_same_are_one_and_what_the_model_does_not_know_is_counted() -> None:
    wanted, label_map = in_common(clips("怒り", "joy", "sad", "fearful", "fearful", "poker"), MODEL)
    assert [(one.id, one.emotion) for one in wanted] == [("0", "angry"), ("1", "happy"), ("2", "sad")]
    assert label_map is not None and label_map.dropped == {"fearful": 2, "poker": 1}
    assert label_map.map == {"怒り": "angry", "joy": "happy", "sad": "sad", "fearful": None, "poker": None}


def test_labels_that_are_known_stay_as_they_are() -> None:
    same = clips("sad", "angry")
    assert in_common(same, MODEL) == (same.wanted, None)


def test_the_labels_asked_for_go_first() -> None:
    wanted, label_map = in_common(clips("excited", "bored", "sad", map={"excited": "joy", "bored": None}), MODEL)
    assert [one.emotion for one in wanted] == ["happy", "sad"]
    assert label_map is not None and label_map.map == {"excited": "happy", "bored": None, "sad": "sad"}
    assert (label_map.name, label_map.dropped) == ("own", {"bored": 1})


def test_a_word_of_the_model_s_own_is_found_and_one_that_may_be_two_is_not() -> None:
    wanted, _ = in_common(clips("happy", "悲しみ", "weary"), ["喜び", "weary", "sad", "sorrow"])
    assert [one.emotion for one in wanted] == ["喜び", "weary"]


@pytest.mark.parametrize(
    ("there", "said", "advice"),
    [
        (["fearful", "bored"], "nothing", ": map .*labels.map={(fearful|bored): <emotion>}'"),
        (["fearful", "anger"], "angry", ": map .*labels.map={fearful: <emotion>}'"),
        (["anger"], "angry", ""),
    ],
)
def test_fewer_than_two_in_common_are_one_message(there: list[str], said: str, advice: str) -> None:
    with pytest.raises(EvaluateError, match=rf"^corpus: {said} in common: .* knows neutral, .* are needed{advice}$"):
        in_common(clips(*there), MODEL)


@pytest.mark.parametrize(
    ("speaker", "corpus", "named"),
    [("01", "ravdess", "ravdess/01"), ("ravdess/01", "ravdess+demo", "ravdess/01"), ("", "demo", None)],
)
def test_speakers_are_those_of_their_corpus(speaker: str, corpus: str, named: str | None) -> None:
    assert in_corpus(speaker, corpus) == named


def test_votes_are_called_as_the_emotions_are() -> None:
    rated = [
        Utterance("0", Path(), "怒り", None, "own", votes={"怒り": 2, "joy": 1, "poker": 1}),
        Utterance("1", Path(), "joy", None, "own"),
    ]
    wanted, _ = in_common(Clips(rated, rated, None, []), MODEL)
    assert [one.votes for one in wanted] == [{"angry": 2, "happy": 1}, None]
