"""The table of answers: kept whatever ends the program, in shards, and joined."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ser.errors import AudioError, PredictError
from ser.files import one_line, read_csv
from ser.inference.job import Job
from ser.inference.prediction import SILENCE, Numbers, Prediction, Segment
from ser.inference.table import Table, join

FILES = [Path(os.fsdecode(f'clips/{number}, "喜び"\n\r'.encode() + b"\xff.wav")) for number in range(7)]
JOB = Job("model", {"window_s": None}, "files", len(FILES), ["happy", "sad"])
SAD = {"happy": 0.25, "sad": 0.75}


def said(number: int) -> Prediction | AudioError:
    """An answer of each kind."""
    if number % 3 == 0:
        return Prediction("sad", SAD, 1.5)
    if number % 3 == 1:
        return AudioError(f"{number}: cannot be read")
    return Prediction("sad", SAD, 5.0, [Segment(0, 2, SILENCE), Segment(2, 5, "sad", SAD, "Anna")])


def fill(path: Path, job: Job = JOB, n: int | None = None, *, resume: bool = False) -> Table:
    """Answer, all or the next n."""
    table = Table(path, job, job.mine(FILES), resume=resume)
    if table.is_finished:
        return table
    mine = job.mine(FILES)[len(table.done) :]
    for file in mine[:n]:
        table.add(file, said(FILES.index(file)))
    if n is None:
        table.finish()
    else:
        table._file.close()
    return table


@pytest.fixture
def whole(tmp_path: Path) -> str:
    fill(tmp_path / "whole.csv")
    return (tmp_path / "whole.csv").read_text(encoding="utf-8")


def test_rows(tmp_path: Path, whole: str) -> None:
    rows = read_csv(tmp_path / "whole.csv")
    assert list(rows[0]) == ["path", "start_s", "end_s", "speaker", "emotion", "p_happy", "p_sad", "remark", "problem"]
    first, broken, silent, spoken = rows[:4]
    assert first == dict(
        zip(first, [one_line(str(FILES[0])), "0.000", "1.500", "", "sad", "0.250000", "0.750000", "", ""], strict=True)
    )
    assert broken["problem"] == "1: cannot be read" and broken["emotion"] == broken["p_sad"] == ""
    assert (silent["emotion"], silent["p_sad"], silent["end_s"]) == (SILENCE, "", "2.000")
    assert (spoken["speaker"], spoken["start_s"], spoken["emotion"]) == ("Anna", "2.000", "sad")


def test_silence_has_no_numbers(tmp_path: Path) -> None:
    told = [Segment(0, 2, SILENCE), Segment(2, 5, "arousal 3.25", Numbers(arousal=3.25))]
    table = Table(tmp_path / "out.csv", replace(JOB, labels=["arousal"], numbers=True), FILES, resume=False)
    table.add(FILES[0], Prediction(SILENCE, {}, 1.5, remarks=["breaks off"]))
    table.add(FILES[1], Prediction.of(told, 5.0))
    rows = read_csv(table.finish())
    assert [(row["arousal"], row["remark"]) for row in rows] == [
        ("", "silence; breaks off"),
        ("", SILENCE),
        ("3.25", ""),
    ]


@pytest.mark.parametrize("n_bytes_lost", [0, 1, 15, 70, 130])
@pytest.mark.parametrize("n", [0, 1, 3, 6])
def test_killed_anywhere_it_goes_on_to_the_same_table(tmp_path: Path, whole: str, n: int, n_bytes_lost: int) -> None:
    path = tmp_path / "out.csv"
    table = fill(path, n=n)
    content = table.part.read_bytes()
    rows_from = content.index(b"problem\n") + len("problem\n")
    table.part.write_bytes(content[: max(len(content) - n_bytes_lost, rows_from)])
    assert not path.exists()
    again = fill(path, n=1, resume=True)
    assert len(again.done) <= n and again.n_broken == sum(
        isinstance(said(k), AudioError) for k in range(len(again.done))
    )
    fill(path, resume=True)
    assert path.read_text(encoding="utf-8") == whole and not table.part.exists()
    assert fill(path, resume=True).is_finished
    path.write_text(whole.replace("clips/2", "clips/9"), encoding="utf-8")
    with pytest.raises(PredictError, match="a finished table of other recordings"):
        fill(path, resume=True)


def test_nothing_is_overwritten_and_no_two_jobs_are_mixed(tmp_path: Path, whole: str) -> None:
    with pytest.raises(PredictError, match=r"--csv: .*whole\.csv exists"):
        fill(tmp_path / "whole.csv")
    path = tmp_path / "out.csv"
    fill(path, n=2)
    with pytest.raises(PredictError, match=r"--resume goes on with it, or delete it"):
        fill(path)
    for other, why in (
        (replace(JOB, model="other"), "another model"),
        (replace(JOB, files="other", n_files=9), r"another list of recordings \(7 and 9\)"),
        (replace(JOB, how={"window_s": 3.0}), "other settings"),
    ):
        with pytest.raises(PredictError, match=why):
            fill(path, other, resume=True)
    (tmp_path / "out.csv.part").write_text("path,emotion\n", encoding="utf-8")
    with pytest.raises(PredictError, match="can be gone on with"):
        fill(path, resume=True)


def test_shards_are_joined_to_the_same_table(tmp_path: Path, whole: str) -> None:
    path = tmp_path / "out.csv"
    jobs = [replace(JOB, shard=number, n_shards=3) for number in (1, 2, 3)]
    with pytest.raises(PredictError, match="there are no shards"):
        join(path)
    fill(path, jobs[0])
    fill(path, jobs[1], n=2)
    with pytest.raises(PredictError, match=r"of 3 shards are missing: 2 \(1 of 2 recordings\), 3 \(not begun\)"):
        join(path)
    fill(path, jobs[1], resume=True)
    fill(path, jobs[2])
    with pytest.raises(PredictError, match="another model"):
        fill(path, replace(jobs[2], model="other"), resume=True)
    assert join(path) == (3, 7)
    assert path.read_text(encoding="utf-8") == whole
    path.unlink()
    (tmp_path / "out.csv.3-of-3").unlink()
    fill(path, replace(jobs[2], model="other"))
    with pytest.raises(PredictError, match="another model"):
        join(path)
