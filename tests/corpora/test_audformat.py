"""Reading databases that the library audformat has written; and, through audb, from a repository in a folder."""

import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ser.corpora.audb import Audb
from ser.corpora.audformat import Audformat
from ser.corpora.base import WHOLE, Segment
from ser.errors import ConfigError, CorpusError, CorpusNotFound, DownloadError
from tests.conftest import noise

FILES = [f"wav/{number}.wav" for number in range(5)]
LABELS = ["anger", "happiness", "neutral", "poker", "unknown"]


def add(
    database: Any, name: str, index: Any, split: str | None = None, **columns: tuple[str | None, list[Any]]
) -> None:
    """A table with columns (scheme, values)."""
    audformat = pytest.importorskip("audformat")
    database[name] = audformat.Table(index, split_id=split)
    for column, (scheme, values) in columns.items():
        database[name][column] = audformat.Column(scheme_id=scheme)
        database[name][column].set(values)


@pytest.fixture
def database(tmp_path: Path) -> Any:
    """As emodb is: emotions in one table, again in one for each split, speakers in another, told of in a third."""
    audformat = pytest.importorskip("audformat")
    pandas = pytest.importorskip("pandas")
    made = audformat.Database("mine", source="a test", usage="research", languages=["de"])
    made.schemes["emotion"] = audformat.Scheme("str", labels=LABELS)
    made.schemes["gender"] = audformat.Scheme("str", labels=["female", "male"])
    made.splits["train"], made.splits["held"] = audformat.Split("train"), audformat.Split("test")
    made["who"] = audformat.MiscTable(pandas.Index([3, 8], dtype="int64", name="speaker"))
    made["who"]["gender"] = audformat.Column(scheme_id="gender")
    made["who"]["gender"].set(["male", "female"])
    made.schemes["speaker"] = audformat.Scheme("int", labels="who")
    index = audformat.filewise_index(FILES)
    add(made, "files", index[:4], speaker=("speaker", [3, 3, 8, 8]))
    add(made, "emotion", index, emotion=("emotion", LABELS), sure=(None, [0.5, 1.0, 0.25, 0.1, None]))
    add(made, "emotion.train", index[:2], "train", emotion=("emotion", LABELS[:2]))
    add(made, "emotion.test", index[2:4], "held", emotion=("emotion", LABELS[2:4]))
    return made


def saved(database: Any, folder: Path) -> Path:
    (folder / "wav").mkdir(parents=True)
    for clip, name in zip(noise(*[8000] * len(FILES)), FILES, strict=True):
        soundfile.write(folder / name, clip.numpy(), 16000)
    database.save(str(folder))
    return folder


def read(root: Path, **settings: Any) -> Audformat:
    return Audformat(root=root, **{"table": None, "column": None, **settings})


def test_a_database_is_read_back(database: Any, tmp_path: Path) -> None:
    corpus = read(saved(database, tmp_path / "db"))
    utterances = corpus.utterances()
    assert [(u.id, u.emotion, u.speaker, u.segment) for u in utterances] == [
        ("wav/0", "angry", "3", WHOLE),
        ("wav/1", "happy", "3", WHOLE),
        ("wav/2", "neutral", "8", WHOLE),
        ("wav/3", "poker", "8", WHOLE),
    ]
    assert dict(utterances[0].attributes) == {"sure": "0.5", "gender": "male", "split": "train"}
    assert [u.attributes["split"] for u in utterances] == ["train", "train", "test", "test"]
    assert {u.path.is_file() for u in utterances} == {True} and {u.corpus for u in utterances} == {"mine"}
    assert corpus.remarks(utterances) == ["1 rows of emotion have no emotion and are left out"]


def test_tables_may_be_named(database: Any, tmp_path: Path) -> None:
    root = saved(database, tmp_path / "db")
    assert [u.id for u in read(root, table="emotion.test").utterances()] == ["wav/2", "wav/3"]
    both = read(root, table=["emotion.test", "emotion.train"]).utterances()
    assert [u.attributes["split"] for u in both] == ["train", "train", "test", "test"]
    with pytest.raises(CorpusError, match=r"corpus\.table: .*no table none; there are emotion, emotion\.test"):
        read(root, table="none").utterances()
    with pytest.raises(
        CorpusError, match=r"files has no column of emotions; name one: corpus\.column=<one of speaker>"
    ):
        read(root, table="files").utterances()
    with pytest.raises(CorpusError, match=r"two rows are wav/0; name one table"):
        read(root, table=["emotion", "emotion.train"]).utterances()


