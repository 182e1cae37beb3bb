"""MELD by the names of its films and the rows of its tables."""

from pathlib import Path
from typing import Any

import pytest

from ser.errors import CorpusError
from tests.corpora.trees import made, put

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
PARTS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}


@pytest.fixture
def corpus(tmp_path: Path) -> Any:
    for part, folder in PARTS.items():
        rows = ['1,"It\x92s, well",Joey,joy,positive,0,0,8,21,"00:16:16,059","00:16:21,731"']
        rows.append('2,What?,Phoebe Sr,surprise,negative,0,1,8,21,"00:16:21,940","00:16:23,442"')
        (tmp_path / f"{part}_sent_emo.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
        put(tmp_path, f"{folder}/dia0_utt0.mp4", f"{folder}/dia0_utt1.mp4", f"{folder}/._dia0_utt1.mp4")
    return made("meld", tmp_path)


def test_what_is_said_of_a_film(corpus: Any) -> None:
    utterances = {utterance.id: utterance for utterance in corpus.utterances()}
    assert len(utterances) == 6
    one = utterances["dev_splits_complete/dia0_utt1"]
    assert (one.emotion, one.speaker) == ("surprised", "Phoebe Sr")
    assert one.attributes == {"split": "val", "dialogue": "0"}
    assert {u.attributes["split"] for u in utterances.values()} == {"train", "val", "test"}


def test_a_film_that_was_cut_again_counts_instead(corpus: Any) -> None:
    put(corpus.root, "output_repeated_splits_test/final_videos_testdia0_utt0.mp4")
    ids = [utterance.id for utterance in corpus.utterances()]
    assert "output_repeated_splits_test/final_videos_testdia0_utt0" in ids and len(ids) == 6
    assert "output_repeated_splits_test/dia0_utt0" not in ids


def test_films_without_a_row_and_a_damaged_one_are_left_out_and_said(corpus: Any) -> None:
    table = corpus.root / "train_sent_emo.csv"
    table.write_text(table.read_text() + "\n3,No.,Ross,neutral,neutral,125,3,1,1,,")
    put(corpus.root, "train_splits/dia125_utt3.mp4", "dev_splits_complete/dia66_utt9.mp4")
    remarks = corpus.remarks(corpus.utterances())
    assert remarks[1:] == [
        "train_splits/dia125_utt3 is left out: it is damaged",
        "1 films without a row in the tables are left out, such as dia66_utt9.mp4",
    ]


def test_a_table_that_is_missing_is_named(corpus: Any) -> None:
    (corpus.root / "test_sent_emo.csv").unlink()
    said = "2 films whose table test_sent_emo.csv is missing are left out, such as dia0_utt0.mp4"
    assert corpus.remarks(corpus.utterances())[1:] == [said]


def test_a_table_that_is_none(corpus: Any) -> None:
    (corpus.root / "dev_sent_emo.csv").write_text("Dialogue_ID;Utterance_ID;Speaker;Emotion")
    with pytest.raises(CorpusError, match=r"dev_sent_emo\.csv: has no Dialogue_ID and Emotion and .*; get it again"):
        corpus.utterances()
