"""What an exported model is tried with: the clips of the run's test, or noise where they are not there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser import audio
from ser.audio import Waveform
from ser.errors import AudioError
from ser.inference.answering import Clip, inputs_of, prepared, told_key, way_of
from ser.inference.members import Member
from ser.metrics import Floats
from ser.runs.names import EMOTION, PATH, PREDICTIONS
from ser.runs.predictions import read_predictions

AT_ONCE = 4  # clips in a padded batch
NOISE_S = (0.1, 0.35, 0.8, 1.7, 2.9, 4.2, 7.5)  # lengths of the clips of noise


@dataclass(frozen=True)
class Material:
    """Clips to try a model with.

    Attributes:
        waveforms: (samples,) of each, prepared as the model takes them.
        emotions: class numbers; none of noise.
        about: what they are, in words.
        missing: the first of the test's recordings that is not there; empty of none.
    """

    waveforms: Sequence[Waveform]
    emotions: Sequence[int]
    about: str
    missing: str = ""

    def batches(self, at_least: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Padded batches (batch, samples), `at_least` so long, and lengths (batch,)."""
        for first in range(0, len(self.waveforms), AT_ONCE):
            some = [torch.from_numpy(one) for one in self.waveforms[first : first + AT_ONCE]]
            padded = pad_sequence([*some, torch.zeros(at_least)], batch_first=True)[:-1]
            yield padded, torch.tensor([len(one) for one in some])


def material(run: Path | None, members: Sequence[Member], longest: int) -> Material:
    """The test clips of a run; or noise, where its predictions or recordings are not there, or its clips are parts.

    Args:
        run: folder; None: there is none.
        members: who will hear them.
        longest: samples; longer clips are left out.
    """
    sample_rate, _ = way = way_of(members[0].recognizer.feature)
    labels = members[0].recognizer.labels
    waveforms, emotions, path = [], [], ""
    try:
        for row in _rows(run):
            path = row[PATH]
            reading, is_longer = audio.read_beginning(Path(path), longest / sample_rate)
            waveform = prepared(members, path, reading).waveforms[way]
            if not is_longer and len(waveform) <= longest:
                waveforms.append(waveform)
                emotions.append(labels.index(row[EMOTION]))
    except (AudioError, OSError, ValueError):
        waveforms = []
    if waveforms:
        return Material(waveforms, emotions, f"{len(waveforms)} test clips")
    generator = np.random.default_rng(0)
    lengths = [round(seconds * sample_rate) for seconds in NOISE_S]
    noise = [generator.uniform(-0.5, 0.5, length).astype(np.float32) for length in lengths if length <= longest]
    missing = path if path and not Path(path).is_file() else ""
    return Material(noise, [], f"{len(noise)} clips of noise, for the test's own are not there", missing)


@torch.inference_mode()
def log_answers(members: Sequence[Member], waveform: Waveform) -> Floats:
    """Log-probabilities (n_classes,) of one clip by PyTorch, as `ser.inference` computes them."""
    feature = members[0].recognizer.feature
    clip = Clip({way_of(feature): waveform})
    heard: dict[str, tuple[Tensor, Tensor]] = {}
    answers = []
    for member in members:
        key = told_key(member.recognizer)
        if key not in heard:
            heard[key] = inputs_of(member.recognizer, [clip], torch.device("cpu"))
        answers.append(member.recognizer(*heard[key]) + float(np.log(member.weight)))
    together: Floats = torch.logsumexp(torch.stack(answers), dim=0)[0].double().numpy()
    return together


def _rows(run: Path | None) -> Sequence[Mapping[str, str]]:
    """Of predictions.csv; none where a recording stands in it twice: its clips are parts of recordings then."""
    rows = read_predictions(run / PREDICTIONS).rows if run else []
    return rows if len({row[PATH] for row in rows}) == len(rows) else []
