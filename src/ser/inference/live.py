"""Listening while somebody speaks: an answer each hop, for the window that ends there."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any, BinaryIO

import numpy as np

from ser.audio import Reading, Waveform
from ser.config.extras import need
from ser.errors import AudioError, PredictError
from ser.inference.answering import Clip, answer, prepared
from ser.inference.prediction import SILENCE, Segment, named
from ser.inference.predictor import Predictor
from ser.inference.speech import has_speech
from ser.inference.timeline import check_window

FULL_SCALE = 32768.0  # of 16-bit samples
FORMATS = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"ID3", b"FORM", b"\x1aE\xdf\xa3")  # beginnings of files, not of samples


@dataclass(frozen=True)
class Said:
    """An answer: of which part of what was heard, and how long it took from the part's last sample, in seconds."""

    segment: Segment
    latency_s: float


class Listener:
    """Cuts a stream of samples into windows, and answers for each.

    Args:
        predictor: the model.
        sample_rate: of the samples, in Hz.
        window_s, hop_s: see `Predictor.predict`.
        speaker: likewise.

    Raises:
        SettingError: windows that cannot be used.
    """

    def __init__(
        self, predictor: Predictor, sample_rate: int, *, window_s: float, hop_s: float, speaker: str | None
    ) -> None:
        check_window(window_s, hop_s)
        self.predictor, self.sample_rate, self.speaker = predictor, sample_rate, speaker
        self.window, self.hop = round(window_s * sample_rate), round(hop_s * sample_rate)
        self._kept: Waveform = np.zeros(0, np.float32)  # the last window at most
        self._n_samples = 0
        self.n_skipped = 0
        # What is slow the first time shall not keep anybody waiting.
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, self.window).astype(np.float32)
        has_speech(noise, sample_rate)
        answer(predictor.members, [self._clip(noise)])

    def hear(self, block: Waveform, *, is_behind: bool = False) -> Iterator[Said]:
        """The answers that the next samples (samples,) make due.

        Args:
            is_behind: more is waiting already: only the last answer that is due is given, and the others are counted.
        """
        arrived = time.monotonic()
        places = range(self.hop - self._n_samples % self.hop, len(block) + 1, self.hop)
        if is_behind:
            self.n_skipped += len(places)
            places = range(0)
        for place in places:
            window = np.concatenate([self._kept, block[:place]])[-self.window :]
            end_s = (self._n_samples + place) / self.sample_rate
            said = self._say(window)
            segment = Segment(max(end_s - len(window) / self.sample_rate, 0.0), end_s, *said, self.speaker)
            yield Said(segment, time.monotonic() - arrived)
            arrived = time.monotonic()
        self._kept = np.concatenate([self._kept, block])[-self.window :]
        self._n_samples += len(block)

    @property
    def seconds(self) -> float:
        """Of sound, heard so far."""
        return self._n_samples / self.sample_rate

    def _say(self, window: Waveform) -> tuple[str, dict[str, float]]:
        if not has_speech(window, self.sample_rate):
            return SILENCE, {}
        try:
            clip = self._clip(window)
        except AudioError:
            return SILENCE, {}
        return named(self.predictor.labels, answer(self.predictor.members, [clip])[0])

    def _clip(self, window: Waveform) -> Clip:
        return prepared(self.predictor.members, "", Reading(window, self.sample_rate, {}), self.speaker)


def from_stream(stream: BinaryIO, sample_rate: int, hop_s: float) -> Iterator[tuple[Waveform, bool]]:
    """Samples of a stream of 16-bit little-endian numbers, mono, as they come; none of them is ever skipped.

    Raises:
        PredictError: it is a file of some format.
    """
    size = 2 * max(round(hop_s * sample_rate), 1)
    is_first = True
    while content := stream.read(size):
        if is_first and (content.startswith(FORMATS) or content[4:8] == b"ftyp"):
            raise PredictError(
                "standard input is a file in a format of its own, not raw samples; have it decoded, as by ffmpeg -i"
                f" FILE -f s16le -ac 1 -ar {sample_rate} -, or take ser predict"
            )
        is_first = False
        samples = np.frombuffer(content[: len(content) // 2 * 2], "<i2").astype(np.float32) / FULL_SCALE
        yield samples, False


def from_microphone(sample_rate: int, hop_s: float, device: str | None) -> Iterator[tuple[Waveform, bool]]:
    """Samples of a microphone, and whether more is waiting already.

    Args:
        sample_rate: in Hz.
        hop_s: so much comes at once, in seconds.
        device: its number, or a part of its name; None: the system's own choice.

    Raises:
        ConfigError: the package sounddevice is missing.
        PredictError: there is no microphone that can be used.
    """
    need("ser live", "sounddevice", extra="live")
    try:
        import sounddevice
    except OSError:
        raise PredictError(
            "a microphone needs the library PortAudio, which is not installed here (Debian, Ubuntu: libportaudio2);"
            " or give samples on standard input: ser live MODEL -"
        ) from None
    waiting: Queue[Waveform] = Queue()

    def take(samples: Any, n_frames: int, times: object, status: object) -> None:
        waiting.put(samples[:, 0].copy())

    chosen = int(device) if device and device.isdecimal() else device
    try:
        with sounddevice.InputStream(
            samplerate=sample_rate,
            channels=1,
            dtype="float32",
            device=chosen,
            blocksize=round(hop_s * sample_rate),
            callback=take,
        ):
            while True:
                try:
                    samples = waiting.get(timeout=0.2)  # not for ever, so that Ctrl-C is heard
                except Empty:
                    continue
                yield samples, not waiting.empty()
    except (sounddevice.PortAudioError, ValueError) as error:
        names = [one["name"] for one in sounddevice.query_devices() if one["max_input_channels"] > 0]
        there = f"there are {', '.join(names)}" if names else "there is none"
        raise PredictError(f"the microphone cannot be used ({error}); {there}; choose one by --device") from None
