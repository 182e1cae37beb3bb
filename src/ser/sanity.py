"""What a check changes of a run, so that its score is known beforehand if all is well; see `ser.runs.check`."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ser.config.checks import check_choice
from ser.config.schema import Config
from ser.corpora.base import Utterance
from ser.features.base import Feature
from ser.runs.check import CHECKS, OVERFIT, SHUFFLED, SILENCE
from ser.splits.base import Split

log = logging.getLogger("ser")

SILENCE_DB = 40.0  # below the loudest: speech is not so far down but at its very ends, nor is the room further up
PER_EMOTION = 4  # clips that are to be learnt by heart

# What model and optimiser are to be built with to learn by heart, by the endings of their settings' names.
_UNDISTURBED = {"dropout": 0.0, "layerdrop": 0.0, "time_masking": False}
_UNHINDERED = {"weight_decay": 0.0, "warmup": 0.05}


def adjusted(config: Config) -> Config:
    """The configuration as the check wants it, beside what its YAML says: to learn by heart, without dropout and decay.

    Raises:
        ConfigError: there is no such check.
    """
    if config.check is None:
        return config
    check_choice("check", config.check, CHECKS)
    if config.check != OVERFIT:
        return config
    model, optim = _with(config.model, _UNDISTURBED), _with(config.optim, _UNHINDERED)
    return replace(config, model=model, optim=optim)


def _with(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with other values for those whose names end so; of others, as they are."""
    return {
        name: next((other for ending, other in values.items() if name.endswith(ending)), value)
        for name, value in settings.items()
    }


def hearing(config: Config, feature: Feature) -> dict[str, Any]:
    """How clips are read for a feature, as `ser.store.recordings.load_recordings` takes it."""
    if config.check == SILENCE:
        return {"sample_rate": feature.sample_rate, "top_db": None, "below_db": SILENCE_DB}
    return {"sample_rate": feature.sample_rate, "top_db": feature.trim_db}


def labelled(config: Config, utterances: Sequence[Utterance], digests: Mapping[str, str]) -> list[Utterance]:
    """The clips as training and test are told of them: for check=shuffled with other labels, else as they are.

    Args:
        utterances: all that are used, so that only what links a recording and its label is broken.
        digests: of each one's recording, by id.
    """
    if config.check != SHUFFLED:
        return list(utterances)
    shuffled = permuted(utterances, digests, config.seed)
    n_changed = sum(one.emotion != other.emotion for one, other in zip(utterances, shuffled, strict=True))
    log.info("check=shuffled: %d of %d clips have another label than before", n_changed, len(utterances))
    return shuffled


def permuted(utterances: Sequence[Utterance], digests: Mapping[str, str], seed: int) -> list[Utterance]:
    """Clips with the labels permuted within each speaker; identical recordings keep one label.

    Of speakers who have a single emotion the labels are permuted together, and with those of clips without a speaker.
    """
    distinct: dict[str, Utterance] = {}
    for utterance in utterances:
        distinct.setdefault(digests[utterance.id], utterance)
    emotions: dict[str | None, set[str]] = {}
    for utterance in distinct.values():
        emotions.setdefault(utterance.speaker, set()).add(utterance.emotion)
    groups: dict[str | None, list[str]] = {}
    for digest, utterance in distinct.items():
        speaker = utterance.speaker if len(emotions[utterance.speaker]) > 1 else None
        groups.setdefault(speaker, []).append(digest)
    random, labels = np.random.default_rng(seed), {}
    for group in groups.values():
        for digest, place in zip(group, random.permutation(len(group)), strict=True):
            labels[digest] = distinct[group[place]]
    told = [(utterance, labels[digests[utterance.id]]) for utterance in utterances]
    return [replace(utterance, emotion=other.emotion, votes=other.votes) for utterance, other in told]


def reduced(config: Config, folds: Sequence[Split], digests: Mapping[str, str]) -> list[Split]:
    """The folds as they are trained and tested on: for check=overfit a few clips of each, else as they are."""
    return [_by_heart(split, digests) for split in folds] if config.check == OVERFIT else list(folds)


def _by_heart(split: Split, digests: Mapping[str, str]) -> Split:
    """A few clips of each emotion, from all over the training part, for training, validation and test."""
    distinct = {digests[utterance.id]: utterance for utterance in reversed(split.train)}
    by_emotion: dict[str, list[Utterance]] = {}
    for utterance in sorted(distinct.values(), key=lambda one: one.id):
        by_emotion.setdefault(utterance.emotion, []).append(utterance)
    few = [
        clips[place]
        for clips in by_emotion.values()
        for place in sorted({*np.linspace(0, len(clips) - 1, PER_EMOTION).round().astype(int).tolist()})
    ]
    return replace(split, train=few, val=list(few), test=list(few))
