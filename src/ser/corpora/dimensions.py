"""Clips by numbers, such as how aroused and how pleasant they sound, in place of emotions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ser.corpora.base import Utterance
from ser.corpora.keys import folded, key
from ser.errors import ConfigError, CorpusError

EMOTION = "emotion"  # the attribute that keeps the corpus's label
STRATA = ("low", "middle", "high")
_OURS = (
    *("utterance", "path", "speaker", EMOTION, "fold", "part", "split", "corpus"),
    *("start_s", "end_s", "remark", "problem", "mean"),
)
_LARGEST = 1e30  # of a number; deviations are squared in 32 bits
_EXACT = 1e-4  # of the mean, what a deviation must be to be told in six digits
_FEW = 10  # clips of a stratum, fewer are too few to be cut into parts


def check_dimensions(dimensions: Sequence[str]) -> None:
    """Refuse names that cannot be told.

    Raises:
        ConfigError: there are none, one stands twice, or is a column of ours.
    """
    if not dimensions or len({*map(folded, dimensions)}) < len(dimensions):
        raise ConfigError(
            f"task.dimensions must name columns of the corpus, none twice, such as [arousal,valence]; got {dimensions}"
        )
    for name in dimensions:
        if folded(name) in _OURS or folded(name).startswith("predicted_"):
            raise ConfigError(f"task.dimensions: {name} is a column of ours; rename that of the corpus")


def numbered(utterances: Sequence[Utterance], dimensions: Sequence[str]) -> tuple[list[Utterance], list[str]]:
    """The clips that have a number for each dimension, and what to say of the others.

    In place of an emotion each has the third of the clips that it is in by the first dimension, such as `low arousal`,
    which protocols stratify by; its emotion, where it has one, becomes an attribute. Attributes that are called as a
    dimension but for upper and lower case get its name.

    Raises:
        CorpusError: the corpus does not have a dimension, a value is no number, or all are the same, or nearly so.
    """
    names = {folded(name): name for name in dimensions}
    utterances = [replace(one, attributes=_called(one.attributes, names)) for one in utterances]
    kept, lacking = [], dict.fromkeys(dimensions, 0)
    for utterance in utterances:
        absent = [name for name in dimensions if key(utterance.attributes.get(name, "")) is None]
        for name in absent:
            lacking[name] += 1
        if not absent:
            kept.append(utterance)
    for name in dimensions:
        if lacking[name] == len(utterances):
            raise CorpusError(f"task.dimensions: no clip has a number for {name}; {_there_are(utterances)}")
    if not kept:
        raise CorpusError(f"task.dimensions: no clip has a number for each of {', '.join(dimensions)}; name fewer")
    values = np.array([numbers_of(utterance, dimensions) for utterance in kept])
    for name, column in zip(dimensions, values.T, strict=True):
        if np.ptp(column) == 0:
            raise CorpusError(f"task.dimensions: {name} is {column[0]:g} in every clip: nothing can be learnt")
        if column.std() < _EXACT * abs(column.mean()):
            raise CorpusError(
                f"task.dimensions: {name} varies by {column.std():.1g} about {column.mean():.6g}, too little for six"
                " digits; subtract a constant, such as the mean, from all its numbers in the corpus"
            )
    strata = _strata(values[:, 0])
    named = [
        replace(one, emotion=f"{stratum} {dimensions[0]}", attributes=_with_emotion(one), votes=None)
        for one, stratum in zip(kept, strata, strict=True)
    ]
    told = ", ".join(f"{name} ({n})" for name, n in lacking.items() if n)
    n_out = len(utterances) - len(kept)
    return named, [f"{n_out} clips are left out, for they lack a number: {told}"] if n_out else []


def numbers_of(utterance: Utterance, dimensions: Sequence[str]) -> list[float]:
    """Of a clip, in the corpus's scale.

    Raises:
        CorpusError: a value is no number.
    """
    return [_number(utterance, name) for name in dimensions]


def _number(utterance: Utterance, name: str) -> float:
    written = utterance.attributes[name]
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CorpusError(f"task.dimensions: {name} of {utterance.id} must be a number, such as 3.5; got {written!r}")
    if abs(value) > _LARGEST:
        raise CorpusError(f"task.dimensions: {name} of {utterance.id} is {written}: {_LARGEST:g} is the largest number")
    return value


def _called(attributes: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Attributes by the names of dimensions (which stand by how they are compared), where there is none so called."""
    there = {*attributes}.intersection(names.values())
    own = {name: names.get(folded(name), name) for name in attributes}
    return {name if own[name] in there else own[name]: value for name, value in attributes.items()}


def _there_are(utterances: Iterable[Utterance]) -> str:
    """Which attributes are numbers throughout, and have more than two: others number takes, or say yes and no."""
    utterances = list(utterances)
    found = []
    for name in dict.fromkeys(name for utterance in utterances for name in utterance.attributes):
        try:
            known = [one for one in utterances if key(one.attributes.get(name, "")) is not None]
            if len({_number(one, name) for one in known}) > 2:
                found.append(name)
        except CorpusError:
            continue
    if not found:
        return "this corpus has no such numbers; dimensions need columns with some, as corpus=table has them"
    return f"columns of numbers are {', '.join(found)}: set task.dimensions=[{','.join(found)}], or some of them"


def _strata(values: npt.NDArray[np.float64]) -> list[str]:
    """Of each clip the third that it is in, or the half where a third has few; equal values are in one."""
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    places = np.where(values <= low, 0, np.where(values <= high, 1, 2))
    if min(np.bincount(places, minlength=3)) < _FEW:
        most_even = min(np.unique(values)[:-1], key=lambda cut: abs(np.mean(values <= cut) - 0.5))
        places = np.where(values <= most_even, 0, 2)
    return [STRATA[place] for place in places]


def _with_emotion(utterance: Utterance) -> dict[str, str]:
    own = {} if key(utterance.emotion) is None else {EMOTION: utterance.emotion}
    return {**utterance.attributes, **own}
