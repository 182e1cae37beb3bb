"""The calibration that a run leaves, from its tables."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from ser.calibration import tempered
from ser.runs import figures
from ser.runs.calibrated import calibration_of, told
from ser.runs.calibration import Calibration
from ser.runs.names import fold_folder, fold_folders
from ser.runs.pooled import pool
from ser.runs.predictions import Predictions, pooled
from ser.runs.report import Evaluation, read_evaluation, render, rewrite_report, write_report
from tests.facts import FACTS, facts
from tests.runs.test_report import LABELS, predict, utterances

pytestmark = pytest.mark.usefixtures("no_figures")


def of(predictions: Predictions, validated: Predictions | None = None, temperature: float | None = None) -> Calibration:
    made = calibration_of(predictions, [validated], temperature)
    assert made is not None
    return made


def test_what_the_tables_say_whatever_the_order_of_their_rows() -> None:
    made = predict(n=200)
    known = of(made, predict(1, n=90), 0.8)
    order = np.random.default_rng(0).permutation(200)
    assert of(Predictions([made.rows[place] for place in order], LABELS), predict(1, n=90), 0.8) == known
    assert sum(one.n for one in known.bins) == 200 and all(one.n for one in known.bins)
    assert known.ece == pytest.approx(
        sum(one.n * abs(one.accuracy - one.confidence) for one in known.bins) / 200, abs=1e-5
    )
    right = np.array(made.truth) == made.predicted
    assert known.coverage.points[-1] == [1.0, pytest.approx(right.mean())] and len(known.coverage.points) == 50
    assert 0 < known.brier < 2 and 0.7 < known.brier_of_the_rates <= 0.75
    few = of(predict(n=7))
    assert [coverage for coverage, _ in few.coverage.points] == pytest.approx([k / 7 for k in range(1, 8)], abs=1e-6)
    assert few.conformal is few.before is None


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
def test_what_was_before_the_temperature_is_told(temperature: float) -> None:
    plain = predict(n=300)
    fitted = plain.with_probabilities(tempered(plain.probabilities, temperature))
    made, expected = of(fitted, temperature=temperature), of(plain)
    assert made.before is not None
    assert (made.before.ece, made.before.brier) == pytest.approx((expected.ece, expected.brier), abs=0.003)
    assert "fitted on validation; without it" in "\n".join(told(made))


def test_a_temperature_at_its_limit_is_told_of() -> None:
    said = "temperature 10 is the highest that is tried: validation says nothing about it"
    assert said in "\n".join(told(of(predict(n=60), temperature=10.0)))
    assert not any("is tried" in line for line in told(of(predict(n=60), temperature=1.7)))


def test_sets_are_of_each_fold_s_own_validation() -> None:
    """Of a fold whose validation is always sure of the truth sets are small, of one that is never sure all emotions."""
    n = 40
    truth = [place % 4 for place in range(n)]
    sure = predictions(truth, 0.97)
    unsure = predictions(truth, 0.01)
    together = pooled({1: sure, 2: sure})
    made = calibration_of(together, [sure, unsure], None)
    assert made is not None and made.conformal is not None
    assert (made.conformal.coverage, made.conformal.mean_size) == (1.0, 2.5)
    missing = calibration_of(together, [sure, None], None)
    assert missing is not None and missing.conformal is None


def predictions(truth: list[int], own: float) -> Predictions:
    """The truth has this probability, the other emotions share the rest."""
    from ser.runs.predictions import predictions_of

    rows = np.full((len(truth), 4), (1 - own) / 3, dtype=np.float32)
    rows[np.arange(len(truth)), truth] = own
    return predictions_of(utterances(truth), LABELS, rows)


def test_probabilities_that_are_no_numbers_say_nothing(tmp_path: Path) -> None:
    broken = predict()
    broken.rows[3]["p_sad"] = "nan"
    assert calibration_of(broken, [None], None) is None
    assert write_report(tmp_path, FACTS, broken).results.calibration is None
    assert "calibration" not in json.loads((tmp_path / "metrics.json").read_text())


def of_fold(folder: Path, fold: int, temperature: float | None) -> Evaluation:
    path = fold_folder(folder, fold)
    path.mkdir()
    told = facts(split={"fold": fold, "n_folds": 2})
    return write_report(path, told, predict(fold, 60), validated=predict(fold + 5, 60), temperature=temperature)


def test_folds_are_pooled_and_the_report_is_made_again(tmp_path: Path) -> None:
    """Also where the folders of the folds are gone."""
    made = pool(tmp_path, {fold: of_fold(tmp_path, fold, 0.5 + fold) for fold in (1, 2)}, audio_s=0, n_folds=2).results
    assert made.calibration is not None and made.calibration.temperature == [1.5, 2.5]
    assert "temperature 1.50 to 2.50 by fold" in render(made) and "on new speakers measured, not promised" in render(
        made
    )
    assert read_evaluation(tmp_path).results == made == rewrite_report(tmp_path).results
    for path in fold_folders(tmp_path).values():
        path.rename(tmp_path / f"gone-{path.name}")
    assert rewrite_report(tmp_path).results == made


def test_a_fold_without_a_temperature_says_so(tmp_path: Path) -> None:
    folds = {fold: of_fold(tmp_path, fold, 0.5 + fold if fold == 1 else None) for fold in (1, 2)}
    made = pool(tmp_path, folds, audio_s=0, n_folds=2).results
    assert made.calibration is not None and made.calibration.temperature == [1.5, None]
    assert "temperature 1.50 to 1.50 by fold (1 without), fitted on validation" in render(made)
    assert read_evaluation(tmp_path).results == made == rewrite_report(tmp_path).results
    none = pool(tmp_path, {2: folds[2]}, audio_s=0, n_folds=2).results.calibration
    assert none is not None and none.temperature is none.before is None


def test_an_empty_validation_is_not_written(tmp_path: Path) -> None:
    made = write_report(tmp_path, FACTS, predict(), validated=Predictions([], LABELS))
    assert made.validated is None and not (tmp_path / "validation.csv").exists()


@pytest.mark.parametrize("n", [1, 200])
@pytest.mark.figures
def test_nothing_of_the_figure_is_cut_off(tmp_path: Path, n: int) -> None:
    figures.calibration(tmp_path / "a.png", of(predict(n=n)), title="作られた, split=random, " * 9)
    picture = imread(tmp_path / "a.png")
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 1).all()
