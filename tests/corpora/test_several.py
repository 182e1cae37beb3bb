"""Several corpora as one."""

import shutil
from pathlib import Path

import pytest

from ser.compare.reading import Run, read_run
from ser.corpora.several import Several, uneven
from ser.errors import CorpusNotFound, SettingError
from ser.files import read_csv
from ser.runs.report import headline, render
from ser.runs.results import read_results
from ser.splits.audit import audit
from ser.splits.overlaps import shared_content
from ser.store.recordings import load_recordings
from tests.components import make, settings
from tests.conftest import Command


def several(ravdess: Path, table: Path) -> Several:
    parts = {"ravdess": settings("corpus/ravdess", root=str(ravdess)), "own": settings("corpus/table", path=str(table))}
    made: Several = make("corpus/several", parts=parts)
    return made


@pytest.fixture
def table(few: Path, tmp_path: Path) -> Path:
    """Two clips of RAVDESS's by speakers of the same names, in other words."""
    rows = ["path,emotion,speaker,note"]
    for name, emotion, note in (("03-01-03-01-01-01-01", "喜び", "a"), ("03-01-05-01-01-01-01", "Anger", "")):
        shutil.copy(few / "Actor_01" / f"{name}.wav", tmp_path / f"{name[:8]}.wav")
        rows.append(f"{name[:8]}.wav,{emotion},1,{note}")
    (tmp_path / "table.csv").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path / "table.csv"


def test_ids_and_speakers_are_apart_and_emotions_in_the_same_words(few: Path, table: Path) -> None:
    corpus = several(few, table)
    utterances = corpus.utterances()
    assert (corpus.name, corpus.notice, corpus.listeners) == ("ravdess+own", None, None)
    assert [utterance.id for utterance in utterances] == sorted(utterance.id for utterance in utterances)
    own = [utterance for utterance in utterances if utterance.corpus == "own"]
    assert [(one.id, one.emotion, one.speaker) for one in own] == [
        ("own/03-01-03", "happy", "own/1"),
        ("own/03-01-05", "angry", "own/1"),
    ]
    assert own[0].attributes == {"note": "a", "corpus": "own"}
    assert {one.speaker for one in utterances if one.corpus == "ravdess"} == {f"ravdess/0{n}" for n in (1, 2, 3, 4)}
    remarks = corpus.remarks(utterances)
    assert "own: emotions in other words: 喜び -> happy, Anger -> angry" in remarks
    assert any(remark.startswith("ravdess: 64 clips where the release has 1440") for remark in remarks)
    [uncommon] = uneven(utterances)
    assert "neutral (in ravdess)" in uncommon and "happy" not in uncommon
    assert not uneven([utterance for utterance in utterances if utterance.corpus == "ravdess"])


def test_the_audit_sees_the_same_recording_in_two_corpora(few: Path, table: Path, tmp_path: Path) -> None:
    utterances = several(few, table).utterances()
    recordings = load_recordings(utterances, tmp_path / "store", sample_rate=16000, top_db=None)
    content = shared_content(utterances, recordings.digests, recordings.files)
    [split] = make("split/speakers", test=["own/1"]).folds(utterances, content)
    found = audit(split, content)
    assert found.shared_speakers == []
    assert found.identical == [
        ("ravdess/Actor_01/03-01-03-01-01-01-01", "own/03-01-03"),
        ("ravdess/Actor_01/03-01-05-01-01-01-01", "own/03-01-05"),
    ]


def test_what_a_part_refuses_is_said_by_the_names_of_its_settings(few: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^corpus\.parts: name two corpora"):
        make("corpus/several")
    with pytest.raises(CorpusNotFound, match=rf"^corpus\.parts\.ravdess\.root: no folder {tmp_path}/x; set corpus\.pa"):
        several(tmp_path / "x", tmp_path / "table.csv").utterances()


def test_a_run_on_several_with_mapped_labels(command: Command, few: Path, table: Path, tmp_path: Path) -> None:
    """From the command to the report and the comparison, with the sides told before any audio is read."""
    both = ["corpus=[ravdess,table]", f"corpus.parts.ravdess.root={few}"]
    small = ["model=linear", "model.costs=[1]", "feature.n_bands=16", "feature.hop_s=0.02", "labels=big4"]
    told = ["split=speakers", "split.test=[table/1,ravdess/2]", "split.val=[3]", f"hydra.run.dir={tmp_path / 'run'}"]
    outcome = command(*both, f"corpus.parts.table.path={table}", *small, *told)
    assert outcome.code == 0, outcome.output
    assert "  test        10 clips of 2 speakers: ravdess/02, table/1" in outcome.output
    results = read_results(tmp_path / "run")
    assert results.scores.labels == ["neutral", "happy", "sad", "angry"]
    assert (results.facts.corpus.name, results.facts.corpus.listeners) == ("ravdess+table", None)
    assert results.facts.label_map and results.facts.label_map.dropped == dict.fromkeys(
        ("calm", "fearful", "disgust", "surprised"), 8
    )
    assert headline(results) == "ravdess+table, labels=big4, split=speakers, fold 1 of 1"
    assert results.facts.label_map.said in render(results)
    rows = read_csv(tmp_path / "run" / "predictions.csv")
    assert {(row["corpus"], row["speaker"]) for row in rows} == {("ravdess", "ravdess/02"), ("table", "table/1")}
    assert results.assessment and [group.value for group in results.assessment.breakdown["corpus"]] == [
        "ravdess",
        "table",
    ]
    read = read_run(tmp_path / "run")
    assert isinstance(read, Run) and read.protocol["labels"] == results.facts.label_map.rule
    assert set(read.choices["corpus"].strip("[]").split(",")) == {"ravdess", "table"}
    assert read.protocol["split.test"] == ("table/1", "ravdess/2")
    assert not [name for name in read.settings if name.startswith("labels")]


def test_what_several_have_or_one_alone_has_not_is_refused(command: Command) -> None:
    assert "did you mean corpus.parts.demo.root?" in command("corpus=[ravdess,demo]", "corpus.root=x").output
    assert "sampling=corpus: there is one corpus, ravdess;" in command("sampling=corpus").output
    assert "labels.map must be a mapping" in command("labels.map=[sad]").output
