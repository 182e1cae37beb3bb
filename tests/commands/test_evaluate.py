"""`ser evaluate` and `ser cross` on small runs: the run's own answers, leaks, the matrix, and going on."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from ser.commands import main
from ser.files import read_csv
from ser.runs.predictions import read_predictions
from ser.runs.results import read_results
from tests.conftest import Command

SMALL = ["feature.n_bands=16", "feature.hop_s=0.02", "model=linear", "model.costs=[0.1]", "augment=none"]
WORDS = {"01": "中立", "02": "落ち着き", "03": "joy", "04": "sadness", "05": "怒り"}  # the model knows the first four


@pytest.fixture
def corpora(few: Path, tmp_path: Path) -> None:
    """`corpus`: four emotions in RAVDESS's layout. `other`: the same clips in folders, in other words, and one more."""
    for clip in few.rglob("03-01-0[1-5]-*.wav"):
        code = clip.name.split("-")[2]
        place = tmp_path / "corpus" / clip.parent.name
        if code != "05":
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(clip, place)
        place = tmp_path / "other" / clip.parent.name / WORDS[code]
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, place)


OTHER = ["corpus=folder", "corpus.root=other", "corpus.levels=[speaker,emotion]"]


def test_a_run_on_other_corpora(
    command: Command, corpora: None, speech: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for heard in ("Actor_01", "Actor_02", "Actor_03"):
        shutil.rmtree(Path("other", heard))
    protocol = ["split=speakers", "split.test=[04]", "split.val=[03]"]
    store = f"paths.store={speech.parent / 'store'}"
    for name, words in {"plain": [], "speaker": ["normalize=speaker"]}.items():
        outcome = command("corpus.root=corpus", *protocol, *SMALL, *words, f"hydra.run.dir={name}")
        assert outcome.code == 0, outcome.output
        assert main(["evaluate", name, *OTHER, store, "--out", f"{name}-other"]) == 0
        said = capfd.readouterr()
        own, across = (read_predictions(Path(folder, "predictions.csv")) for folder in (name, f"{name}-other"))
        answers = [
            {Path(row["path"]).name: chances for row, chances in zip(table.rows, table.probabilities, strict=True)}
            for table in (own, across)
        ]
        assert answers[0].keys() == answers[1].keys()
        for clip, chances in answers[0].items():  # the very clips of its own test, under other names and labels
            np.testing.assert_allclose(answers[1][clip], chances, atol=1e-4)
        results, before = read_results(Path(f"{name}-other")), read_results(Path(name))
        facts = results.facts
        assert results.scores == before.scores
        assert facts.trained is not None and (facts.trained.run, facts.trained.corpus) == (name, "ravdess")
        assert (facts.corpus.name, facts.split.name, facts.split.n_train) == ("other", "across", 16)
        assert facts.split.speaker_independent is True and facts.corpus.notice is None
        assert facts.audit.n_known == (8 if words else 0)
        assert facts.label_map is not None and facts.label_map.dropped == {"怒り": 2}
        assert "other, labels mapped, split=across, trained on ravdess" in said.out
        assert "without 怒り (2 clips left out)" in said.out
        page = Path(f"{name}-other/report.html").read_text(encoding="utf-8")
        assert "trained on ravdess (speakers, fold 1 of 1): " in page and "ser evaluate" in page

    assert main(["ensemble", "plain", "speaker", "--out", "both"]) == 0
    clips = [f"{clip.relative_to('other')},{clip.parent.name},01\n" for clip in Path("other").rglob("*.wav")]
    Path("other/mine.csv").write_text(f"path,emotion,speaker\n{''.join(clips)}", encoding="utf-8")
    mine = ["corpus=table", "corpus.path=other/mine.csv"]  # 01 is somebody of RAVDESS, too
    assert main(["evaluate", "both", *mine, store, "--out", "both-other"]) == 0
    each = [
        read_predictions(Path(f"{name}-other/predictions.csv")).probabilities for name in ("plain", "speaker", "both")
    ]
    np.testing.assert_allclose((each[0] + each[1]) / 2, each[2], atol=1e-5)
    said = capfd.readouterr().out
    assert "the mean of 2 recognisers" in said and "speaker_independent: unknown (1 speaker has the same name" in said

    assert main(["evaluate", "plain/checkpoints/best.ckpt", "corpus=ravdess", "corpus.root=corpus", store]) == 0
    said = capfd.readouterr()
    facts = read_results(Path(said.out.splitlines()[-1].removeprefix("run folder "))).facts
    assert "LEAK: 24 of the 32 test clips were in the training" in said.out
    assert facts.audit.shared_speakers == ["ravdess/01", "ravdess/02", "ravdess/03"]
    assert facts.split.speaker_independent is False and len(facts.audit.identical) == 24

    shutil.copytree("plain", "moved")
    Path("corpus").rename("elsewhere")
    assert main(["evaluate", "moved", *OTHER, store, "--out", "blind"]) == 0
    said = capfd.readouterr().out
    assert "speaker_independent: unknown (recordings of the training that are not where they were: 24; " in said
    assert "identical recordings in training and test: unknown" in said
    assert "No recording of the test is in training" not in Path("blind/report.html").read_text(encoding="utf-8")
    assert main(["report", "plain-other"]) == 0 and main(["compare", "plain-other", "blind", "plain"]) == 0
    assert "other, split=across" in capfd.readouterr().out

    for words, told in {
        ("plain", *OTHER, "--out", "plain-other"): "--out: plain-other holds an earlier run",
        ("plain-other", *OTHER): "plain-other: is itself a test of plain",
        ("plain", "corpus=demo", "model.depth=10"): "model.depth=10: a test takes corpus=...",
        ("plain", "labels=big4"): "corpus: name what to test on",
        (".", *OTHER): ".: is no run, but holds ",
        ("nowhere", *OTHER): "nowhere: no finished run (there is no such folder)",
        ("plain", *OTHER, "labels.only=[angry,joy]", "labels.map={sad: angry}"): "corpus: happy in common",
    }.items():
        assert main(["evaluate", *words]) == 1
        assert told in capfd.readouterr().err


def test_the_matrix_goes_on_where_it_was(command: Command, corpora: None, capfd: pytest.CaptureFixture[str]) -> None:
    for extra in Path("other").glob("*/怒り"):
        shutil.rmtree(extra)
    for words in (["corpus.root=corpus"], OTHER):
        name = "ravdess" if len(words) == 1 else "other"
        outcome = command(*words, "split=kfold", "split.k=2", "split.fold=all", *SMALL, f"hydra.run.dir=runs/{name}")
        assert outcome.code == 0, outcome.output
    assert main(["cross", "runs"]) == 0
    first = capfd.readouterr()
    cells = {(row["trained_on"], row["tested_on"]): row for row in read_csv(Path("runs/cross/cross.csv"))}
    assert [*cells] == [(one, two) for one in ("other", "ravdess") for two in ("other", "ravdess")]
    for (one, two), row in cells.items():
        results = read_results(Path(row["folder"]))
        assert row["folder"] == (f"runs/{one}" if one == two else f"runs/cross/{one}-on-{two}")
        assert results.assessment is not None and f"{results.scores.uar:.3f} [" in first.out
        assert [float(row[name]) for name in ("uar", "uar_low", "uar_high")] == pytest.approx(
            [results.scores.uar, *results.assessment.intervals.uar], abs=1e-5
        )
    assert cells["ravdess", "other"]["identical"] != "0" and "! clips of the test were in the training" in first.out
    assert Path("runs/cross/cross.png").is_file()

    Path("runs/cross/other-on-ravdess/metrics.json").unlink()  # as of a test that was killed
    assert main(["cross", "runs"]) == 0
    again = capfd.readouterr()
    matrix = first.out.partition("UAR with 95 %")[2]
    assert matrix and again.out.endswith(matrix) and "left out" not in again.out
    assert again.err.count("has been tested") == 1

    shutil.copytree("runs", "others", ignore=shutil.ignore_patterns("cross"))
    assert main(["cross", "runs", "others", "--out", "both"]) == 0  # each corpus twice, in folders of one name
    capfd.readouterr()
    both = read_csv(Path("both/cross.csv"))
    assert len(both) == 8 and len({row["folder"] for row in both}) == 8
    assert {row["trained_on"] for row in both if row["tested_on"] == "other (runs/other)"} == {
        *("other (runs/other)", "other (others/other)", "ravdess (runs/ravdess)", "ravdess (others/ravdess)")
    }

    settings = Path("runs/cross/other-on-ravdess/.hydra/config.yaml")
    settings.write_text(settings.read_text().replace("root: corpus", "root: another"))  # as of a corpus it was before
    os.utime("runs/other/metrics.json")  # and the other run was made again
    os.utime("runs/cross/other-on-ravdess/metrics.json")
    assert main(["cross", "runs"]) == 0
    assert capfd.readouterr().err.count("has been tested") == 0

    Path("corpus").rename("moved")
    assert main(["cross", "runs", "--again"]) == 1
    said = capfd.readouterr()
    assert "other on ravdess: cannot be tested: corpus.root: no folder corpus" in said.err and "–" in said.out

    assert main(["cross", "runs/other"]) == 1
    assert "1 finished runs, and no two corpora" in capfd.readouterr().err
