"""Names, history, split and the check of the corpus."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ser.corpora.base import Utterance
from ser.errors import ResumeError
from ser.runs.facts import Validation
from ser.runs.history import read_history, validation_of
from ser.runs.names import fold_folder, fold_folders
from ser.runs.split import check_unchanged, write_split
from ser.splits.base import Split

CLIPS = [Utterance(name, Path(f"{name}.wav"), "sad", "s", "made") for name in ("a", "b", "c")]


def split(train: int = 1, val: int = 2, test: int = 0) -> Split:
    return Split("made", 1, 1, False, [CLIPS[train]], [CLIPS[val]], [CLIPS[test]])


def test_names_are_cheap() -> None:
    program = (
        "import sys; from ser.runs import names, folder, history, results, status;"
        "print([name for name in ('numpy', 'torch', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_folders_of_folds(tmp_path: Path) -> None:
    for name in ("fold-10", "fold-2", "fold-x", "folds"):
        (tmp_path / name).mkdir()
    assert fold_folders(tmp_path) == {2: tmp_path / "fold-2", 10: fold_folder(tmp_path, 10)}


def test_split_csv(tmp_path: Path) -> None:
    write_split(tmp_path, split())
    with (tmp_path / "split.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["utterance", "path", "speaker", "emotion", "part"]
    assert [(row["utterance"], row["path"], row["part"]) for row in rows] == [
        *(("a", "a.wav", "test"), ("b", "b.wav", "train"), ("c", "c.wav", "val"))
    ]


def test_a_run_goes_on_where_the_corpus_is_the_same(tmp_path: Path) -> None:
    check_unchanged(tmp_path, split(), "abc", None)  # killed before it began
    write_split(tmp_path, split())
    check_unchanged(tmp_path, split(), "abc", None)
    check_unchanged(tmp_path, split(), "abc", "abc")


def test_a_changed_corpus_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path, split())
    begun = f"resume: the corpus has changed since the run in {tmp_path} began"
    with pytest.raises(ResumeError) as moved:
        check_unchanged(tmp_path, split(train=2, val=1), "abc", "abc")
    assert str(moved.value) == f"{begun} (2 clips, such as b); restore it, or begin a new run"
    named = split()
    named.train[0] = replace(named.train[0], emotion="fearful")
    with pytest.raises(ResumeError, match=r"\(1 clip, such as b\)"):
        check_unchanged(tmp_path, named, "abc", "abc")
    with pytest.raises(ResumeError) as replaced:
        check_unchanged(tmp_path, split(), "abc", "def")
    why = "another recording under an old name, or other numbers or votes of a clip"
    assert str(replaced.value) == f"{begun} ({why}); restore it, or begin a new run"


def test_history(tmp_path: Path) -> None:
    assert read_history(tmp_path) == []
    header = "epoch,train_loss,val_loss,val_uar,val_accuracy,val_macro_f1,lr"
    (tmp_path / "history.csv").write_text(f"{header}\n1,1.2,nan,nan,nan,nan,0.1\n2,1.2,1.3,0.2,0.4,0.3,0.1\n")
    history = read_history(tmp_path)
    assert validation_of(history, 2) == Validation(epoch=2, loss=1.3, uar=0.2, accuracy=0.4, macro_f1=0.3)
    assert validation_of(history, 1) is None, "it was not validated"
    assert validation_of(history, 3) is None, "it was not finished"
