"""Who and how many are on which side, in words, before any work."""

from collections.abc import Sequence

from ser.corpora.base import Utterance
from ser.splits.base import PARTS, Split

_CALLED = {"train": "training", "val": "validation", "test": "test"}
_MANY = 30  # speakers that are named


def account(folds: Sequence[Split]) -> list[str]:
    """Clips and speakers of each part, a line each; of several folds a line a fold, with its test speakers."""
    if len(folds) == 1:
        [split] = folds
        sides = [f"  {_CALLED[part]:10}  {_side(getattr(split, part))}" for part in PARTS]
        return [f"split={split.name}, fold {split.fold} of {split.n_folds}:", *sides]
    return [
        f"split={split.name}, fold {split.fold} of {split.n_folds}: {len(split.train)} clips for training,"
        f" {len(split.val)} for validation; test: {_side(split.test)}"
        for split in folds
    ]


def _side(part: Sequence[Utterance]) -> str:
    """
    >>> from pathlib import Path
    >>> _side([Utterance(name, Path(), "sad", speaker, "own") for name, speaker in [("a", "Bo"), ("b", "Al")]])
    '2 clips of 2 speakers: Al, Bo'
    """
    speakers = sorted({utterance.speaker for utterance in part if utterance.speaker is not None})
    n_clips, n_speakers = (
        f"{n} {what}{'s' * (n != 1)}" for n, what in ((len(part), "clip"), (len(speakers), "speaker"))
    )
    if not speakers:
        return f"{n_clips}; speakers are not known"
    unknown = sum(utterance.speaker is None for utterance in part)
    more = [f"and {len(speakers) - _MANY} more"] * (len(speakers) > _MANY)
    nameless = f" ({unknown} clips do not say who speaks)" if unknown else ""
    return f"{n_clips} of {n_speakers}: {', '.join([*speakers[:_MANY], *more])}{nameless}"
