"""What all folds of a run share, and what each makes of it: batches, and a fresh recogniser."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from ser.config.schema import Config
from ser.corpora.base import Utterance
from ser.corpora.dimensions import numbers_of
from ser.corpora.mapping import LabelMap
from ser.corpora.votes import distribution
from ser.metrics import Floats
from ser.runs.facts import CorpusFacts
from ser.runs.provenance import Provenance
from ser.splits.base import PARTS, Split
from ser.splits.known import known_clips
from ser.store.recordings import Recordings
from ser.training import processes
from ser.training.data import KNOWN, REFERENCE, Input, Part, SpeechData, Target
from ser.training.dimensions import DimensionRecognizer
from ser.training.recognizer import EmotionRecognizer
from ser.training.task import tells_numbers


@dataclass(frozen=True)
class Prepared:
    """What all folds of a run share.

    Attributes:
        config: of the run.
        recordings: waveforms of all usable clips.
        content: what each clip shares with those that hold the same, by id; see `ser.splits.overlaps`.
        inputs: what training reads, by utterance id: the waveforms, the frames of a frozen feature or of a model's
            frozen lower part, or summaries.
        variants: what training reads in turn with `inputs`, by utterance id; empty: nothing.
        lower: a digest of the model's frozen lower part, where the frames are from there; else empty.
        rate: samples or frames a second of `inputs`; where there is one frame a clip, as if each lasted a second.
        labels: the emotions, in class order; or the dimensions.
        folds: the splits to train and test on.
        corpus: for the report.
        label_map: for the report; None: labels are as they are.
        provenance: for the report.
        speakers: those whose clips are normalised by what is known of each one; none: all by the training part.
        audio_s: wall time of reading the corpus and computing a frozen feature.
    """

    config: Config
    recordings: Recordings
    content: Mapping[str, str]
    inputs: Mapping[str, Input]
    variants: Mapping[str, Sequence[Input]]
    lower: str
    rate: float
    labels: list[str]
    folds: list[Split]
    corpus: CorpusFacts
    label_map: LabelMap | None
    provenance: Provenance
    speakers: list[str]
    audio_s: float

    @property
    def is_main(self) -> bool:
        """Whether this process writes and reports."""
        return processes.is_main(self.config.trainer)

    def recognizer(self, split: Split) -> EmotionRecognizer:
        """A fresh recogniser for a fold."""
        return new_recognizer(self.config, self.labels, self.class_weights(split), self.speakers, self._scales(split))

    @property
    def tells_numbers(self) -> bool:
        """Whether dimensions are told, and not emotions."""
        return tells_numbers(self.config)

    def _scales(self, split: Split) -> list[tuple[float, float]]:
        """Mean and deviation of each dimension in a fold's training part; none: emotions are told."""
        if not self.tells_numbers:
            return []
        numbers = np.array(self._targets(split.train))
        return list(zip(numbers.mean(axis=0).tolist(), numbers.std(axis=0).tolist(), strict=True))

    def class_weights(self, split: Split) -> list[float] | None:
        """By which every class of a fold's training part counts alike; None: they count as they are."""
        if not self.config.loss.class_weights:
            return None
        return _balanced_weights(self._shares(split.train).sum(axis=0))

    def data(self, split: Split) -> SpeechData:
        """The clips of a fold in batches."""
        parts = {}
        for name in PARTS:
            utterances: list[Utterance] = getattr(split, name)
            parts[name] = self._part(utterances)
        if self.variants:
            parts["train"] = replace(parts["train"], variants=[self.variants[one.id] for one in split.train])
        known = self.known(split)
        if known:
            parts[KNOWN] = self._part(known)
        if self.speakers and self.config.normalize.emotion:
            of_kind = [utterance for utterance in split.train if utterance.emotion == self.config.normalize.emotion]
            parts[REFERENCE] = self._part(of_kind)
        return SpeechData(
            parts,
            rate=self.rate,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
            sampling=self.config.sampling,
            fingerprint=self.corpus.fingerprint,
            lower=self.lower,
        )

    def known(self, split: Split) -> list[Utterance]:
        """What normalisation by speaker hears beside the training part of a fold, without labels."""
        if not self.speakers:
            return []
        # Each part for itself: what is known of test does not depend on whether validation is being learnt from.
        return [
            utterance
            for part in (split.val, split.test)
            for utterance in known_clips(self.config.normalize, part, self.config.seed)
        ]

    def _part(self, utterances: Sequence[Utterance]) -> Part:
        number = {speaker: index for index, speaker in enumerate(self.speakers, start=1)}
        corpora = sorted({utterance.corpus for utterance in utterances})
        return Part(
            [self.inputs[utterance.id] for utterance in utterances],
            self._targets(utterances),
            [number[utterance.speaker] for utterance in utterances if utterance.speaker] if number else (),
            corpora=[corpora.index(utterance.corpus) for utterance in utterances],
            votes=self._shares(utterances) if any(self._votes(one) for one in utterances) else None,
        )

    def _targets(self, utterances: Sequence[Utterance]) -> list[Target]:
        if self.tells_numbers:
            return [numbers_of(utterance, self.labels) for utterance in utterances]
        number = {label: index for index, label in enumerate(self.labels)}
        return [number[utterance.emotion] for utterance in utterances]

    def _shares(self, utterances: Sequence[Utterance]) -> Floats:
        """What part of the votes each class of each clip has, (n_clips, n_classes)."""
        shares = [distribution(self._votes(one), self.labels, one.emotion) for one in utterances]
        return np.array(shares)

    def _votes(self, utterance: Utterance) -> Mapping[str, float] | None:
        """What training aims at; None: the emotion."""
        return utterance.votes if self.config.loss.votes else None


def new_recognizer(
    config: Config,
    labels: list[str],
    class_weights: Sequence[float] | None,
    speakers: Sequence[str] = (),
    scales: Sequence[tuple[float, float]] = (),
) -> EmotionRecognizer:
    """A recogniser of emotions or, with `scales`, of dimensions.

    Args:
        config: of the run.
        labels: classes, or dimensions.
        class_weights: in the order of the labels; None: all count as they are.
        speakers: those who are normalised by what is known of each; none: all by the training part.
        scales: mean and deviation of each dimension.

    Raises:
        ConfigError: settings of a component that cannot be used, or do not go together.
    """
    return (DimensionRecognizer if scales else EmotionRecognizer)(
        feature=config.feature,
        model=config.model,
        augment=config.augment,
        optim=config.optim,
        loss=asdict(config.loss),
        labels=labels,
        class_weights=class_weights,
        speakers=speakers,
        prior=config.normalize.prior,
        scales=[list(pair) for pair in scales] or None,
    )


def _balanced_weights(counts: Floats) -> list[float]:
    """Weights by which every class counts alike, 1 on average over the clips, of which each class has so many."""
    weights: list[float] = (counts.sum() / (len(counts) * np.maximum(counts, 1))).tolist()  # votes may be few
    return weights
