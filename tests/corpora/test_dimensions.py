"""Numbers of clips in place of emotions."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ser.corpora.base import Utterance
from ser.corpora.dimensions import check_dimensions, numbered, numbers_of
from ser.corpora.reading import read_clips
from ser.corpora.several import Several
from ser.corpora.table import Table
from ser.errors import ConfigError, CorpusError
from ser.splits.by_clip import KFold
from tests.conftest import configured


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
    kept, _ = numbered(clips(*map(str, range(30)), emotion="sad"), ["arousal"])
    assert Counter(one.emotion for one in kept) == {"low arousal": 10, "middle arousal": 10, "high arousal": 10}
    assert {one.attributes["emotion"] for one in kept} == {"sad"}


@pytest.mark.parametrize(
    ("numbers", "low"), [([*range(12)], 6), ([1] * 14 + [2] * 14 + [3] * 2, 14), ([1] * 6 + [2] * 30, 6)]
)
def test_where_a_third_has_few_clips_protocols_stratify_by_halves(numbers: list[int], low: int) -> None:
    kept, _ = numbered(clips(*map(str, numbers)), ["arousal"])
    assert Counter(one.emotion for one in kept) == {"low arousal": low, "high arousal": len(numbers) - low}
    KFold(name="kfold", fold=1, seed=0, val_fraction=0.2, k=2).folds(kept, {one.id: one.id for one in kept})


def test_a_dimension_is_found_in_upper_and_lower_case() -> None:
    kept, _ = numbered(clips("1", "2"), ["Arousal"])
    assert [one.attributes for one in kept] == [{"Arousal": "1", "take": "x"}, {"Arousal": "2", "take": "x"}]
    both = [replace(one, attributes={"AROUSAL": "7", **one.attributes}) for one in clips("1", "2")]
    assert [numbers_of(one, ["arousal"]) for one in numbered(both, ["arousal"])[0]] == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("dimension", "arousals", "said"),
    [
        ("valence", ["1", "2", "3"], r"no clip has a number for valence; columns of numbers are arousal"),
        ("valence", ["1", "2", "1"], r"no clip has a number for valence; this corpus has no such numbers"),
        ("arousal", ["1", "1e31"], r"arousal of 1 is 1e31: 1e\+30 is the largest number"),
        ("arousal", ["100000001", "100000003"], r"arousal varies by 1 about 1e\+08, .*; subtract a constant"),
        ("arousal", ["1", "much"], "arousal of 1 must be a number, such as 3.5; got 'much'"),
        ("arousal", ["2", "2"], "arousal is 2 in every clip"),
    ],
)
def test_what_cannot_be_learnt_is_refused(dimension: str, arousals: list[str], said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        numbered(clips(*arousals), [dimension])


@pytest.mark.parametrize("dimensions", [[], ["a", "a"], ["a", "A"], ["Speaker"], ["predicted_a"], ["mean"], ["end_s"]])
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


def test_several_corpora_need_no_emotion_either_and_those_there_are_have_one_spelling(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,Arousal\na.wav,1\nb.wav,2\n", encoding="utf-8")
    (tmp_path / "u.csv").write_text("path,arousal,emotion\na.wav,3,Happy\nb.wav,4,happy\n", encoding="utf-8")
    kind = {"_target_": "ser.corpora.table.Table", "raters": None, "votes": None}
    corpus = Several(parts={name: kind | {"path": str(tmp_path / f"{name}.csv")} for name in ("t", "u")})
    corpus.dimensions = ["Arousal"]
    found = read_clips(corpus, configured().labels).wanted
    assert [(one.id, numbers_of(one, ["Arousal"])) for one in found] == [
        *[("t/a", [1.0]), ("t/b", [2.0])],
        *[("u/a", [3.0]), ("u/b", [4.0])],
    ]
    assert [one.attributes.get("emotion") for one in found] == [None, None, "happy", "happy"]
