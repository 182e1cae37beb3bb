"""Where somebody speaks: voice activity by Silero's network, of whole clips or block by block.

Measured against energy and WebRTC's detector by `benchmarks/voice_activity.py`; the table is in `docs/predict.md`. The
network is written after `tinygrad_model.py` of silero-vad (https://github.com/snakers4/silero-vad, MIT), in whose
package the weights lie. The package itself is not imported: that sets torch to one thread in the whole program, and its
TorchScript is what torch has deprecated.
"""

from collections.abc import Iterable
from functools import cache
from importlib.metadata import distribution
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ser import audio
from ser.audio import Waveform

SAMPLE_RATE = 16_000  # Hz
FRAME = 512  # samples, 32 ms: what the network judges at once
CONTEXT = 64  # samples before the frame, which it hears along
FRAME_S = FRAME / SAMPLE_RATE
BATCH = 256  # frames at once, 8 s: bounds the memory, whatever the length

LEVEL = 0.5  # to which the peak is amplified: the network does not hear what is faint
PEAK_HALVES_S = 10.0  # in which a peak counts for half: longer than a sentence, shorter than a turn
FAINTEST = 5e-4  # peak, -66 dBFS: what is fainter is amplified as if it had this

THRESHOLD = 0.2  # of the probability, in a stream: at 0.5, Silero's own, more shrieks and more in noise are missed
CLIP_THRESHOLD = 0.15  # in a clip, of any frame: the worst shriek in RAVDESS has just 0.2, noise hardly ever this
MIN_SPEECH_S = 0.1  # of frames with speech: less than a syllable is a knock
MIN_PAUSE_S = 0.3  # the closure of a plosive ends nothing; people who take turns pause longer
PADDING_S = 0.1  # put on either side, for soft onsets and ends; less than half a pause, so that no two overlap
MAX_SPEECH_S = 30.0  # speech without a pause comes in parts, so that nobody must keep more than this of it

Interval = tuple[float, float]  # start and end, in seconds


class VoiceActivity:
    """Speech in a stream of samples, each interval given as soon as it is certain.

    Feed it with consecutive blocks of any size: but for rounding, nothing depends on where a block ends. It keeps less
    than a frame of audio. One object hears one stream; several may be at work in several threads.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._state = _at_start()
        self._waiting = np.zeros(CONTEXT, np.float32)  # the next frame, as far as it is there, after its context
        self._n_samples = 0
        self._spans = Spans()

    def feed(self, block: Waveform) -> list[Interval]:
        """Hear the next samples.

        Args:
            block: (samples,), mono, float32, at `SAMPLE_RATE`; may be empty.

        Returns:
            what has become certain, in order: an interval is after a pause of `MIN_PAUSE_S`, or when it is
            `MAX_SPEECH_S` long; in that case the next one begins where it ends.
        """
        self._n_samples += len(block)
        samples = np.concatenate([self._waiting, block])
        n_frames = (len(samples) - CONTEXT) // FRAME
        self._waiting = samples[n_frames * FRAME :].copy()  # a view would keep the whole block
        probabilities, self._state = _judge(samples, self._state)
        return self._spans.add(probabilities >= THRESHOLD)

    def finish(self) -> list[Interval]:
        """The stream has ended: what that makes certain. The next block begins another stream."""
        end_s = self._n_samples / SAMPLE_RATE
        last = self.feed(np.zeros(FRAME - 1, np.float32))  # fills up the frame that has begun
        intervals = [*last, *self._spans.finish()]
        self._begin()
        return [(start, min(end, end_s)) for start, end in intervals]


def has_speech(waveform: Waveform, sample_rate: int) -> bool:
    """Whether anybody speaks in a clip, however short. In doubt somebody does: one frame is enough.

    Args:
        waveform: (samples,), mono, float32; may be empty.
        sample_rate: in Hz.
    """
    samples = audio.resample(waveform, sample_rate, SAMPLE_RATE)
    peak = float(np.abs(samples).max(initial=0))
    probabilities, _ = _judge(np.pad(samples, (CONTEXT, -len(samples) % FRAME)), _at_start(peak))
    return bool(np.any(probabilities >= CLIP_THRESHOLD))


class Spans:
    """Joins frames, each speech or not, to intervals by the constants above."""

    def __init__(self) -> None:
        self._n_frames = 0
        self._start: int | None = None  # frame with which the open interval begins
        self._end = 0  # the frame after its last one with speech
        self._n_speech = 0  # frames with speech in it
        self._goes_on = False  # whether it continues one that was given already

    def add(self, frames: Iterable[bool]) -> list[Interval]:
        """Hear the next frames; what has become certain."""
        certain = []
        for is_speech in frames:
            self._n_frames += 1
            if is_speech:
                if self._start is None:
                    self._start = self._n_frames - 1
                self._end = self._n_frames
                self._n_speech += 1
                if (self._end - self._start) * FRAME_S >= MAX_SPEECH_S:
                    certain.append((self._start_s(self._start), self._end * FRAME_S))
                    self._start, self._goes_on = self._end, True
            elif (self._n_frames - self._end) * FRAME_S >= MIN_PAUSE_S:
                certain += self.finish()
        return certain

    def finish(self) -> list[Interval]:
        """Nothing comes after the last frame: the open interval, if there is one."""
        certain = []
        if self._start is not None and self._n_speech * FRAME_S >= MIN_SPEECH_S:
            certain.append((self._start_s(self._start), self._end * FRAME_S + PADDING_S))
        self._start, self._n_speech, self._goes_on = None, 0, False
        return certain

    def _start_s(self, start: int) -> float:
        return start * FRAME_S if self._goes_on else max(start * FRAME_S - PADDING_S, 0.0)


class _State(NamedTuple):
    """What is left of the frames before: the LSTM's two states (1, 128), and the loudest sample of late."""

    hidden: Tensor
    cell: Tensor
    peak: float


