"""Who and how many are on which side, in words, before any work."""

from collections.abc import Sequence

from ser.corpora.base import Utterance
from ser.splits.base import PARTS, Split

_CALLED = {"train": "training", "val": "validation", "test": "test"}
_MANY = 30  # names that are told


def account(folds: Sequence[Split], by: str | None) -> list[str]:
    """Clips and speakers of each part, a line each; of several folds a line a fold, with its test speakers.

    Args:
        folds: that will be trained on and tested.
        by: the attribute whose values are told too.
    """
    if len(folds) == 1:
        [split] = folds
        sides = [f"  {_CALLED[part]:10}  {_side(getattr(split, part), by)}" for part in PARTS]
        return [f"split={split.name}, fold {split.fold} of {split.n_folds}:", *sides]
    return [
        f"split={split.name}, fold {split.fold} of {split.n_folds}: {len(split.train)} clips for training,"
        f" {len(split.val)} for validation; test: {_side(split.test, by)}"
        for split in folds
    ]


def _side(part: Sequence[Utterance], by: str | None) -> str:
    """
    >>> from pathlib import Path
    >>> _side([Utterance(name, Path(), "sad", speaker, "own") for name, speaker in [("a", "Bo"), ("b", "Al")]], None)
    '2 clips of 2 speakers: Al, Bo'
    """
    values = f"{by} {_listed(sorted({utterance.attributes[by] for utterance in part}))}: " if by else ""
    speakers = sorted({utterance.speaker for utterance in part if utterance.speaker is not None})
    unknown = sum(utterance.speaker is None for utterance in part)
    said = f"{values}{len(part)} clip{'s' * (len(part) != 1)}"
    if not speakers:
        return f"{said}; speakers are not known"
    nameless = f" ({unknown} clips do not say who speaks)" if unknown else ""
    return f"{said} of {len(speakers)} speaker{'s' * (len(speakers) != 1)}: {_listed(speakers)}{nameless}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join([*names[:_MANY], *[f"and {len(names) - _MANY} more"] * (len(names) > _MANY)])
