"""Whether a score of a split would mean anything: before training, what each part lacks."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ser.corpora.base import Utterance
from ser.errors import SplitError
from ser.splits.audit import audit
from ser.splits.base import Split

_PARTS = {"val": "validation", "test": "test"}
_SHOWN = 3


def check_sense(folds: Sequence[Split], digests: Mapping[str, str]) -> list[str]:
    """What a reader of the scores should know of the parts of each fold, one line each.

    Args:
        folds: that will be trained on and tested; their tests are pooled.
        digests: of each utterance's samples, by id.

    Raises:
        SplitError: validation could not choose an epoch, or a score on the test would say nothing of emotions.
    """
    emotions = {utterance.emotion for utterance in _all(folds[0])}
    lacking: dict[str, dict[str, list[int]]] = {called: {} for called in _PARTS.values()}
    for split in folds:
        for name, called in _PARTS.items():
            part: list[Utterance] = getattr(split, name)
            present = {utterance.emotion for utterance in part}
            if len(present) < 2 and (name == "val" or len(folds) == 1):
                raise SplitError(_meaningless(split, called, part))
            for emotion in sorted(emotions - present):
                lacking[called].setdefault(emotion, []).append(split.fold)
    remarks = [
        f"split={folds[0].name}: {called} lacks {_listed(folds_of)}; its UAR is that of the emotions it has"
        for called, folds_of in lacking.items()
        if folds_of
    ]
    return [*remarks, *_about_speakers(folds, digests), *_about_labels(_all(folds[0]), digests)]


def _listed(folds_of: Mapping[str, Sequence[int]]) -> str:
    """Emotions with the folds that lack them."""
    return ", ".join(
        f"{emotion} (fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))})" for emotion, folds in folds_of.items()
    )


def _all(split: Split) -> list[Utterance]:
    return split.train + split.val + split.test


def _meaningless(split: Split, called: str, part: Sequence[Utterance]) -> str:
    n_clips = f"{len(part)} clip{'s' * (len(part) != 1)}"
    what = f"all of {part[0].emotion}" if part else "of no emotion"
    why = "so it cannot tell one epoch from another" if called == "validation" else "so its score would mean nothing"
    way_out = " (by split.val_fraction, where it is cut out of training)" if called == "validation" else ""
    other = ", another fold or split.fold=all" if called == "test" and split.n_folds > 1 else ""
    return (
        f"split={split.name}, fold {split.fold}: {called} is {n_clips}, {what}, {why}; put clips of other emotions"
        f" into it{way_out}, or take another protocol{other}"
    )


def _about_speakers(folds: Sequence[Split], digests: Mapping[str, str]) -> list[str]:
    """Where every speaker has one emotion only, a voice tells the emotion."""
    heard: dict[str, Counter[str]] = {}
    for utterance in _all(folds[0]):
        if utterance.speaker is not None:
            heard.setdefault(utterance.speaker, Counter())[utterance.emotion] += 1
    several = {who: counts for who, counts in heard.items() if counts.total() > 1}
    n_clips = sum(counts.total() for counts in several.values())
    if len(several) < 2 or 2 * n_clips <= len(_all(folds[0])) or any(len(counts) > 1 for counts in several.values()):
        return []
    shown = ", ".join(f"{who}: {next(iter(several[who]))}" for who in list(several)[:_SHOWN])
    told = f"every speaker who is heard more than once has one emotion only ({shown}, ...)"
    if any(audit(split, digests).shared_speakers for split in folds):
        raise SplitError(
            f"split={folds[0].name}: {told}, and speakers are in both training and test: who knows the voice knows the"
            " emotion, so the score would mean nothing; use split=speaker, or record each speaker in several emotions"
        )
    return [f"{told}: voices and emotions cannot be told apart in training"]


def _about_labels(utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[str]:
    """Identical recordings under several labels."""
    labels: dict[str, dict[str, Utterance]] = {}
    for utterance in utterances:
        labels.setdefault(digests[utterance.id], {}).setdefault(utterance.emotion, utterance)
    torn = [list(by_emotion.values()) for by_emotion in labels.values() if len(by_emotion) > 1]
    if not torn:
        return []
    if 2 * len(torn) > len(labels):
        raise SplitError(
            f"{len(torn)} of {len(labels)} distinct recordings are there under several emotions, {_torn(torn[0])}: no"
            " score could mean anything; correct the labels"
        )
    return [
        f"{len(torn)} identical recordings are there under several emotions, such as {_torn(torn[0])}; correct them"
    ]


def _torn(same: Sequence[Utterance]) -> str:
    return " = ".join(f"{utterance.id} ({utterance.emotion})" for utterance in same[:2])
