"""The clips of a run's test are found, and what cannot be heard is refused."""

from pathlib import Path

import pytest

from ser.audio import WHOLE
from ser.errors import RobustnessError
from ser.files import write_csv
from ser.robustness.tested import read_tested
from ser.runs.robustness import Heard, read_robustness, write_robustness


def run(folder: Path, *clips: tuple[str, Path]) -> Path:
    """A finished run with these utterances, by name and file."""
    folder.mkdir()
    (folder / "metrics.json").write_text("{}")
    answer = {"speaker": "a", "emotion": "sad", "predicted": "sad", "p_sad": "1"}
    write_csv(folder / "predictions.csv", [{"utterance": name, "path": str(path), **answer} for name, path in clips])
    return folder


def test_files_and_segments_are_found_where_they_are_and_where_the_corpus_has_moved(tmp_path: Path) -> None:
    for root in ("old", "new"):
        (tmp_path / root / "a").mkdir(parents=True)
        for name in ("one.wav", "two@1-2.wav"):
            (tmp_path / root / "a" / name).touch()
    one, two = (tmp_path / "old" / "a" / name for name in ("one.wav", "two@1-2.wav"))
    clips = [("a/one@0.5-2", one), ("a/one@2-", one), ("a/two@1-2", two), ("a/one", one)]
    folder = run(tmp_path / "run", *clips)
    segments = [(0.5, 2.0), (2.0, None), WHOLE, WHOLE]
    for root, place in ((None, "old"), (tmp_path / "new", "new")):
        files = [tmp_path / place / "a" / name for name in ("one.wav", "one.wav", "two@1-2.wav", "one.wav")]
        assert read_tested(folder, root).recordings == list(zip(files, segments, strict=True))


def test_what_cannot_be_heard_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(RobustnessError, match=r"no finished run; name the folder of a run"):
        read_tested(tmp_path / "nowhere", None)
    folder = run(tmp_path / "run", ("a", tmp_path / "a.wav"), ("b", tmp_path / "b.wav"))
    with pytest.raises(RobustnessError, match=r"2 recordings .* such as .*a\.wav; name the folder .* --root FOLDER"):
        read_tested(folder, None)
    (folder / "predictions.csv").write_text("utterance\n")
    with pytest.raises(RobustnessError, match=r"predictions\.csv cannot be read .* run it again"):
        read_tested(folder, None)


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = [Heard("clean", 3, 0.5, 0.25, 0.75, 0.5, 0.0, 0.0, 0.0), Heard("é", 3, 0.5, 0.25, 0.75, 0.5, -0.125, -1, 0)]
    write_robustness(tmp_path, rows)
    assert read_robustness(tmp_path) == rows
    header = "condition,n,uar,uar_low,uar_high,accuracy,change,change_low,change_high"
    assert (tmp_path / "robustness.csv").read_text(encoding="utf-8").splitlines()[0] == header
    for damaged in ("", f"{header}\n", "condition,n\nclean,x\n"):
        (tmp_path / "robustness.csv").write_text(damaged)
        with pytest.raises(ValueError, match="is damaged"):
            read_robustness(tmp_path)
