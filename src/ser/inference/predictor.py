"""A trained model at work: recordings in, emotions out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from os import PathLike, cpu_count
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ser import audio
from ser.audio import MIN_DURATION_S, Reading, Waveform
from ser.config.checks import check_range
from ser.errors import AudioError, PredictError, SilentError
from ser.inference.answering import Clip, answer, device_for, inputs_of, prepared
from ser.inference.members import Member
from ser.inference.prediction import SILENCE, Prediction, named
from ser.inference.speech import has_speech
from ser.inference.timeline import HOP_S, WINDOW_S, Turn, check_window, timeline

WHOLE_S = 30.0  # a recording up to this length is heard as a whole, unless windows are asked for
AT_ONCE = 64  # recordings that are read together
LOUDEST = 10.0  # what is beyond cannot be meant as full scale 1
BLOCK_S = 30.0  # of a long recording, read at once

Samples = npt.NDArray[Any]
Recording = str | PathLike[str] | Samples | Mapping[str, Any]


@dataclass(frozen=True)
class How:
    """How recordings are to be heard; see `Predictor.predict`."""

    window_s: float | None = None
    hop_s: float | None = None
    speaker: str | None = None
    turns: Sequence[Turn] | None = None

    @property
    def in_windows(self) -> bool:
        """Whether windows are asked for, whatever the length."""
        return self.window_s is not None or self.hop_s is not None or self.turns is not None


class Predictor:
    """Names the emotions of recordings; made by `ser.load`.

    Attributes:
        labels: the emotions, in class order.
        about: what was loaded, in words.
        members: the recognisers whose mean is given.
        sample_rate: in which long recordings are read, in Hz.
    """

    def __init__(self, members: Sequence[Member], about: str) -> None:
        self.members, self.about = list(members), about
        self.labels = list(members[0].recognizer.labels)
        self.sample_rate = max(member.recognizer.feature.sample_rate for member in members)
        self.device = device_for(member.recognizer for member in members)
        for member in members:
            member.recognizer.to(self.device)

    def __repr__(self) -> str:
        return f"<ser recogniser of {', '.join(self.labels)}: {self.about}>"

    @property
    def speakers(self) -> list[str]:
        """Who is known by name: those of the training, where it normalised by speaker, and those of `know`."""
        return list(self.members[0].recognizer.speakers)

    @overload
    def predict(
        self,
        recording: Recording,
        *,
        sample_rate: int | None = None,
        window_s: float | None = None,
        hop_s: float | None = None,
        speaker: str | None = None,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        recording: list[Recording] | tuple[Recording, ...],
        *,
        sample_rate: int | None = None,
        window_s: float | None = None,
        hop_s: float | None = None,
        speaker: str | None = None,
    ) -> list[Prediction]: ...

    def predict(
        self,
        recording: Recording | list[Recording] | tuple[Recording, ...],
        *,
        sample_rate: int | None = None,
        window_s: float | None = None,
        hop_s: float | None = None,
        speaker: str | None = None,
    ) -> Prediction | list[Prediction]:
        """Name the emotion of a recording, or of each in a list or any other collection.

        Up to `WHOLE_S` it is heard as a whole, like a clip of the training's test; what is longer in windows over
        speech, and so is anything where `window_s` or `hop_s` is given.

        Args:
            recording: a file; samples (samples,) or (samples, channels), in [-1, 1] or as whole numbers; or a mapping
                with such an `array` and its `sampling_rate`, as datasets have it.
            sample_rate: of samples, in Hz.
            window_s: length of a window, in seconds, 0.5 to 30; else 3.
            hop_s: from one window to the next, in seconds; else 1.
            speaker: who speaks, of `speakers`; None: anybody.

        Raises:
            AudioError: a recording cannot be used.
            SerError: an argument cannot be used.
        """
        several = _is_several(recording)
        some: Iterable[Any] = recording if several else [recording]  # type: ignore[assignment]
        how = How(window_s, hop_s, speaker)
        made = []
        for answered in self.predict_each(some, how, sample_rate):
            if isinstance(answered, AudioError):
                raise answered
            made.append(answered)
        return made if several else made[0]

    def __call__(self, recording: Any, *, top_k: int | None = None, **how: Any) -> list[Any]:
        """As a pipeline of transformers answers: `[{"score": 0.9, "label": "happy"}, ...]`, the likeliest first.

        Args:
            recording, how: as of `predict`; of a list, a list of such answers.
            top_k: so many emotions at most; None: all.
        """
        if _is_several(recording):
            return [self(one, top_k=top_k, **how) for one in recording]
        probabilities = self.predict(recording, **how).probabilities or {SILENCE: 1.0}
        ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])
        return [{"score": score, "label": label} for label, score in ranked[:top_k]]

    def know(self, name: str, recordings: Recording | Iterable[Recording], *, sample_rate: int | None = None) -> None:
        """Hear some clips of somebody, without labels, so that `speaker=name` can be said from then on.

        Args:
            recordings: of any emotion or, where the training knew its speakers by clips of one emotion
                (`normalize.emotion`), of that one.

        Raises:
            AudioError: none can be used.
            SettingError: the training normalised nobody by themselves.
        """
        clips = []
        some: Iterable[Any] = recordings if _is_several(recordings) else [recordings]  # type: ignore[assignment]
        for one in some:
            reading, _ = _read(one, sample_rate, longest_s=WHOLE_S)
            clips.append(prepared(self.members, str(one)[:80], reading))
        for member in self.members:
            member.recognizer.know(name, *inputs_of(member.recognizer, clips, self.device))

    def predict_each(
        self,
        recordings: Iterable[Recording],
        how: How = How(),
        sample_rate: int | None = None,
        progress: Callable[[float], None] = lambda _: None,
    ) -> Iterator[Prediction | AudioError]:
        """The answers for recordings, in their order; or why one cannot be used. Reads ahead while it answers.

        Args:
            recordings: any number; they are not all held in memory.
            how: to hear them.
            sample_rate: of samples, in Hz.
            progress: is told how many seconds of a long recording have been heard.

        Raises:
            SerError: `how` cannot be used.
        """
        window_s, hop_s = _windows(how)
        check_window(window_s, hop_s)
        if how.speaker is not None and not any(member.recognizer.speakers for member in self.members):
            raise PredictError(
                f"--speaker {how.speaker}: this model was trained without normalize=speaker, and takes anybody as they"
                " are; leave it out"
            )
        left = iter(recordings)
        with ThreadPoolExecutor(cpu_count()) as pool:

            def begin() -> list[Any]:
                return [pool.submit(self._begin, one, how, sample_rate) for one in islice(left, AT_ONCE)]

            coming = begin()
            while coming:
                begun, coming = [one.result() for one in coming], begin()
                yield from self._finish(begun, how, progress)

    def _begin(self, recording: Recording, how: How, sample_rate: int | None) -> "_Begun | AudioError":
        """Read a recording, of a long one the beginning."""
        try:
            if how.in_windows:
                return _Begun(recording, sample_rate)
            reading, is_longer = _read(recording, sample_rate, longest_s=WHOLE_S)
            if is_longer:
                return _Begun(recording, sample_rate)
            duration_s, remarks = len(reading.samples) / reading.sample_rate, list(reading.remarks.values())
            if duration_s >= MIN_DURATION_S and not has_speech(reading.samples, reading.sample_rate):
                return _Begun(recording, sample_rate, Prediction(SILENCE, {}, duration_s, remarks=remarks))
            name = recording if isinstance(recording, str | PathLike) else "the recording"
            try:
                clip = prepared(self.members, str(name), reading, how.speaker)
            except SilentError:
                return _Begun(recording, sample_rate, Prediction(SILENCE, {}, duration_s, remarks=remarks))
            return _Begun(recording, sample_rate, Prediction("", {}, duration_s, remarks=remarks), clip)
        except AudioError as error:
            return error

    def _finish(
        self, begun: Sequence["_Begun | AudioError"], how: How, progress: Callable[[float], None]
    ) -> Iterator[Prediction | AudioError]:
        clips = [one.clip for one in begun if isinstance(one, _Begun) and one.clip]
        answers = iter(answer(self.members, clips))
        for one in begun:
            if isinstance(one, AudioError):
                yield one
            elif one.clip:
                assert one.prediction
                said = named(self.labels, next(answers))
                yield Prediction(*said, one.prediction.duration_s, remarks=one.prediction.remarks)
            else:
                yield one.prediction or self._long(one, how, progress)

    def _long(self, begun: "_Begun", how: How, progress: Callable[[float], None]) -> Prediction | AudioError:
        """The answer for a recording that is heard in windows."""
        remarks: dict[str, str] = {}
        window_s, hop_s = _windows(how)
        try:
            segments, duration_s = timeline(
                self.members,
                _blocks(begun.recording, begun.sample_rate, self.sample_rate, remarks),
                self.sample_rate,
                window_s=window_s,
                hop_s=hop_s,
                turns=how.turns,
                speaker=how.speaker,
                progress=progress,
            )
        except AudioError as error:
            return error
        if how.turns and all(turn.start_s >= duration_s for turn in how.turns):
            return AudioError(
                f"{begun.recording}: lasts {duration_s:.1f} s, and all turns of the table begin later; are start and"
                " end in seconds?"
            )
        return Prediction.of(segments, duration_s, list(remarks.values()))


def _windows(how: How) -> tuple[float, float]:
    """Length of a window, and from one to the next, in seconds."""
    window_s = max(WINDOW_S, how.hop_s or 0.0) if how.window_s is None else how.window_s
    return window_s, min(HOP_S, window_s) if how.hop_s is None else how.hop_s


def _is_several(recording: Any) -> bool:
    """Whether these are several recordings: a list, a generator, a column of a table; and not samples."""
    if isinstance(recording, str | bytes | PathLike | Mapping):
        return False
    if isinstance(recording, list | tuple):
        return True
    if hasattr(recording, "__array__"):
        return _array(recording).dtype.kind in "OUS"
    return isinstance(recording, Iterable)


def _array(samples: Any) -> Samples:
    return np.asarray(samples.detach().cpu() if hasattr(samples, "detach") else samples)


@dataclass(frozen=True)
class _Begun:
    """A recording that was read, with its clip; or one that is to be heard in windows, without a prediction."""

    recording: Recording
    sample_rate: int | None
    prediction: Prediction | None = None
    clip: Clip | None = None


def _read(recording: Recording, sample_rate: int | None, longest_s: float) -> tuple[Reading, bool]:
    """The beginning of a recording, and whether there is more."""
    if isinstance(recording, str | PathLike):
        return audio.read_beginning(Path(recording), longest_s)
    samples, rate = _mono(recording, sample_rate)
    n_samples = round(longest_s * rate)
    return Reading(samples[:n_samples], rate, {}), len(samples) > n_samples


def _blocks(
    recording: Recording, sample_rate: int | None, wanted_hz: int, remarks: dict[str, str]
) -> Iterator[Waveform]:
    if isinstance(recording, str | PathLike):
        yield from audio.stream(Path(recording), wanted_hz, block_s=BLOCK_S, remarks=remarks)
        return
    samples = audio.resample(*_mono(recording, sample_rate), wanted_hz)
    for first in range(0, len(samples), round(BLOCK_S * wanted_hz)):
        yield samples[first : first + round(BLOCK_S * wanted_hz)]


def _mono(recording: Any, sample_rate: int | None) -> tuple[Waveform, int]:
    """Samples (samples,) in [-1, 1] of what is given in memory, and their rate.

    Raises:
        PredictError: these are no samples that can be understood.
        AudioError: they are no sound.
    """
    if isinstance(recording, Mapping):
        sample_rate = sample_rate if recording.get("sampling_rate") is None else recording["sampling_rate"]
        recording = recording.get("array", recording.get("raw"))
    samples = _array(recording)
    if samples.dtype.kind not in "iuf" or samples.ndim not in (1, 2):
        raise PredictError(
            f"a recording must be a file, or samples of shape (samples,) or (samples, channels); got"
            f" {type(recording).__name__} of {samples.dtype}, {samples.shape}"
        )
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        raise PredictError(f"samples must be of shape (samples, channels); got {samples.shape}, the other way round?")
    if sample_rate is None:
        raise PredictError("samples without their rate: give sample_rate=<Hz> too")
    check_range("sample_rate", int(sample_rate), 4000, 192_000)
    if samples.dtype.kind != "f":
        limits = np.iinfo(samples.dtype)
        middle = (limits.max + 1) // 2 if limits.min == 0 else 0
        samples = (samples.astype(np.float64) - middle) / (limits.max + 1 - middle)
    if not np.isfinite(samples).all():
        raise AudioError("the recording holds samples that are not finite")
    loudest = float(np.abs(samples).max(initial=0.0))
    if loudest > LOUDEST:
        raise PredictError(f"samples must lie in [-1, 1]; got {loudest:g}: divide those of 16 bits by 32768")
    return audio.mix(np.atleast_2d(samples.astype(np.float32).T).T)[0], int(sample_rate)
