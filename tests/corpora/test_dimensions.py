"""Numbers of clips in place of emotions."""

from pathlib import Path

import pytest

from ser.corpora.base import Utterance
from ser.corpora.dimensions import check_dimensions, numbered, numbers_of
from ser.corpora.table import Table
from ser.errors import ConfigError, CorpusError


def clips(*arousals: str, emotion: str = "") -> list[Utterance]:
    return [
        Utterance(f"{n}", Path(f"{n}.wav"), emotion, "a", "own", {"arousal": arousal, "take": "x"})
        for n, arousal in enumerate(arousals)
    ]


def test_clips_without_a_number_are_left_out_and_told() -> None:
    kept, remarks = numbered(clips("1", "n/a", "2.5", "4"), ["arousal"])
    assert [one.id for one in kept] == ["0", "2", "3"]
    assert remarks == ["1 clips are left out, for they lack a number: arousal (1)"]
    assert [numbers_of(one, ["arousal"]) for one in kept] == [[1.0], [2.5], [4.0]]


def test_protocols_stratify_by_thirds_of_the_first_dimension() -> None:
    kept, _ = numbered(clips("1", "2", "3", emotion="sad"), ["arousal"])
    assert [one.emotion for one in kept] == ["low arousal", "middle arousal", "high arousal"]
    assert {one.attributes["emotion"] for one in kept} == {"sad"}


@pytest.mark.parametrize(
    ("dimension", "arousals", "said"),
    [
        ("valence", ["1", "2"], r"no clip has a number for valence; columns of numbers are arousal"),
        ("arousal", ["1", "much"], "arousal of 1 must be a number, such as 3.5; got 'much'"),
        ("arousal", ["2", "2"], "arousal is 2 in all 2 clips"),
    ],
)
def test_what_cannot_be_learnt_is_refused(dimension: str, arousals: list[str], said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        numbered(clips(*arousals), [dimension])


@pytest.mark.parametrize("dimensions", [[], ["a", "a"], ["speaker"], ["predicted_a"]])
def test_names_that_cannot_be_told_are_refused(dimensions: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"task\.dimensions"):
        check_dimensions(dimensions)


def test_a_table_needs_no_emotion_then(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("path,arousal\na.wav,1\n", encoding="utf-8")
    table = Table(path=path, raters=None, votes=None)
    with pytest.raises(CorpusError, match="lacks emotion"):
        table.utterances()
    table.dimensions = ["arousal"]
    assert [one.attributes["arousal"] for one in table.utterances()] == ["1"]
