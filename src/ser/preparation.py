"""What comes before training: corpus, recordings, labels, and the protocol's folds."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ser import sanity
from ser.config.build import build
from ser.config.schema import Config
from ser.corpora.base import Corpus, Utterance
from ser.corpora.dimensions import numbers_of
from ser.corpora.labels import EMOTIONS, label_order
from ser.corpora.mapping import LabelMap
from ser.corpora.reading import read_clips
from ser.errors import ConfigError, CorpusNotFound, SplitError
from ser.features.base import FrozenFeature
from ser.files import digest
from ser.models.base import SolvedModel
from ser.prepared import Prepared, new_recognizer
from ser.runs.broken import write_broken
from ser.runs.facts import CorpusFacts
from ser.runs.provenance import Provenance
from ser.splits.account import account
from ser.splits.base import Protocol, Split
from ser.splits.by_column import unused_split
from ser.splits.known import is_by_speaker
from ser.splits.overlaps import shared_content
from ser.splits.sense import check_sense
from ser.store.frozen import load_frames
from ser.store.recordings import Recordings, load_recordings
from ser.training import processes
from ser.training.data import Input
from ser.training.lower import constant_part, load_variants
from ser.training.recognizer import EmotionRecognizer
from ser.training.solving import solved_at_once, summaries
from ser.training.task import tells_numbers
from ser.training.trainer import check_settings, frozen_device

log = logging.getLogger("ser")


def prepare(config: Config, folder: Path) -> Prepared:
    """Check the settings, read the corpus, compute a frozen feature of it, and cut it into folds.

    Args:
        config: of the run.
        folder: the run folder; broken.csv is written there where clips cannot be used.

    Raises:
        SerError: something that the user can mend.
    """
    config = sanity.adjusted(config)
    check_settings(config, folder)
    corpus: Corpus = build("corpus", config.corpus, Corpus)
    corpus.dimensions = config.task.dimensions if tells_numbers(config) else ()
    protocol: Protocol = build("split", config.split, Protocol)
    trainer = config.trainer
    draft = draft_recognizer(config)
    feature = draft.feature
    if draft.is_solved:
        config = solved_at_once(config)
    if corpus.notice:
        log.warning("%s", corpus.notice)
    if isinstance(feature, FrozenFeature) and feature.notice:
        log.info("%s", feature.notice)
    started = time.monotonic()
    clips = read_clips(corpus, config.labels)
    utterances, label_map = clips.wanted, clips.label_map
    protocol.own_folds = corpus.folds()
    for remark in [*clips.remarks, *unused_split(utterances, protocol)]:
        log.warning("%s: %s", corpus.name, remark)
    if label_map:
        log.info("%s", label_map.said)
    _labels(utterances)
    if config.sampling == "corpus" and len({utterance.corpus for utterance in utterances}) < 2:
        raise ConfigError(
            f"sampling=corpus: there is one corpus, {corpus.name}; name several, as corpus=[ravdess,demo]"
        )
    by_speaker = is_by_speaker(config.normalize, utterances)
    names = {utterance.id: utterance.id for utterance in utterances}
    folds = protocol.folds(utterances, names)
    check_sense(folds, names)  # refused before audio is read
    _check_varied(folds, corpus.dimensions)
    for line in account(folds, protocol.by):
        log.info("%s", line)
    store = Path(config.paths.store).expanduser()
    recordings = load_recordings(utterances, store, **sanity.hearing(config, feature))
    views: list[Mapping[str, Input]] = [recordings.waveforms]
    rate: float = feature.sample_rate
    lower = constant_part(draft, recordings, config.tta)
    frozen = feature if isinstance(feature, FrozenFeature) else lower
    device, precision = frozen_device(trainer)
    if frozen:
        read = [utterance for utterance in utterances if utterance.id in recordings.waveforms]
        if read:
            _cut(read, protocol, recordings)  # refused before it is computed
        speeds = draft.model.speeds if isinstance(draft.model, SolvedModel) else [1.0]
        views = [
            load_frames(frozen, recordings, store, device=device, precision=precision, speed=speed) for speed in speeds
        ]
        rate = frozen.frame_rate or 1.0
    usable = leave_out_broken(utterances, recordings, folder, write=processes.is_main(trainer))
    there = [utterance for utterance in clips.whole if utterance.id not in recordings.broken]
    for remark in [*corpus.remarks(there), *recordings.about(usable)]:
        log.warning("%s: %s", corpus.name, remark)
    usable = sanity.labelled(config, usable, recordings.digests)
    labels = list(config.task.dimensions) if tells_numbers(config) else _labels(usable)
    names_of_speakers = sorted({utterance.speaker for utterance in usable if utterance.speaker})
    counted = f"{len(labels)} {config.task.name.removesuffix('s' if len(labels) == 1 else '')}"
    log.info("%s: %d clips, %s, %d speakers", corpus.name, len(usable), counted, len(names_of_speakers))
    speakers = names_of_speakers if by_speaker else []
    inputs = summaries(draft, views) if draft.is_solved else views[0]
    described = describe_corpus(corpus, usable, recordings, label_map, clips.agreement)
    here = Provenance.here()
    folds, content, remarks = _cut(usable, protocol, recordings)
    _check_varied(folds, corpus.dimensions)  # clips may have been broken
    for remark in [] if tells_numbers(config) else remarks:  # of emotions
        log.warning("%s", remark)
    folds = sanity.reduced(config, [replace(split, is_mapped=bool(label_map)) for split in folds], recordings.digests)
    n_processes = processes.n_processes(trainer)
    if any(min(len(split.train), len(split.val), len(split.test)) < n_processes for split in folds):
        raise ConfigError(
            f"split={folds[0].name}: {n_processes} processes, but fewer clips for training, validation or test; take"
            " fewer processes"
        )
    variants: Mapping[str, Sequence[Input]] = {}
    if lower:
        heard = {utterance.id for split in folds for utterance in split.train}
        told = {"folder": store, "settings": config.augment, "device": device, "precision": precision}
        variants = load_variants(draft, lower, recordings, heard, **told)
    return Prepared(
        config=config,
        recordings=recordings,
        content=content,
        inputs=inputs,
        variants=variants,
        lower=lower.digest if lower else "",
        rate=rate,
        labels=labels,
        folds=folds,
        corpus=described,
        label_map=label_map,
        provenance=here,
        speakers=speakers,
        audio_s=round(time.monotonic() - started, 1),
    )


def draft_recognizer(config: Config) -> EmotionRecognizer:
    """A recogniser of all emotions, by which settings are refused before any work is done; each fold builds its own.

    Raises:
        ConfigError: settings of a component that cannot be used, or do not go together.
    """
    dimensions = config.task.dimensions if tells_numbers(config) else []
    draft = new_recognizer(config, dimensions or list(EMOTIONS), None, scales=[(0.0, 1.0)] * len(dimensions))
    if config.tta and (isinstance(draft.feature, FrozenFeature) or draft.is_solved):
        raise ConfigError("tta: views at other speeds cannot be heard where the feature is computed once; set tta=0")
    if config.normalize.by == "speaker" and draft.feature.is_waveform:
        raise ConfigError("normalize=speaker: the waveform itself is not normalised; set normalize=training")
    is_of_batches = tells_numbers(config) and config.loss.name == "ccc" and not draft.is_solved
    if is_of_batches and config.batch_size < 2 * processes.n_processes(config.trainer):
        raise ConfigError(
            f"batch_size={config.batch_size}: the loss ccc is of two clips at least in each process; set 16 or more, or"
            " loss.name=mse"
        )
    return draft


def leave_out_broken(
    utterances: Sequence[Utterance], recordings: Recordings, folder: Path, *, write: bool
) -> list[Utterance]:
    """Leave out the clips that cannot be used, and list them in broken.csv."""
    broken = recordings.broken
    usable = [utterance for utterance in utterances if utterance.id not in broken]
    if not usable:
        raise CorpusNotFound(f"none of the {len(broken)} clips can be used; the first: {next(iter(broken.values()))}")
    if broken and write:
        path = write_broken(folder, broken)
        log.warning(
            "left out %d of %d clips that cannot be used, listed in %s; the first: %s",
            *(len(broken), len(utterances), path, next(iter(broken.values()))),
        )
    return usable


def _cut(
    utterances: Sequence[Utterance], protocol: Protocol, recordings: Recordings
) -> tuple[list[Split], dict[str, str], list[str]]:
    """The folds, what the clips share by id, and what to say of the folds."""
    content = shared_content(utterances, recordings.digests, recordings.files)
    folds = protocol.folds(utterances, content)
    return folds, content, check_sense(folds, recordings.digests)


def _check_varied(folds: Sequence[Split], dimensions: Sequence[str]) -> None:
    """Refuse a fold in whose training part a dimension is always the same.

    Raises:
        SplitError: there is one.
    """
    for split in folds:
        numbers = np.array([numbers_of(utterance, dimensions) for utterance in split.train])
        for name, column in zip(dimensions, numbers.T, strict=True):
            if np.ptp(column) == 0:
                raise SplitError(
                    f"split={split.name}, fold {split.fold}: {name} is {column[0]:g} in every clip for training:"
                    " nothing can be learnt; choose another split, or leave it out of task.dimensions"
                )


def _labels(utterances: Sequence[Utterance]) -> list[str]:
    """The emotions in class order; two at least."""
    labels = label_order(utterance.emotion for utterance in utterances)
    if len(labels) < 2:
        raise CorpusNotFound(f"corpus: all {len(utterances)} clips are {labels[0]}; two emotions at least are needed")
    return labels


def describe_corpus(
    corpus: Corpus,
    usable: Sequence[Utterance],
    recordings: Recordings,
    label_map: LabelMap | None,
    agreement: float | None,
) -> CorpusFacts:
    """What the report says of a corpus, of which some clips are used."""
    content = "\n".join(
        sorted("\t".join([one.id, recordings.keys[one.id], *_beside_emotion(one, corpus.dimensions)]) for one in usable)
    )
    return CorpusFacts(
        name=corpus.name,
        notice=corpus.notice,
        n_utterances=len(usable),
        n_broken=len(recordings.broken),
        fingerprint=digest(content.encode())[:16],
        listeners=None if label_map else corpus.listeners,  # who were asked for the emotions as they are
        agreement=agreement,
    )


def _beside_emotion(utterance: Utterance, dimensions: Sequence[str]) -> list[str]:
    """What training aims at that the split does not show: numbers, and votes."""
    votes = sorted((utterance.votes or {}).items())
    return [*map(str, numbers_of(utterance, dimensions)), *(f"{word}={share}" for word, share in votes)]