def test_segments_and_a_column_that_is_called_otherwise(database: Any, tmp_path: Path) -> None:
    import audformat
    import pandas

    for name in ("emotion", "emotion.train", "emotion.test"):
        database.drop_tables(name)
    index = audformat.segmented_index(
        ["wav/0.wav", "wav/0.wav", "wav/2.wav", "wav/3.wav"],
        ["0s", "0.25s", "0s", "0.1s"],
        ["0.25s", "0.5s", pandas.NaT, pandas.NaT],
    )
    words = ["anger", "neutral", "neutral", "anger"]
    add(database, "turns", index, rated=("emotion", words), again=("emotion", words))
    root = saved(database, tmp_path / "db")
    with pytest.raises(CorpusError, match=r"turns has several columns .*corpus\.column=<one of rated, again>"):
        read(root).utterances()
    utterances = read(root, column="rated").utterances()
    assert [(u.id, u.speaker) for u in utterances] == [
        ("wav/0@0-0.25", "3"),
        ("wav/0@0.25-0.5", "3"),
        ("wav/2", "8"),
        ("wav/3@0.1-", "8"),
    ]
    assert [u.segment for u in utterances] == [Segment(0, 0.25), Segment(0.25, 0.5), WHOLE, Segment(0.1)]


def test_splits_that_disagree_are_not_read(database: Any, tmp_path: Path) -> None:
    import audformat

    add(database, "again", audformat.filewise_index(FILES[:1]), "held", emotion=("emotion", ["anger"]))
    corpus = read(saved(database, tmp_path / "db"))
    assert not any("split" in u.attributes for u in corpus.utterances())
    assert "tables give wav/0.wav to test and to train, so no split is read" in corpus.remarks([])[0]


def test_what_cannot_be_read(database: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"corpus\.root is not set; set corpus\.root=<folder with db\.yaml>"):
        Audformat(root=None, table=None, column=None).utterances()
    with pytest.raises(CorpusNotFound, match=r"no db\.yaml in"):
        read(tmp_path).utterances()
    (tmp_path / "db.yaml").write_text("[]", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"corpus\.root: .*cannot be read"):
        read(tmp_path).utterances()


@pytest.mark.parametrize(("door", "package"), [(Audformat, "audformat"), (Audb, "audb")])
def test_a_missing_extra_is_said(door: Any, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    settings = {"root": "db"} if door is Audformat else {"name": "emodb", "version": None}
    with pytest.raises(ConfigError, match=rf"corpus={package} needs the package {package}.*ser-lab\[audb\]"):
        door(**settings, table=None, column=None).utterances()


def test_audb_loads_what_was_published(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audb = pytest.importorskip("audb")
    monkeypatch.setenv("AUDB_CACHE_ROOT", str(tmp_path / "cache"))
    (tmp_path / "host" / "here").mkdir(parents=True)
    repository = audb.Repository("here", str(tmp_path / "host"), "file-system")
    monkeypatch.setattr(audb.config, "REPOSITORIES", [repository])
    audb.publish(str(saved(database, tmp_path / "db")), "1.0.0", repository, verbose=False)
    corpus = Audb(name="mine", version=None, table=None, column=None)
    utterances = corpus.utterances()
    assert [(u.id, u.emotion, u.speaker) for u in utterances] == [
        *(("wav/0", "angry", "3"), ("wav/1", "happy", "3"), ("wav/2", "neutral", "8"), ("wav/3", "poker", "8"))
    ]
    assert all(u.path.is_file() and u.path.is_relative_to(tmp_path / "cache") for u in utterances)
    assert not list((tmp_path / "cache").rglob("4.wav"))  # it has no emotion
    with pytest.raises(DownloadError, match=r"corpus\.name: audb cannot load mine 9\.0\.0 \(.*audeering\.github\.io"):
        Audb(name="mine", version="9.0.0", table=None, column=None).utterances()
    with pytest.raises(ConfigError, match=r"corpus\.name is not set"):
        Audb(name=None, version=None, table=None, column=None).utterances()
