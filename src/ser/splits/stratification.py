"""Cutting parts out of a corpus: stratified, with identical recordings kept together or speakers kept apart."""

import random
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence

from ser.corpora.base import Utterance
from ser.corpora.keys import key
from ser.errors import SplitError


def speaker_names(name: str, utterances: Sequence[Utterance]) -> list[str]:
    """The speakers in the order of their names; at least three."""
    speakers = sorted({str(utterance.speaker) for utterance in utterances})
    if len(speakers) < 3:
        raise SplitError(
            f"split={name} needs three speakers at least, for training, validation and test; the corpus has"
            f" {len(speakers)}; use split=random or kfold"
        )
    return speakers


def check_class_sizes(name: str, distinct: Sequence[Utterance], least: int) -> None:
    """Refuse a corpus that has fewer than `least` recordings of an emotion."""
    counts = Counter(utterance.emotion for utterance in distinct)
    small = [f"{emotion} has {count}" for emotion, count in sorted(counts.items()) if count < least]
    if small:
        raise SplitError(
            f"split={name} needs at least {least} distinct clips of every emotion (identical ones, and segments that"
            f" overlap, count as one); {', '.join(small)};"
            " add clips, ask for fewer folds, or take the emotion out of the corpus; of task=dimensions, where low and"
            " high are meant, name another one first"
        )


def distinct_recordings(utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[Utterance]:
    """One utterance for each recording: the first of those that are identical."""
    first: dict[str, Utterance] = {}
    for utterance in utterances:
        first.setdefault(digests[utterance.id], utterance)
    return list(first.values())


def with_copies(part: Sequence[Utterance], utterances: Sequence[Utterance], digests: Mapping[str, str]) -> set[str]:
    """The ids of a part and of all utterances whose recording is identical to one in it."""
    inside = {digests[utterance.id] for utterance in part}
    return {utterance.id for utterance in utterances if digests[utterance.id] in inside}


def stratified_part(utterances: Sequence[Utterance], digests: Mapping[str, str], size: int, seed: int) -> set[str]:
    """The ids of a random part of `size` distinct recordings in the corpus's mixture of emotions, with copies."""
    from sklearn.model_selection import StratifiedShuffleSplit  # slow, and a report needs none of it

    distinct = distinct_recordings(utterances, digests)
    emotions = [utterance.emotion for utterance in distinct]
    try:
        _, part = next(StratifiedShuffleSplit(1, test_size=size, random_state=seed).split(distinct, emotions))
    except ValueError:
        raise SplitError(
            f"{len(distinct)} distinct clips of {len(set(emotions))} emotions are too few to set {size} of them apart;"
            " add clips of the rarest emotions, or take those out of the corpus"
        ) from None
    return with_copies([distinct[i] for i in _with_every_emotion(part.tolist(), emotions, seed)], utterances, digests)


def _with_every_emotion(part: list[int], emotions: Sequence[str], seed: int) -> list[int]:
    """The part, with a recording of each rare emotion that it lacks and that leaves others behind, for one of the most
    frequent.
    """
    draw = random.Random(seed)
    for emotion in sorted(set(emotions) - {emotions[i] for i in part}):
        those = [i for i, other in enumerate(emotions) if other == emotion]
        counts = Counter(emotions[i] for i in part)
        most = max(sorted(counts), key=lambda other: counts[other])
        if len(those) > 1 and counts[most] > 1:
            part = [i for i in part if i != next(i for i in part if emotions[i] == most)] + [draw.choice(those)]
    return part


def speaker_folds(utterances: Sequence[Utterance], k: int, seed: int) -> list[set[str]]:
    """The ids of k parts that share no speaker."""
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    several = len({utterance.corpus for utterance in utterances}) > 1
    strata = [
        f"{one.emotion}/{key(one.attributes.get('gender', ''))}" + (f"/{one.corpus}" if several else "")
        for one in utterances
    ]
    if max(Counter(strata).values()) < k:
        strata = [""] * len(utterances)  # too few clips of anything to be balanced
    speakers = [str(utterance.speaker) for utterance in utterances]
    with warnings.catch_warnings():
        # Speakers are kept apart first and balanced second; scikit-learn warns where balance is out of reach.
        warnings.filterwarnings("ignore", message="The least populated class")
        folds = list(StratifiedGroupKFold(k, shuffle=True, random_state=seed).split(utterances, strata, speakers))
    if not all(len(test) for _, test in folds):  # speakers of very uneven size: balance them by size alone
        folds = list(GroupKFold(k).split(utterances, groups=speakers))
    return [{utterances[i].id for i in test} for _, test in folds]
