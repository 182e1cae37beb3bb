"""`ser robustness` on small runs: over folds, by speaker, of an ensemble."""

import shutil
from pathlib import Path

import pytest

from ser.commands import main
from ser.robustness import conditions
from ser.robustness.conditions import CONDITIONS
from ser.runs.results import read_results
from ser.runs.robustness import read_robustness
from tests.conftest import Command

SMALL = ["feature.n_bands=16", "feature.hop_s=0.02", "model=linear", "model.costs=[0.1]", "augment=none"]
HEARD = ("noise, 0 dB", "speed, 0.9")
FOLDS = ["split=kfold", "split.k=2", "split.fold=all"]


def test_clean_is_the_run_s_own_test_and_each_condition_has_a_row(
    command: Command, few: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "CONDITIONS", [one for one in CONDITIONS if one.name in ("clean", *HEARD)])
    corpus = Path("corpus")
    for clip in few.rglob("03-01-0[1-4]-*.wav"):
        (corpus / clip.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, corpus / clip.parent.name)
    for name, words in {"folds": [], "speaker": ["normalize=speaker"]}.items():
        outcome = command(f"corpus.root={corpus}", *FOLDS, *SMALL, *words, f"hydra.run.dir={name}")
        assert outcome.code == 0, outcome.output
    assert main(["ensemble", "folds", "speaker", "--out", "ensemble"]) == 0
    capfd.readouterr()

    corpus = corpus.rename("moved")
    assert main(["robustness", "folds"]) == 1
    assert "--root FOLDER" in capfd.readouterr().err
    words = ["robustness", "folds", "speaker", "ensemble", "--root", "moved", "--plot", "all.png"]
    assert main(words) == 0
    said = capfd.readouterr()
    assert "named otherwise" not in said.err
    for run in map(Path, ("folds", "speaker", "ensemble")):
        rows, results = read_robustness(run), read_results(run)
        assert (run / "robustness.png").is_file() and [row.condition for row in rows[1:]] == [*HEARD]
        assert "noise, 0 dB" in (run / "report.html").read_text(encoding="utf-8")
        for name in ("robustness.csv", "robustness.png", "report.html"):
            assert str(run / name) in said.out.splitlines()
        clean = rows[0]
        assert (clean.condition, clean.n, clean.change_high) == ("clean", results.scores.n_test, 0)
        assert clean.uar == pytest.approx(results.scores.uar, abs=1e-5)
        assert [clean.uar_low, clean.uar_high] == pytest.approx(results.assessment.intervals.uar, abs=1e-5)
        assert clean.accuracy == pytest.approx(results.scores.accuracy, abs=1e-5)
        for row in rows:
            assert row.uar_low <= row.uar <= row.uar_high and row.change == pytest.approx(row.uar - clean.uar, abs=2e-5)
            assert f"  {row.condition} " in said.out and f"{row.uar:.3f} [{row.uar_low:.3f}" in said.out
        assert min(row.change for row in rows) < 0
    assert "folds: UAR with 95 % intervals over" in said.out and Path("all.png").is_file()

    written = Path("folds/robustness.csv").stat().st_mtime_ns  # what has been heard is not heard again
    assert main(["robustness", "folds", "--root", "moved"]) == 0
    again = capfd.readouterr()
    assert "has been heard" in again.err and again.out in said.out
    assert Path("folds/robustness.csv").stat().st_mtime_ns == written

    assert main(["robustness", "folds", "folds/fold-1", "--root", "moved", "--plot", "x.png"]) == 1
    assert "tested on other clips" in capfd.readouterr().err and not Path("x.png").exists()
    assert main(["robustness", "folds", "--root", "moved", "--plot", "no/x.png"]) == 1
    assert "no/x.png: cannot be written" in capfd.readouterr().err
    shutil.copy(next(corpus.rglob("*-03-01-*.wav")), next(corpus.rglob("*-04-01-*.wav")))
    assert main(["robustness", "folds/fold-1", "folds/fold-2", "--root", "moved"]) == 0
    assert "1 of 16 clips are named otherwise. Are recordings and model those of its test?" in capfd.readouterr().err
