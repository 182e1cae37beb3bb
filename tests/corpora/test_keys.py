"""One rule for speakers, emotions and parts of a split, however they are written."""

import json
from pathlib import Path

import pytest

from ser.corpora.base import Utterance
from ser.corpora.keys import NOT_GIVEN, key, one_spelling, part
from ser.errors import CorpusError
from tests.conftest import Command


def clips(*values: tuple[str, str | None]) -> list[Utterance]:
    return [Utterance(str(n), Path(f"{n}.wav"), emotion, who, "made") for n, (emotion, who) in enumerate(values)]


@pytest.mark.parametrize(
    "same",
    [
        ("Anna", "anna", "ANNA ", "\u3000anna", "ａｎｎａ", "an\u200bna", "\ufeffAnna"),
        ("1", "1.0", "01", "001", "１", "+1", "1.", "1e0"),
        ("10", "1e1", "10.00"),
        ("山田 太郎", "山田　太郎", "山田  太郎"),
        ("タロウ", "ﾀﾛｳ"),
        ("が", "か\u3099"),
        ("Straße", "STRASSE"),
        ("0", "-0", "0.0"),
    ],
)
def test_one_value_in_several_spellings(same: tuple[str, ...]) -> None:
    assert len({key(value) for value in same}) == 1 and key(same[0]) is not None


def test_different_values_stay_apart() -> None:
    values = ["S1", "S10", "a", "á", "1", "-1", "11", "1.5", "1a", "か", "が", "Anna", "Anne", "p1", "p01"]
    assert len({key(value) for value in values}) == len(values)


def test_what_means_not_given() -> None:
    for word in (
        "nan",
        "NaN",
        "None",
        "NULL",
        "na",
        "N/A",
        "-",
        "?",
        "",
        "  ",
        "\u3000",
        "－",
        "---",
        "...",
        "UNK",
        *NOT_GIVEN,
    ):
        assert key(word) is None


def test_parts_of_a_split() -> None:
    assert [part(word) for word in ("Train", "ＤＥＶ", " test ", "", "nan", "fold1")] == [
        *("train", "val", "test"),
        *(None, None, None),
    ]


def test_speakers_and_emotions_get_one_spelling_which_is_said() -> None:
    found, remarks = one_spelling(
        clips(("Happy", "Anna"), ("happy", "anna"), ("SAD", "anna"), ("sad", "1.0"), ("Sad", "01"), ("sad", "NaN"))
    )
    assert [utterance.emotion for utterance in found] == ["happy", "happy", "sad", "sad", "sad", "sad"]
    assert [utterance.speaker for utterance in found] == ["anna", "anna", "anna", "01", "01", None]
    folded, speakers, unknown = remarks
    assert "Happy = happy" in folded and "sad = SAD = Sad" in folded
    assert "anna = Anna" in speakers and "01 = 1.0" in speakers
    assert "'NaN' (1 clips)" in unknown


def test_nothing_is_said_where_nothing_was_folded() -> None:
    utterances = clips(("happy", "Anna"), ("sad", "Ben"), ("angry", None))
    assert one_spelling(utterances) == (utterances, [])


def test_an_emotion_that_is_not_given_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"the emotion of 2 clips is not given: that of 1 is 'nan'"):
        one_spelling(clips(("sad", "a"), ("nan", "a"), ("?", "a")))


def test_emotions_in_other_words_are_said_with_a_mapping() -> None:
    _, remarks = one_spelling(clips(*((word, "x") for word in ("anger", "angry", "ANG", "fear", "sad", "喜び", "joy"))))
    (remark,) = remarks
    assert "ang -> angry, anger -> angry, joy -> happy, 喜び -> happy" in remark and "fear" not in remark


def test_one_person_in_two_spellings_is_not_on_both_sides(command: Command, speech: Path, tmp_path: Path) -> None:
    rows = ["path,emotion,speaker"]
    for actor, ways in {"01": "Anna,anna", "02": "1,1.0", "03": "01,ＢＥＮ", "04": "ben,Ben"}.items():
        for number, clip in enumerate(sorted((speech / f"Actor_{actor}").glob("03-01-0[35]-*.wav"))):
            rows.append(f"{clip},{clip.stem[7]},{ways.split(',')[number % 2]}")
    (tmp_path / "t.csv").write_text("\n".join(rows), encoding="utf-8")
    quick = ["epochs=1", "model=probe", "feature=mfcc", "augment=none", "hydra.run.dir=run"]
    outcome = command("corpus=table", "corpus.path=t.csv", "split=speaker", "split.k=3", *quick)
    assert outcome.code == 0 and "3 speakers" in outcome.output and "speaker_independent: yes" in outcome.output
    assert "1 = 01 = 1.0" in outcome.output or "01 = 1 = 1.0" in outcome.output
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["audit"]["n_unknown"] == 0
