"""Reading data sets that the library datasets has written to disk, without a network and without torchcodec."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ser.corpora.huggingface import HuggingFace
from ser.errors import ConfigError, CorpusError, DownloadError
from ser.store.recordings import load_recordings
from tests.conftest import noise

EMOTIONS = ["anger", "joy"]


def flac(n_samples: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, noise(n_samples)[0].numpy(), 16000, format="FLAC")
    return file.getvalue()


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library, with its cache among the test's files and the network off."""
    library = pytest.importorskip("datasets")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    library.disable_progress_bars()
    return library


def made(datasets: Any, names: list[str | None], **columns: list[Any]) -> Any:
    """A data set of six clips, with the names of their files."""
    kinds = {
        "audio": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
        "emotion": datasets.ClassLabel(names=EMOTIONS),
        "spk": datasets.Value("int64"),
        "gender": datasets.ClassLabel(names=["f", "m"]),
        "turns": datasets.List(datasets.Value("int64")),
    }
    rows = {
        "audio": [{"bytes": flac(8000 + number), "path": name} for number, name in enumerate(names)],
        "emotion": [0, 1, 0, 1, 0, None],
        "spk": [1, 2, 3, 1, 2, 3],
        "gender": [0, 1, 0, 0, 1, None],
        "turns": [[1]] * 6,
    }
    table = datasets.Dataset.from_dict({**rows, **columns}, features=datasets.Features(kinds))
    return table.cast_column("audio", datasets.Audio())


def read(name: Any, root: Path, **settings: Any) -> HuggingFace:
    shipped = {"subset": None, "audio": "audio", "label": "emotion", "speaker": "spk"}
    return HuggingFace(name=str(name), root=root / "kept", **{**shipped, **settings})


NAMES: list[str | None] = [f"clip {number}.FLAC" for number in range(6)]


def test_what_save_to_disk_wrote(datasets: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    datasets.DatasetDict(train=made(datasets, NAMES), test=made(datasets, NAMES)).save_to_disk(folder)
    corpus = read(folder, tmp_path)
    utterances = corpus.utterances()
    assert [u.id for u in utterances] == [f"{part}/clip {n}" for part in ("test", "train") for n in range(5)]
    assert [(u.emotion, u.speaker) for u in utterances[:3]] == [("angry", "1"), ("happy", "2"), ("angry", "3")]
    assert utterances[0].attributes == {"gender": "f", "split": "test"} and utterances[0].corpus == "mine"
    assert utterances[0].path == utterances[5].path  # the same recording lies there once
    assert corpus.remarks(utterances) == ["2 rows have no emotion or no audio and are left out"]
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept" / "mine").iterdir()}
    assert len(kept) == 5 and {path.suffix for path in kept} == {".flac"}
    read(folder, tmp_path).utterances()
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "kept" / "mine").iterdir()}
    recordings = load_recordings(utterances[:5], tmp_path / "store", sample_rate=16000, top_db=None)
    assert [len(recordings.waveforms[u.id]) for u in utterances[:5]] == [8000 + n for n in range(5)]


@pytest.mark.parametrize("names", [[None] * 6, ["a.flac"] * 6], ids=["none", "the same"])
def test_a_folder_of_parquet_whose_files_have_no_names(datasets: Any, tmp_path: Path, names: list[str | None]) -> None:
    (tmp_path / "mine").mkdir()
    made(datasets, names).to_parquet(tmp_path / "mine" / "train-00000-of-00001.parquet")
    utterances = read(tmp_path / "mine", tmp_path, speaker=None).utterances()
    assert [(u.id, u.emotion, u.speaker) for u in utterances[:2]] == [
        ("000000", "angry", None),
        ("000001", "happy", None),
    ]
    assert utterances[0].attributes == {"spk": "1", "gender": "f"}  # one split says nothing
    numbered = read(tmp_path / "mine", tmp_path, label="spk", speaker=None)
    [remark] = numbered.remarks(numbered.utterances())
    assert remark == "emotions are called by numbers (1, 2, 3): 'labels.map={1: angry, ...}' names them"


def test_recordings_that_are_files_are_not_copied(datasets: Any, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.flac").write_bytes(flac(8000 + number))
    paths = [str(tmp_path / f"{number}.flac") for number in range(2)]
    datasets.Dataset.from_dict({"file": paths, "word": ["Sadness", "bored"]}).save_to_disk(tmp_path / "mine")
    utterances = read(tmp_path / "mine", tmp_path, audio="file", label="word", speaker=None).utterances()
    assert [(u.id, str(u.path), u.emotion) for u in utterances] == [("0", paths[0], "sad"), ("1", paths[1], "bored")]
    assert not (tmp_path / "kept").exists()


def test_what_cannot_be_read(datasets: Any, tmp_path: Path) -> None:
    made(datasets, NAMES).save_to_disk(tmp_path / "mine")
    with pytest.raises(CorpusError, match=r"corpus\.label: .*no column feeling; there are audio, emotion, spk, gender"):
        read(tmp_path / "mine", tmp_path, label="feeling").utterances()
    with pytest.raises(CorpusError, match=r"corpus\.audio: .*the column turns holds no audio"):
        read(tmp_path / "mine", tmp_path, audio="turns").utterances()
    with pytest.raises(CorpusError, match=r"corpus\.audio: .*the column spk holds no audio \('1' is no file\)"):
        read(tmp_path / "mine", tmp_path, audio="spk").utterances()
    with pytest.raises(CorpusError, match=r"corpus\.speaker: .*the column turns holds no words or numbers"):
        read(tmp_path / "mine", tmp_path, speaker="turns").utterances()
    with pytest.raises(DownloadError, match=r"corpus\.name: nobody/nothing cannot be loaded \(.*set corpus\.name="):
        read("nobody/nothing", tmp_path).utterances()
    with pytest.raises(ConfigError, match=r"corpus\.name is not set"):
        read("", tmp_path).utterances()


def test_the_first_cause_is_told(datasets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any) -> None:
        try:
            raise ModuleNotFoundError("No module named 'torchcodec'")
        except ModuleNotFoundError as error:
            raise ValueError("An error occurred while generating the dataset") from error

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(DownloadError, match=r"\(ModuleNotFoundError: No module named 'torchcodec'\).*corpus=folder"):
        read(tmp_path, tmp_path).utterances()


def test_a_missing_extra_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"corpus=huggingface needs the package datasets.*ser-lab\[datasets\]"):
        read("mine", tmp_path).utterances()
