"""Tables, intervals and paired tests."""

import shutil
import time
from pathlib import Path

import pytest

from ser.compare.comparison import Table, compare
from ser.compare.reading import LeftOut, Run, find_runs, read_run
from ser.files import read_csv, write_csv
from ser.runs.results import read_results
from tests.compare.made import clips, make_run


def tables(folder: Path) -> list[Table]:
    runs = [read_run(run) for run in find_runs([folder])]
    assert not any(isinstance(run, LeftOut) for run in runs)
    return compare(run for run in runs if isinstance(run, Run))[0]


def test_the_best_on_validation_comes_first_whatever_its_test(tmp_path: Path) -> None:
    make_run(tmp_path / "a", epochs=1, validation=0.5, skill=0.9)
    make_run(tmp_path / "b", epochs=2, validation=0.7, skill=0.4)
    make_run(tmp_path / "c", epochs=3, validation=None, skill=0.99)
    [table] = tables(tmp_path)
    assert table.columns == {"epochs": ["2", "1", "3"]}
    for row, scores in zip(table.rows, table.scores, strict=True):
        written = read_results(row.runs[0].folder).scores
        for name in ("uar", "accuracy", "macro_f1"):
            assert scores[name].value == pytest.approx(getattr(written, name))
            assert scores[name].low < scores[name].value < scores[name].high
            assert scores[name].spread.std == 0
    assert table.unit == "speakers"
    assert "96 test clips of 8 speakers" in table.heading


def test_features_side_by_side_are_told_as_they_are_chosen(tmp_path: Path) -> None:
    for name in ("egemaps", "wavlm"):
        parts = {"whisper": {"_target_": "x.Encoder", "layer": 2}, name: {"_target_": "x.Other", name: 1}}
        chosen = {"feature": "side_by_side", **{f"feature@feature.parts.{part}": part for part in parts}}
        make_run(tmp_path / name, feature={"_target_": "x.SideBySide", "parts": parts}, choices=chosen)
    [table] = tables(tmp_path)
    assert sorted(table.columns["feature"]) == ["[whisper,egemaps]", "[whisper,wavlm]"] and len(table.columns) == 1


def test_what_an_older_version_did_not_have_is_as_by_default(tmp_path: Path) -> None:
    new = {"name": "cross_entropy", "label_smoothing": 0.1, "focal_gamma": 2.0, "class_weights": False}
    training = {"monitor": "uar", "patience": None, "ema_decay": None, "calibrate": False}
    make_run(tmp_path / "old", loss={"name": "cross_entropy"}, training={"monitor": "uar"}, check=None)
    make_run(tmp_path / "new", seed=1, loss=new, training=training, sampling="natural", normalize={"by": "training"})
    make_run(tmp_path / "speaker", seed=2, normalize={"by": "speaker"})
    make_run(tmp_path / "other", seed=3, training={**training, "calibrate": True})
    found = tables(tmp_path)
    assert sorted(len(row.runs) for table in found for row in table.rows) == [1, 1, 2]
    [table] = [table for table in found if len(table.rows) > 1]
    assert table.columns == {"training.calibrate": ["false", "true"]}


def test_labels_have_what_tells_rows_apart_first(tmp_path: Path) -> None:
    for number, (name, lr) in enumerate([("plain", 1), ("plain", 2), ("wide", 3)]):
        chosen = {"experiment": name}
        make_run(tmp_path / str(number), validation=0.9 - 0.1 * number, optim={"lr": lr}, choices=chosen)
    [table] = tables(tmp_path)
    assert table.name(0) == "experiment=plain, optim.lr=1"
    assert table.labels == ["lr=1", "lr=2", "lr=3"]


def test_mean_and_deviation_are_those_of_the_folds(tmp_path: Path) -> None:
    make_run(tmp_path / "a", fold="all")
    [table] = tables(tmp_path)
    written = read_results(tmp_path / "a")
    assert written.folds is not None
    for name in ("uar", "accuracy", "macro_f1"):
        score = table.scores[0][name]
        assert score.value == pytest.approx(getattr(written.scores, name))
        assert score.spread.mean == pytest.approx(written.folds[name].mean)
        assert score.spread.std == pytest.approx(written.folds[name].std)


