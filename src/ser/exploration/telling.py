"""How well the emotion can be told from a recording's outer measures, without listening to what is said or how.

A small tree on a single measure, or a forest on several, is trained on some speakers and asked about others. What it
reaches beyond chance any model may use, and a high score of such a model says less about emotion.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ser.corpora.labels import label_order
from ser.exploration.measuring import Clip
from ser.metrics import Floats, confusions_by_cluster, scores
from ser.statistics import bootstrap, clusters_of, holm, luck_p, percentile_interval

Integers = npt.NDArray[np.signedinteger[Any]]

N_FOLDS = 5
MOST_CLIPS = 20_000  # of more, so many are drawn
N_PERMUTATIONS = 1999
LEVEL = 0.01  # the answers stay, though other labels would have taught others: p is somewhat too small
N_LEAVES, LEAF_PART = 32, 0.005  # of a tree: most leaves, and of all clips the least in one
N_TREES = 100
SEED = 0
PAUSE_S = 0.2  # of silence round the speech: with less the quietest parts of a clip are soft speech

# What belongs to the recording, and what may be how an emotion is spoken too: anger is loud, and sadness slow.
QUIET: Mapping[str, Callable[[Clip], Any]] = {  # of the recording where it holds silence
    "silence before the speech": lambda clip: clip.leading_s,
    "silence after the speech": lambda clip: clip.trailing_s,
    "noise": lambda clip: clip.noise_db,
}
RECORDING: Mapping[str, Callable[[Clip], Any]] = {
    "sample rate": lambda clip: clip.sample_rate,
    "channels": lambda clip: clip.channels,
    "file format": lambda clip: clip.form,
    "clipping": lambda clip: clip.clipped,
}
EITHER: Mapping[str, Callable[[Clip], Any]] = {
    "length of the clip": lambda clip: clip.duration_s,
    "level of the speech": lambda clip: clip.level_db,
}
TOGETHER, ALL = "all of the recording", "all of these"


@dataclass(frozen=True)
class Told:
    """How well emotions are told by a measure.

    Attributes:
        measure: its name.
        is_recording: whether it has nothing to do with how an emotion is spoken.
        uar, low, high: with its 95 % interval by bootstrap over `unit`.
        p: of a UAR as high by chance, corrected for the number of measures (Holm).
    """

    measure: str
    is_recording: bool
    uar: float
    low: float
    high: float
    p: float

    @property
    def is_told(self) -> bool:
        return self.p < LEVEL


@dataclass(frozen=True)
class Telling:
    """What can be told.

    Attributes:
        measures: those that are not the same for all clips.
        chance: the UAR of guessing.
        n: clips that were asked about.
        n_units, unit: of what the folds, the intervals and the permutations are: speakers, or clips.
        constant: measures that are the same for all clips, and tell nothing.
        has_pauses: whether most clips have `PAUSE_S` of silence; else silence and noise may be speech.
        untried: why nothing could be tried, in words; empty: it was.
    """

    measures: list[Told]
    chance: float
    n: int
    n_units: int
    unit: str
    constant: list[str]
    has_pauses: bool
    untried: str

    @property
    def beware(self) -> str:
        """What a reader must know of it, in words; empty: nothing."""
        if self.unit == "speakers":
            return ""
        return (
            "Fewer than five speakers are known, or not of all clips: this may be who speaks, and p and interval are"
            " too sure."
        )


def tell(clips: Sequence[Clip], groups: Mapping[str, int]) -> Telling:
    """Try each measure, and all together.

    The p-value is that of permutations: were the emotions of a speaker's clips to be dealt out anew, how often were the
    same answers as good? Where speakers have a single emotion each, they are dealt out among these speakers, not among
    their clips, which are alike; and where no speaker is known, among all clips.

    Args:
        clips: of the corpus.
        groups: by utterance id, of clips that hold the same; these are never apart.
    """
    if len(clips) > MOST_CLIPS:
        drawn = np.random.default_rng(SEED).choice(len(clips), MOST_CLIPS, replace=False)
        clips = [clips[place] for place in sorted(drawn)]
    labels = label_order(clip.utterance.emotion for clip in clips)
    truth = np.array([labels.index(clip.utterance.emotion) for clip in clips])
    clusters, unit = clusters_of([clip.utterance.speaker for clip in clips])
    if unit != "speakers":
        clusters = np.unique([groups[clip.utterance.id] for clip in clips], return_inverse=True)[1]
    n_units = int(clusters.max()) + 1
    has_pauses = bool(np.median([clip.leading_s + clip.trailing_s for clip in clips]) >= PAUSE_S)
    columns = {name: _numbers([of(clip) for clip in clips]) for name, of in {**QUIET, **RECORDING, **EITHER}.items()}
    varying = {name: column for name, column in columns.items() if len(np.unique(column)) > 1}
    constant = [name for name in columns if name not in varying]
    sets = {name: [name] for name in varying}
    recording = [name for name in varying if name in RECORDING or (has_pauses and name in QUIET)]
    if len(recording) > 1:
        sets[TOGETHER] = recording
    if len(varying) > len(recording) and len(varying) > 1:
        sets[ALL] = list(varying)
    among, dealt, ways = _dealt(
        truth, np.unique([clip.utterance.speaker or "" for clip in clips], return_inverse=True)[1]
    )
    why = {
        "there is one emotion only": len(labels) < 2,
        f"there are fewer than {N_FOLDS} {unit}": n_units < N_FOLDS,
        f"no emotion has {N_FOLDS} clips": np.bincount(truth).max() < N_FOLDS,
        "no measure differs between clips": not sets,
        "most speakers have a single emotion each, and are too few to tell it from their voices": (
            len(sets) > LEVEL * ways
        ),
    }
    untried = next((reason for reason, holds in why.items() if holds), "")
    told: list[Told] = []
    telling = Telling(told, 1 / len(labels), len(clips), n_units, unit, constant, has_pauses, untried)
    if untried:
        return telling
    folds = _folds(truth, clusters)
    answers = {
        name: _answers(np.stack([varying[one] for one in names], 1), truth, folds) for name, names in sets.items()
    }
    p_values = holm(
        [
            luck_p(truth, answer, among, len(labels), n_permutations=N_PERMUTATIONS, units=dealt)
            for answer in answers.values()
        ]
    )
    for (name, answer), p in zip(answers.items(), p_values, strict=True):
        counts = confusions_by_cluster(clusters, truth, answer, len(labels))
        interval = percentile_interval(bootstrap(counts)["uar"])
        told.append(Told(name, name in (*recording, TOGETHER), float(scores(counts.sum(axis=0))["uar"]), *interval, p))
    return telling


def _numbers(values: Sequence[Any]) -> Floats:
    """Numbers as they are; words by their order."""
    if isinstance(values[0], str):
        return np.unique(values, return_inverse=True)[1].astype(float)
    return np.array(values, float)


def _folds(truth: Integers, clusters: Integers) -> list[tuple[Integers, Integers]]:
    """Places of training and test."""
    from sklearn.model_selection import StratifiedGroupKFold  # slow to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an emotion with few clips
        kfold = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=SEED)
        return list(kfold.split(truth, truth, clusters))


def _answers(columns: Floats, truth: Integers, folds: Sequence[tuple[Integers, Integers]]) -> Integers:
    """Of each clip the class (clips,) that is answered by what was learnt of the other folds."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    least = max(round(LEAF_PART * len(truth)), 2)
    settings = {"min_samples_leaf": least, "class_weight": "balanced", "random_state": SEED}
    answers = np.zeros(len(truth), np.int64)
    for train, test in folds:
        if columns.shape[1] == 1:
            model = DecisionTreeClassifier(max_leaf_nodes=N_LEAVES, **settings)
        else:
            model = RandomForestClassifier(N_TREES, **settings)
        answers[test] = model.fit(columns[train], truth[train]).predict(columns[test])
    return answers


def _dealt(truth: Integers, speakers: Integers) -> tuple[Integers, Integers, float]:
    """How emotions are dealt out anew: of each clip within which group and with which unit, and in how many ways.

    A speaker's clips are dealt among themselves; speakers who have a single emotion each are units of one group.
    """
    single = [speaker for speaker in np.unique(speakers) if len(np.unique(truth[speakers == speaker])) == 1]
    is_single = np.isin(speakers, single)
    groups, units = np.where(is_single, -1, speakers), np.where(is_single, -1 - speakers, np.arange(len(truth)))
    log_ways = 0.0
    for group in np.unique(groups):
        first = np.unique(units[groups == group], return_index=True)[1]
        counts = np.bincount(truth[groups == group][first])
        log_ways += math.lgamma(counts.sum() + 1) - sum(math.lgamma(count + 1) for count in counts)
    return groups, units, math.exp(min(log_ways, 700.0))
