"""What stands beside the scores: intervals, baselines, breakdown."""

import numpy as np
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from ser.runs.assessing import assess
from ser.runs.predictions import Predictions
from ser.runs.report_tables import broken_down

LABELS = ["neutral", "sad", "angry"]


def made(n_speakers: int = 8, per_speaker: int = 24, seed: int = 0, gap: float = 0.4) -> Predictions:
    """Women are told better than men by `gap`; each speaker speaks loud and soft, neutral only softly."""
    generator = np.random.default_rng(seed)
    rows = []
    for speaker in range(n_speakers):
        for clip in range(per_speaker):
            emotion = LABELS[clip % 3]
            is_right = generator.random() < 0.5 + gap * (speaker % 2)
            others = [label for label in LABELS if label != emotion]
            rows.append(
                {
                    "utterance": f"{speaker}-{clip}",
                    "path": "",
                    "speaker": str(speaker),
                    "emotion": emotion,
                    "predicted": emotion if is_right else str(generator.choice(others)),
                    "gender": "female" if speaker % 2 else "male",
                    "intensity": "soft" if emotion == "neutral" or clip % 2 else "loud",
                    "take": str(clip),
                    "note": "" if clip else "first",
                }
            )
    return Predictions(rows, LABELS)


def columns(predictions: Predictions, **which: str) -> tuple[list[str], list[str]]:
    rows = [row for row in predictions.rows if all(row[name] == value for name, value in which.items())]
    return [row["emotion"] for row in rows], [row["predicted"] for row in rows]


def test_baselines_are_those_of_sklearn_s_dummies() -> None:
    predictions = made()
    truth, _ = columns(predictions)
    truth += ["sad"] * 9
    predictions = Predictions([*predictions.rows, *({**predictions.rows[1]} for _ in range(9))], LABELS)
    baselines = assess(predictions).baselines
    always = DummyClassifier(strategy="most_frequent").fit(truth, truth).predict(truth)
    assert baselines.majority["accuracy"] == pytest.approx(accuracy_score(truth, always))
    assert baselines.majority["uar"] == pytest.approx(balanced_accuracy_score(truth, always))
    assert baselines.majority["macro_f1"] == pytest.approx(f1_score(truth, always, average="macro"))
    assert baselines.chance["uar"] == baselines.chance["accuracy"] == pytest.approx(1 / 3)
    by_lot = np.random.default_rng(0).choice(LABELS, 100 * len(truth))
    lots = f1_score(truth * 100, by_lot, average="macro")
    assert baselines.chance["macro_f1"] == pytest.approx(lots, abs=0.01)


def test_intervals_over_speakers_agree_with_scipy() -> None:
    predictions = made(n_speakers=12)
    right = np.array([row["emotion"] == row["predicted"] for row in predictions.rows], dtype=float)
    of_speakers = right.reshape(12, -1).mean(axis=1)
    theirs = stats.bootstrap((of_speakers,), np.mean, method="percentile", n_resamples=10_000).confidence_interval
    intervals = assess(predictions).intervals
    assert (intervals.unit, intervals.n_units) == ("speakers", 12)
    assert intervals.accuracy == pytest.approx([theirs.low, theirs.high], abs=0.01)


@pytest.mark.parametrize(("n_speakers", "unknown"), [(4, False), (8, True)])
def test_few_or_unknown_speakers_give_intervals_over_clips(n_speakers: int, unknown: bool) -> None:
    rows = [
        {**row, "speaker": "" if unknown and row["take"] == "0" else row["speaker"]} for row in made(n_speakers).rows
    ]
    assessment = assess(Predictions(rows, LABELS))
    assert (assessment.intervals.unit, assessment.intervals.n_units) == ("clips", 24 * n_speakers)
    assert len(assessment.breakdown["speaker"]) == n_speakers


def test_the_breakdown_is_that_of_sklearn() -> None:
    """By every attribute that each clip has, with few values."""
    predictions = made()
    assessment = assess(predictions)
    assert list(assessment.breakdown) == ["speaker", "gender", "intensity"]
    for attribute, groups in assessment.breakdown.items():
        assert sum(group.n for group in groups) == len(predictions.rows)
        for group in groups:
            truth, predicted = columns(predictions, **{attribute: group.value})
            present = [label for label in LABELS if label in truth]
            recalls = recall_score(truth, predicted, labels=present, average=None, zero_division=0)
            assert list(group.recall.values()) == pytest.approx(recalls.tolist())
            assert group.uar == pytest.approx(np.mean(recalls))
            assert group.accuracy == pytest.approx(accuracy_score(truth, predicted))
            assert group.uar_interval[0] <= group.uar <= group.uar_interval[1]
    worst = assessment.worst_speaker
    assert worst and worst.uar == min(group.uar for group in assessment.breakdown["speaker"])


def test_a_gap_is_found_where_there_is_one() -> None:
    gaps = assess(made(n_speakers=12)).gaps
    gender, intensity = gaps["gender"], gaps["intensity"]
    assert (gender.higher, gender.lower, gender.paired) == ("female", "male", False)
    assert gender.p < 0.01 and gender.interval[0] > 0.2
    assert list(gender.recall) == LABELS and np.mean(list(gender.recall.values())) == pytest.approx(gender.uar)
    assert intensity.paired and intensity.p > 0.05 and list(intensity.recall) == ["sad", "angry"]
    said = "\n".join(broken_down(assess(made(n_speakers=12))))
    assert "gender: female is told better than male: UAR +0." in said
    assert "intensity: no difference can be shown between" in said and "worst speaker: " in said


def test_no_gap_is_found_where_there_is_none() -> None:
    """The test holds its level: a twentieth of the p-values is below 0.05."""
    p = [assess(made(n_speakers=10, per_speaker=9, seed=seed, gap=0)).gaps["gender"].p for seed in range(20)]
    assert np.mean(np.array(p) < 0.05) <= 0.2 and np.mean(p) > 0.35


@pytest.mark.parametrize("rare", ["one clip", "no common emotion", "one speaker"])
def test_whatever_an_attribute_is_like_the_report_is_made(rare: str) -> None:
    rows = [{**row, "odd": "no"} for row in made().rows]
    for row in rows:
        if {
            "one clip": row is rows[0],
            "no common emotion": row["emotion"] == "sad",
            "one speaker": row["speaker"] == "3",
        }[rare]:
            row["odd"] = "yes"
    assessment = assess(Predictions(rows, LABELS))
    assert ("odd" in assessment.gaps) == (rare == "one speaker")
    assert all(np.isfinite([gap.uar, *gap.interval, gap.p]).all() for gap in assessment.gaps.values())
    assert broken_down(assessment)