def test_better_worse_and_neither(tmp_path: Path) -> None:
    made = clips(n_speakers=12, n_each=8)
    make_run(tmp_path / "best", epochs=1, validation=0.9, skill=0.7, tested=made)
    make_run(tmp_path / "weak", epochs=2, validation=0.8, skill=0.4, tested=made)
    make_run(tmp_path / "alike", epochs=3, validation=0.7, skill=0.69, tested=made)
    make_run(tmp_path / "strong", epochs=4, validation=0.6, skill=0.95, tested=made)
    [table] = tables(tmp_path)
    assert [test.verdict for test in table.tests] == ["better", "no difference can be shown", "worse"]
    weak, alike, strong = table.tests
    assert weak.sentence.startswith("1 is better than 2: UAR +0.")
    assert alike.sentence.startswith("no difference can be shown between 1 and 3: UAR ")
    assert strong.sentence.startswith("1 is worse than 4: UAR -0.")
    for test in table.tests:
        other = table.scores[test.other - 1]["uar"].value
        assert test.difference == pytest.approx(table.scores[0]["uar"].value - other)
        assert test.low < test.difference < test.high
        assert test.p_holm >= test.p
        assert test.mcnemar_holm >= test.mcnemar
    assert weak.only_best > weak.only_other
    assert weak.mcnemar < 0.001
    assert alike.low < 0 < alike.high


def test_several_seeds_make_no_clip_count_twice(tmp_path: Path) -> None:
    """The same predictions under three seeds: intervals and p-values as for one."""
    for epochs, skill in ((1, 0.7), (2, 0.55)):
        make_run(tmp_path / "one" / str(epochs), epochs=epochs, skill=skill, validation=skill)
        for seed in range(3):
            run = make_run(
                tmp_path / "three" / f"{epochs}-{seed}", epochs=epochs, skill=skill, validation=skill, seed=seed
            )
            (run / "predictions.csv").write_bytes((tmp_path / "one" / str(epochs) / "predictions.csv").read_bytes())
    [one], [three] = tables(tmp_path / "one"), tables(tmp_path / "three")
    assert [len(row.trainings) for row in three.rows] == [3, 3]
    assert three.tests[0].__dict__ == pytest.approx(one.tests[0].__dict__)
    for name, score in one.scores[0].items():
        assert (three.scores[0][name].low, three.scores[0][name].high) == pytest.approx((score.low, score.high))


def test_rows_that_score_alike_do_not_differ_by_rounding(tmp_path: Path) -> None:
    """For each speaker: two of three seeds right on half of the clips, or one of three on all."""
    made = clips(n_speakers=10, n_each=12)
    for epochs in (1, 2):
        for seed in range(3):
            run = make_run(tmp_path / f"{epochs}-{seed}", epochs=epochs, validation=1 / epochs, seed=seed, tested=made)
            wrong = {"neutral": "sad", "sad": "angry", "angry": "neutral"}
            rows = read_csv(run / "predictions.csv")
            for row in rows:
                first_half = int(row["utterance"].split("-")[-1]) < 6
                right = seed == 0 if epochs == 1 else seed < 2 and first_half
                row["predicted"] = row["emotion"] if right else wrong[row["emotion"]]
            write_csv(run / "predictions.csv", rows)
    [table] = tables(tmp_path)
    [test] = table.tests
    assert test.difference == pytest.approx(0, abs=1e-12)
    assert (test.low, test.high, test.p, test.verdict) == (0, 0, 1, "no difference can be shown")


def test_with_no_speakers_named_clips_are_drawn(tmp_path: Path) -> None:
    for name, epochs in (("a", 1), ("b", 2)):
        make_run(tmp_path / name, epochs=epochs, skill=0.45 * epochs, validation=epochs / 2, tested=clips(named=False))
    [table] = tables(tmp_path)
    assert table.unit == "clips"
    assert "speakers" not in table.heading
    assert table.tests[0].verdict == "better"


