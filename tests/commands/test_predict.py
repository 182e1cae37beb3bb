"""`ser predict` and `ser live`, as a user types them."""

import io
import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from matplotlib.image import imsave

from ser.commands import main
from ser.files import read_csv
from ser.inference.table import Table
from tests.inference.made import make_checkpoint

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], few: Path) -> Run:
    """`run("predict", ...)` in a folder with a model, a.ckpt, and twelve recordings, clips/0.wav to 11.wav."""
    monkeypatch.chdir(tmp_path)
    make_checkpoint(Path("a.ckpt"))
    Path("clips").mkdir()
    for number, clip in enumerate(sorted(few.rglob("*.wav"))[:12]):
        shutil.copy(clip, f"clips/{number}.wav")

    def type_in(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(list(words))
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return type_in


def test_a_line_a_recording(run: Run) -> None:
    code, out, err = run("predict", "a.ckpt", "clips/3.wav", "clips")
    lines = out.splitlines()
    assert code == 0 and len(lines) == 12, "each is answered once"
    assert lines[0].startswith("clips/3.wav: ") and ("happy 0." in lines[0] or "sad 0." in lines[0])
    assert err == "a.ckpt\n"


def test_a_broken_recording_is_a_line_and_not_the_end(run: Run) -> None:
    Path("clips/2.wav").write_text("no sound", encoding="utf-8")
    imsave("clips/3.png", np.zeros((1, 100_000)))
    Path("clips/3.png").rename("clips/3.wav")
    soundfile.write("clips/1.wav", np.zeros(1), 16_000)
    soundfile.write("clips/0.wav", np.zeros(48_000), 48_000)
    code, out, _ = run("predict", "a.ckpt", "clips", "--csv", "new/out.csv", "--json", "out.json")
    assert code == 1 and out == "new/out.csv: 12 recordings, 3 of them cannot be used\n"
    rows = {Path(row["path"]).stem: row for row in read_csv(Path("new/out.csv"))}
    assert len(rows) == 12 and "it is text" in rows["2"]["problem"] and "too short" in rows["1"]["problem"]
    assert "picture" in rows["3"]["problem"]
    assert rows["0"]["emotion"] == "silence" and rows["5"]["emotion"] in ("happy", "sad")
    documents = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert sum("problem" in one for one in documents) == 3


def test_windows_and_timelines(run: Run) -> None:
    pieces = []
    for number in range(4):
        samples, rate = soundfile.read(f"clips/{number}.wav")
        pieces += [samples, np.zeros(rate)]
    soundfile.write("long.wav", np.concatenate(pieces), rate)
    forms = [f"--{form}={form}.out" for form in ("csv", "labels", "textgrid", "elan")]
    code, out, _ = run("predict", "a.ckpt", "long.wav", "--window", "1", "--hop", "0.5", *forms, "--plot", "p.png")
    assert code == 0 and all(Path(f"{form}.out").stat().st_size for form in ("csv", "labels", "textgrid", "elan"))
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    rows = read_csv(Path("csv.out"))
    edges = [(float(row["start_s"]), float(row["end_s"])) for row in rows]
    assert all(one[1] == other[0] for one, other in pairwise(edges)), "no gaps"
    assert edges[0][0] == 0 and edges[-1][1] == pytest.approx(sum(map(len, pieces)) / rate, abs=0.01)
    assert {"silence"} < {row["emotion"] for row in rows}

    Path("turns.csv").write_text("start,end,speaker\n0,1,Anna\n1,2.5,喜助\n", encoding="utf-8")
    code, out, _ = run("predict", "a.ckpt", "long.wav", "--speakers", "turns.csv")
    assert code == 0 and "0:00.0 - 0:01.0  Anna  " in out and "0:01.0 - 0:02.5  喜助  " in out
    Path("clips/other").mkdir()
    shutil.copy("clips/3.wav", "clips/other/4.wav")
    code, _, _ = run("predict", "a.ckpt", "clips/*", "--labels", "tracks")
    assert code == 0 and len(list(Path("tracks").glob("*.txt"))) == 12 and Path("tracks/other/4.wav.txt").is_file()
    Path("turns.csv").write_text("start,end,speaker\n9000,9e9,Anna\n", encoding="utf-8")
    code, out, _ = run("predict", "a.ckpt", "long.wav", "--speakers", "turns.csv")
    assert code == 1 and "all turns of the table begin later; are start and end in seconds?" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere", "clips"], "nowhere: holds no trained model"),
        (["a.ckpt", "nowhere.wav"], "nowhere.wav: there is no such recording"),
        (["a.ckpt", "a.ckpt"], "cannot be read as audio"),
        (["a.ckpt", "clips", "--fold", "1"], "--fold 1: a.ckpt is a checkpoint"),
        (["a.ckpt", "clips", "--window", "0.1"], "window must lie between 0.5 and 30"),
        (["a.ckpt", "clips", "--window", "2", "--hop", "3"], "hop must lie between"),
        (["a.ckpt", "clips", "--window", "0"], "window must lie between 0.5 and 30"),
        (["a.ckpt", "clips", "--csv", "clips"], "--csv: clips is a folder"),
        (["a.ckpt", "clips", "--plot", "two.png"], "--plot: two.png is a file"),
        (["a.ckpt", "clips", "--speaker", "a", "--speakers", "b"], "give one of them"),
        (["a.ckpt", "clips", "--resume"], "--resume and --shard go with --csv"),
        (["a.ckpt", "clips", "--csv", "a.csv", "--shard", "5/4"], "--shard must be as 3/64"),
        (["a.ckpt", "clips", "--plot", "a.ckpt"], "--plot: a.ckpt is a file, and there are 12 recordings"),
        (["a.ckpt", "clips", "--speakers", "none.csv"], "none.csv"),
        (["a.ckpt"], "Name a model, and recordings"),
        (["--join", "none.csv"], "there are no shards"),
    ],
)
def test_mistakes_end_in_one_message(run: Run, words: list[str], told: str) -> None:
    code, out, err = run("predict", *words)
    assert code in (1, 2) and told in out + err


