"""What came of a check: whether a score means what it seems to."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from ser.metrics import confusions_by_cluster, uar
from ser.runs.facts import Check
from ser.runs.names import FOLD, SPEAKER
from ser.runs.predictions import Predictions
from ser.runs.report_tables import p_word
from ser.statistics import bootstrap, clusters_of, luck_p, percentile_interval

SHUFFLED, OVERFIT, SILENCE = "shuffled", "overfit", "silence"
CHECKS = (SHUFFLED, OVERFIT, SILENCE)

MUCH = 0.1  # of UAR: a leak that gives as much shall not hide in the interval
LEVEL = 0.025  # of the test whether permuted labels are told better than by luck
N_PERMUTATIONS = 2000

# Permuted labels of a speaker are dealt out without putting back: what training has more of, test has less of.
_BELOW = "below is well too: luck, or speakers in both training and test, whose labels in training are used up"

# Of a score that should be chance, by check: what it means that it is, and that it is not.
_MEANS = {
    SHUFFLED: (
        "with the labels permuted nothing is learnt",
        "something tells the labels without the voice. By luck one check in 40 says so: try another seed. Then look"
        " for speakers in both training and test who have one emotion more often than others, for recordings in"
        " both, and for what else the model is told of a clip",
    ),
    SILENCE: (
        "the parts without speech do not tell the emotion",
        "the recordings tell the emotion without speech. Part of a score on whole clips may be learnt from the room,"
        " the microphone and how the clips were cut",
    ),
}


def judge(name: str, predictions: Predictions) -> Check:
    """The verdict of a check on its test clips.

    Permuted labels pass where their UAR is one that luck gives: the labels of each speaker are dealt out anew, 2000
    times, and the answers stay; one in 40 of these UARs is higher than the check allows (Phipson and Smyth 2010).

    Silence passes where the 95 % interval of the UAR reaches down to chance: below is well too. Chance is 1 / number of
    emotions in the test: whoever guesses without hearing, however often each emotion, has no higher UAR on average.

    Args:
        name: of `CHECKS`.
        predictions: of the test, or of all folds.
    """
    passed, found = (_learnt if name == OVERFIT else _by_chance)(name, predictions)
    return Check(name, passed, f"check={name} {'passed' if passed else 'FAILED'}: {found}")


def _learnt(name: str, predictions: Predictions) -> tuple[bool, str]:
    pairs = zip(predictions.truth, predictions.predicted, strict=True)
    missed = Counter(predictions.labels[truth] for truth, answer in pairs if truth != answer)
    n_clips = len(predictions.rows)
    if not missed:
        return True, f"all {n_clips} clips were learnt by heart"
    return False, (
        f"{missed.total()} of {n_clips} clips were not learnt by heart ({_counts(missed)}). train_loss in history.csv"
        " should come down to almost 0: if it does not, look at optim.lr and epochs, then at the loss and the model; if"
        " it does, at what differs between training and test"
    )


def _counts(missed: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {emotion}" for emotion, n in missed.items())


def _by_chance(name: str, predictions: Predictions) -> tuple[bool, str]:
    truth = predictions.truth
    clusters, unit = clusters_of([row[SPEAKER] for row in predictions.rows])
    confusions = confusions_by_cluster(clusters, truth, predictions.predicted, len(predictions.labels))
    low, high = percentile_interval(bootstrap(confusions)["uar"])
    chance = 1 / len(np.unique(truth))
    passed, by_luck = low <= chance, ""
    if name == SHUFFLED:
        p = _luck(predictions)
        passed, by_luck = p >= LEVEL, f", {p_word(p)}"
    means = _BELOW if name == SHUFFLED and high < chance else _MEANS[name][0 if passed else 1]
    score = f"UAR {uar(confusions.sum(axis=0)):.3f} [{low:.3f}, {high:.3f}] over {len(confusions)} {unit}"
    found = f"{score}, chance {chance:.3f}{by_luck}: {means}"
    if passed and high > chance + MUCH:
        more = "more of them" if FOLD in predictions.rows[0] else "split.fold=all, or more of them"
        found += f". So few clips ({len(truth)}) say little: take {more}"
    return passed, found


def _luck(predictions: Predictions) -> float:
    """How often the UAR is as high where the labels of each speaker are dealt out anew, and the answers stay."""
    truth, answers = np.array(predictions.truth), np.array(predictions.predicted)
    names = np.array([row[SPEAKER] for row in predictions.rows], dtype=object)
    return luck_p(truth, answers, names, len(predictions.labels), n_permutations=N_PERMUTATIONS)