@pytest.mark.parametrize("named", [True, False])
def test_an_interval_is_the_same_whatever_rows_stand_beside_it(tmp_path: Path, named: bool) -> None:
    for epochs in (1, 2, 3):
        skill = 0.8 - 0.1 * epochs
        tested = clips(named=named)
        make_run(tmp_path / str(epochs), epochs=epochs, skill=skill, validation=skill, tested=tested)
    [alone], [whole] = tables(tmp_path / "1"), tables(tmp_path)
    assert alone.scores[0] == whole.scores[0]
    shutil.rmtree(tmp_path / "2")
    [pair] = tables(tmp_path)
    other, same = pair.tests[0], whole.tests[1]
    assert (other.difference, other.low, other.high, other.p) == (same.difference, same.low, same.high, same.p)


def test_few_speakers_are_told_of(tmp_path: Path) -> None:
    for name, epochs in (("a", 1), ("b", 2)):
        make_run(tmp_path / name, epochs=epochs, skill=0.45 * epochs, tested=clips(n_speakers=5, n_each=20))
    [table] = tables(tmp_path)
    assert table.tests[0].mcnemar < 0.001
    assert table.tests[0].p == 2**-4
    assert table.tests[0].verdict == "no difference can be shown"
    assert any("5 speakers are too few" in remark and "need 6 at least" in remark for remark in table.remarks)


@pytest.mark.parametrize(("n", "said"), [(1, "Only 1 speaker was tested"), (4, "Only 4 speakers were tested")])
def test_of_fewer_than_five_speakers_clips_are_drawn(tmp_path: Path, n: int, said: str) -> None:
    make_run(tmp_path / "a", tested=clips(n_speakers=n))
    [table] = tables(tmp_path)
    assert table.unit == "clips"
    assert any(said in remark for remark in table.remarks)


def test_without_validation_scores_nothing_is_tested(tmp_path: Path) -> None:
    for name, epochs in (("a", 1), ("b", 2)):
        make_run(tmp_path / name, epochs=epochs, validation=None)
    [table] = tables(tmp_path)
    assert table.tests == []
    assert any("No validation score is known" in remark for remark in table.remarks)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"corpus": {"fingerprint": "xyz"}}, "fingerprint of the corpus is xyz here and abc there"),
        ({"corpus": {"name": "own"}}, "corpus is own here and made there"),
        ({"split": {"name": "speaker", "n_folds": 9}}, "split is speaker here and kfold there."),
        ({"split": {"seed": 1}}, "split.seed is 1 here and 0 there"),
        ({"tested": clips()[:40]}, "there are 40 test clips here and 96 there, 40 in common"),
        ({"labels": ("neutral", "angry")}, "emotions differ"),
    ],
)
def test_what_cannot_be_compared_stands_apart(tmp_path: Path, other: dict, said: str) -> None:
    make_run(tmp_path / "a", epochs=1)
    make_run(tmp_path / "b", epochs=2)
    make_run(tmp_path / "c", epochs=3, **other)
    first, second = tables(tmp_path)
    assert first.columns == {"epochs": ["1", "2"]}
    assert (first.apart, second.columns, second.tests) == ("", {}, [])
    assert second.apart.startswith("Not comparable with the first table: ")
    assert said in second.apart


def test_another_number_of_folds_is_another_protocol(tmp_path: Path) -> None:
    """The same clips are tested, after training on others."""
    make_run(tmp_path / "a", fold="all")
    config = make_run(tmp_path / "b", fold="all", epochs=5) / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("k: 2", "k: 10"))
    [_, second] = tables(tmp_path)
    assert "split.k is 10 here and 2 there" in second.apart


def test_a_search_of_many_trials_is_quick(tmp_path: Path) -> None:
    base = make_run(tmp_path / "base", tested=clips(24, 20))
    run = read_run(base)
    assert isinstance(run, Run)
    runs = [Run(**{**run.__dict__, "settings": {**run.settings, "epochs": n}}) for n in range(40)]
    started = time.monotonic()
    [table] = compare(runs)[0]
    assert len(table.tests) == 39
    assert time.monotonic() - started < 8