def _killed_after(n_rows: int) -> None:
    """This process, as if from outside, once so many recordings are answered."""
    add = Table.add

    def count(self: Table, *row: object) -> None:
        add(self, *row)  # type: ignore[arg-type]
        counted.append(row)
        if len(counted) == n_rows:
            os.kill(os.getpid(), signal.SIGKILL)

    counted: list[object] = []
    Table.add = count  # type: ignore[method-assign]


def _shard(words: list[str], n_rows: int | None) -> None:
    if n_rows is not None:
        _killed_after(n_rows)
    sys.exit(main(words))


def test_four_shards_at_once_one_killed_and_begun_again(run: Run) -> None:
    assert run("predict", "a.ckpt", "clips", "--csv", "whole.csv")[0] == 0
    context = multiprocessing.get_context("fork")
    words = [["predict", "a.ckpt", "clips", "--csv", "out.csv", "--shard", f"{number}/4"] for number in (1, 2, 3, 4)]
    at_work = [context.Process(target=_shard, args=(one, 2 if one[-1] == "3/4" else None)) for one in words]
    for process in at_work:
        process.start()
    for process in at_work:
        process.join(60)
    assert [process.exitcode for process in at_work] == [0, 0, -signal.SIGKILL, 0]
    code, _, err = run("predict", "--join", "out.csv")
    assert code == 1 and "of 4 shards are missing: 3 (1 of 3 recordings)" in err
    assert run(*words[2])[0] == 1, "it is not begun anew unasked"
    assert run(*words[2], "--resume")[0] == 0
    assert run("predict", "--join", "out.csv") == (0, "out.csv: 12 recordings of 4 shards\n", "")
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    yield lambda content: monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def test_live_from_standard_input(run: Run, standard_input: Callable[[bytes], None]) -> None:
    samples, rate = soundfile.read("clips/0.wav", dtype="int16")
    padded = np.concatenate([samples, np.zeros(4 * rate, np.int16)])
    standard_input(padded.tobytes() + b"\0")  # a half sample at the end
    code, out, err = run("live", "a.ckpt", "-", "--rate", str(rate), "--window", "1", "--hop", "0.5")
    lines = out.splitlines()
    assert code == 0 and len(lines) == int(len(padded) / rate / 0.5)
    assert "0:00.5  " in lines[0] and lines[-1].split()[1] == "silence" and " ms]" in lines[0]
    assert f"heard {len(padded) / rate:.1f} s: {len(lines)} answers, latency" in err and "real-time factor" in err
    standard_input(Path("clips/0.wav").read_bytes())
    code, _, err = run("live", "a.ckpt", "-")
    assert code == 1 and "not raw samples" in err
    standard_input(b"")
    assert "nothing to say" in run("live", "a.ckpt", "-")[2]