def _at_start(peak: float = 0.0) -> _State:
    return _State(torch.zeros(1, 128), torch.zeros(1, 128), peak)


@torch.inference_mode()
def _judge(samples: Waveform, state: _State) -> tuple[Waveform, _State]:
    """The probability of speech in each whole frame of samples that begin with a frame's context, and the new state."""
    judged = [np.zeros(0, np.float32)]
    if len(samples) >= CONTEXT + FRAME:
        for frames in torch.split(torch.from_numpy(samples).unfold(0, CONTEXT + FRAME, FRAME), BATCH):
            probabilities, state = _network()(frames, state)
            judged.append(probabilities.numpy())
    return np.concatenate(judged), state


def _gains(frames: Tensor, peak: float) -> tuple[Tensor, float]:
    """By how much each of the frames (T, samples) is amplified (T, 1), and the peak after them, which fades."""
    gains, kept = [], 0.5 ** (FRAME_S / PEAK_HALVES_S)
    for loudest in frames.abs().amax(1).tolist():
        peak = max(loudest, peak * kept)
        gains.append(max(LEVEL / max(peak, FAINTEST), 1.0))
    return torch.tensor(gains)[:, None], peak


class _Network(nn.Module):
    """Silero's network: a spectrogram of each frame, four convolutions over it, an LSTM over the frames."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(129, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm = nn.LSTM(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, frames: Tensor, state: _State) -> tuple[Tensor, _State]:
        """Frames (T, CONTEXT + FRAME) -> probabilities (T,) and the state after them."""
        gains, peak = _gains(frames, state.peak)
        x = F.pad(gains * frames, (0, CONTEXT), mode="reflect")[:, None]
        real, imaginary = self.stft_conv(x).chunk(2, dim=1)  # (T, 129, 4)
        x = (real.square() + imaginary.square()).sqrt()
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = conv(x).relu()  # (T, 128, 1) in the end
        x, (hidden, cell) = self.lstm(x[:, :, 0], (state.hidden, state.cell))  # (T, 128)
        return self.final_conv(x.relu().T).sigmoid()[0], _State(hidden, cell, peak)


@cache
def _network() -> _Network:
    weights = load_file(str(distribution("silero-vad").locate_file("silero_vad/data/silero_vad_16k.safetensors")))
    cell = "lstm_cell."
    with torch.device("meta"):  # nothing is drawn at random, so that a seed stays what it is
        network = _Network()
    network.load_state_dict(
        {f"lstm.{name.removeprefix(cell)}_l0" if name.startswith(cell) else name: weights[name] for name in weights},
        assign=True,
    )
    return network.eval().requires_grad_(False)
