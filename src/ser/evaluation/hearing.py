"""What the recognisers of a run say of the clips of a corpus, read from the store as its own test was."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ser.config.choices import choice
from ser.corpora.base import Utterance
from ser.features.base import FrozenFeature
from ser.inference.answering import Way, device_for, told_key, way_of
from ser.inference.members import Member
from ser.metrics import Floats
from ser.models.base import SolvedModel
from ser.recognizer import Recognizer
from ser.store.frozen import load_frames
from ser.store.recordings import Recordings, load_recordings
from ser.training.data import ClipDataset, Input, Part, SpeechData, collate
from ser.training.solving import summaries
from ser.training.trainer import frozen_device

BATCH_SIZE = 32


@dataclass(frozen=True)
class Material:
    """What the recognisers hear of some clips.

    Attributes:
        recordings: of the first recogniser; a clip that any of them cannot hear is broken there.
        inputs: by what is the same for several recognisers (`told_key`), of each clip by id.
    """

    recordings: Recordings
    inputs: Mapping[str, Mapping[str, Input]] = field(default_factory=dict)


def material(members: Sequence[Member], utterances: Sequence[Utterance], store: Path) -> Material:
    """Read clips, and compute frozen features of them, unless the store has them.

    Raises:
        StoreError: the store cannot be written.
    """
    read: dict[Way, Recordings] = {}
    inputs: dict[str, Mapping[str, Input]] = {}
    for recognizer in (member.recognizer for member in members):
        way = way_of(recognizer.feature)
        if way not in read:
            read[way] = load_recordings(utterances, store, sample_rate=way[0], top_db=way[1])
        if told_key(recognizer) not in inputs:
            inputs[told_key(recognizer)] = _inputs(recognizer, read[way], store)
    first = read[way_of(members[0].recognizer.feature)]
    for other in read.values():
        first.broken.update({name: why for name, why in other.broken.items() if name not in first.broken})
    return Material(first, inputs)


def _inputs(recognizer: Recognizer, recordings: Recordings, store: Path) -> Mapping[str, Input]:
    views: list[Mapping[str, Input]] = [recordings.waveforms]
    if isinstance(recognizer.feature, FrozenFeature):
        device, precision = frozen_device(choice("trainer", "auto"))
        speeds = recognizer.model.speeds if isinstance(recognizer.model, SolvedModel) else [1.0]
        views = [
            load_frames(recognizer.feature, recordings, store, device=device, precision=precision, speed=speed)
            for speed in speeds
        ]
    return summaries(recognizer.cpu(), views) if recognizer.is_solved else views[0]


def answers(
    members: Sequence[Member],
    clips: Sequence[Utterance],
    heard: Material,
    known: Sequence[Utterance] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> Floats:
    """The weighted mean of the recognisers' probabilities (clips, n_classes).

    Args:
        clips: that can be heard.
        heard: what there is to hear of them.
        known: clips by which those who speak are known, where the training normalised each speaker by themselves.
        progress: is told how many clips one recogniser has answered further.
    """
    said: Floats = np.zeros((len(clips), len(members[0].recognizer.labels)))
    device = device_for(member.recognizer for member in members)
    for member in members:
        recognizer, inputs = member.recognizer.to(device), heard.inputs[told_key(member.recognizer)]
        numbers = _know(recognizer, known, inputs) if recognizer.speakers else {}
        speakers = [numbers.get(clip.speaker, 0) for clip in clips]
        data = SpeechData(
            {"test": Part([inputs[clip.id] for clip in clips], [0] * len(clips), speakers)},
            rate=_rate(recognizer),
            batch_size=BATCH_SIZE,
            seed=0,
            sampling="natural",
            fingerprint="",
        )
        for batch in data.predict_dataloader():
            with torch.inference_mode():
                answer = recognizer(*(part.to(device) for part in (batch.inputs, batch.lengths, batch.speakers)))
            said[batch.places.numpy()] += member.weight * answer.float().exp().double().cpu().numpy()
            progress(len(batch.places))
    return said


def _rate(recognizer: Recognizer) -> float:
    """Of what is heard, samples or frames a second; see `SpeechData`."""
    feature = recognizer.feature
    return feature.frame_rate or 1.0 if isinstance(feature, FrozenFeature) else feature.sample_rate


def _know(recognizer: Recognizer, known: Sequence[Utterance], inputs: Mapping[str, Input]) -> dict[str | None, int]:
    """The numbers of those who speak, after some clips of each have been heard without labels."""
    device = recognizer.normalization.mean.device
    numbers: dict[str | None, int] = {}
    for speaker in dict.fromkeys(clip.speaker for clip in known if clip.speaker):
        own = [inputs[clip.id] for clip in known if clip.speaker == speaker]
        clips = ClipDataset(Part(own, [0] * len(own)))
        batch = collate([clips[place] for place in range(len(clips))])
        name = f"{known[0].corpus}: {speaker}"  # somebody of that name may have been in the training
        numbers[speaker] = recognizer.know(name, batch.inputs.to(device), batch.lengths.to(device))
    return numbers
