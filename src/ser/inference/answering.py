"""Clips in, probabilities out: each is prepared and heard once, however many recognisers answer."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser import audio
from ser.audio import Reading, Waveform
from ser.errors import PredictError
from ser.features.base import Feature, FrozenFeature
from ser.features.side_by_side import SideBySide
from ser.inference.members import Member
from ser.metrics import Floats
from ser.models.base import SolvedModel, WaveformModel
from ser.recognizer import Recognizer

BATCH_S = 20.0  # padded audio that a CPU hears at once; a longer clip stands alone, and so does each for an encoder
GPU_BATCH_S = 320.0

Way = tuple[int, float | None]  # in which a clip is prepared: sample rate in Hz, and trim_db


@dataclass(frozen=True)
class Clip:
    """A recording, or a part of one, prepared in every way that is wanted; and who speaks, where that is known."""

    waveforms: Mapping[Way, Waveform]
    speaker: str | None = None

    @property
    def seconds(self) -> float:
        """Of the longest of its waveforms."""
        return max(len(waveform) / rate for (rate, _), waveform in self.waveforms.items())


def prepared(members: Sequence[Member], name: str, reading: Reading, speaker: str | None = None) -> Clip:
    """A clip as the members' tests would have heard it: resampled, and trimmed.

    Raises:
        AudioError: it is too short, or silent.
    """
    ways = {way_of(member.recognizer.feature) for member in members}
    made = {way: audio.prepare(name, reading, sample_rate=way[0], top_db=way[1]) for way in ways}
    return Clip(made, speaker)


def answer(members: Sequence[Member], clips: Sequence[Clip]) -> Floats:
    """The weighted mean of the members' probabilities (clips, n_classes), or of their numbers (clips, n_dimensions),
    computed where the members are.

    Raises:
        PredictError: who speaks is not known to a member.
    """
    answers: Floats = np.zeros((len(clips), len(members[0].recognizer.labels)))
    device = members[0].recognizer.normalization.mean.device
    batches = _batches(members, clips, device)
    with _at_once(device) as several:
        made = several(lambda batch: _of_batch(members, [clips[place] for place in batch], device), batches)
        for batch, probabilities in zip(batches, made, strict=True):
            answers[batch] = probabilities
    return answers


def inputs_of(recognizer: Recognizer, clips: Sequence[Clip], device: torch.device) -> tuple[Tensor, Tensor]:
    """What a recogniser takes in place of some clips' waveforms: frames (batch, n_bands, frames) or, where the model is
    solved, summaries (batch, 1, n, views); and lengths (batch,).
    """
    heard = [torch.from_numpy(clip.waveforms[way_of(recognizer.feature)]) for clip in clips]
    lengths = torch.tensor([len(waveform) for waveform in heard], device=device)
    waveforms = pad_sequence(heard, batch_first=True).to(device)
    if recognizer.is_solved:
        summary, n_views = recognizer.summary(waveforms, lengths)
        return summary[:, None], n_views
    return recognizer.frames(waveforms, lengths)


def device_for(recognizers: Iterable[Recognizer]) -> torch.device:
    """The GPU, where there is one and everything can be computed there."""
    features = [one for recognizer in recognizers for one in _parts(recognizer.feature)]
    on_cpu = any(isinstance(one, FrozenFeature) and one.on_cpu for one in features)
    return torch.device("cuda" if torch.cuda.is_available() and not on_cpu else "cpu")


def _parts(feature: Feature) -> Sequence[Feature]:
    return feature.parts if isinstance(feature, SideBySide) else [feature]


def way_of(feature: Feature) -> Way:
    """In which a feature's clips are prepared."""
    return feature.sample_rate, feature.trim_db


def _batches(members: Sequence[Member], clips: Sequence[Clip], device: torch.device) -> list[list[int]]:
    """Places of clips of like length together, the longest first."""
    at_most = BATCH_S if device.type == "cpu" else GPU_BATCH_S
    if device.type == "cpu" and any(_has_encoder(member.recognizer) for member in members):
        at_most = 0.0
    made: list[list[int]] = []
    seconds = [clip.seconds for clip in clips]
    for place in sorted(range(len(clips)), key=lambda place: -seconds[place]):
        if made and seconds[made[-1][0]] * (len(made[-1]) + 1) <= at_most:
            made[-1].append(place)
        else:
            made.append([place])
    return made


def _has_encoder(recognizer: Recognizer) -> bool:
    return isinstance(recognizer.feature, FrozenFeature) or isinstance(recognizer.model, WaveformModel)


@contextmanager
def _at_once(device: torch.device) -> Iterator[Callable[..., Iterable[Floats]]]:
    """A `map`: on a CPU by as many threads as torch has, each with one of them meanwhile."""
    n_threads = torch.get_num_threads()
    if device.type != "cpu" or n_threads == 1:
        yield map
        return
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(n_threads) as pool:
            yield pool.map
    finally:
        torch.set_num_threads(n_threads)


@torch.inference_mode()
def _of_batch(members: Sequence[Member], clips: Sequence[Clip], device: torch.device) -> Floats:
    total: Floats = np.zeros((len(clips), len(members[0].recognizer.labels)))
    heard: dict[str, tuple[Tensor, Tensor]] = {}
    for member in members:
        recognizer = member.recognizer
        key = told_key(recognizer)
        if key not in heard:
            heard[key] = inputs_of(recognizer, clips, device)
        speakers = [_number(member, clip.speaker) for clip in clips]
        answers = recognizer(*heard[key], torch.tensor(speakers, device=device)).float()
        answers = answers if recognizer.tells_numbers else answers.exp()
        total += member.weight * answers.double().cpu().numpy()
    return total


def told_key(recognizer: Recognizer) -> str:
    """Recognisers of the same key are given the same of a clip."""
    if isinstance(recognizer.model, WaveformModel):
        return str(id(recognizer))
    model = recognizer.model
    summary = [model.statistics.names, model.speeds] if isinstance(model, SolvedModel) else []
    return json.dumps([recognizer.settings["feature"], summary], sort_keys=True)


def _number(member: Member, speaker: str | None) -> int:
    """By which a recogniser knows a speaker; 0: anybody."""
    known = member.recognizer.speakers
    if speaker is None or not known:  # of an ensemble, those who know nobody take anybody as they are
        return 0
    if speaker not in known:
        raise PredictError(
            f"--speaker {speaker}: not known to {member.source}, which knows {', '.join(known[:5])}"
            f"{', ...' if len(known) > 5 else ''}; let it hear some clips first: --know <clips>"
        )
    return known.index(speaker) + 1
