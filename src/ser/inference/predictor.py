"""A trained model at work: recordings in, emotions out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from os import PathLike, cpu_count
from typing import Any, overload

from ser.audio import MIN_DURATION_S
from ser.errors import AudioError, PredictError, SilentError, TaskError
from ser.inference.answering import Clip, answer, device_for, inputs_of, prepared
from ser.inference.inputs import Recording, blocks_of, is_several, read_beginning
from ser.inference.members import Member
from ser.inference.prediction import SILENCE, Prediction, named
from ser.inference.speech import has_speech
from ser.inference.timeline import HOP_S, WINDOW_S, Turn, check_window, timeline

WHOLE_S = 30.0  # a recording up to this length is heard as a whole, unless windows are asked for
AT_ONCE = 64  # recordings that are read together


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
        labels: the emotions, in class order; or the dimensions.
        tells_numbers: whether dimensions are told, and not emotions.
        about: what was loaded, in words.
        members: the recognisers whose mean is given.
        sample_rate: in which long recordings are read, in Hz.
    """

    def __init__(self, members: Sequence[Member], about: str) -> None:
        self.members, self.about = list(members), about
        self.labels = list(members[0].recognizer.labels)
        self.tells_numbers = members[0].recognizer.tells_numbers
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
        several = is_several(recording)
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
        if is_several(recording):
            return [self(one, top_k=top_k, **how) for one in recording]
        self.refuse_numbers("a pipeline's answer")
        probabilities = self.predict(recording, **how).probabilities or {SILENCE: 1.0}
        ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])
        return [{"score": score, "label": label} for label, score in ranked[:top_k]]

    def refuse_numbers(self, what: str) -> None:
        """Raise: TaskError, where dimensions are told, and `what` is of emotions."""
        if self.tells_numbers:
            raise TaskError(
                f"{what} is of emotions, and {self.about} tells {', '.join(self.labels)}; ser predict gives its numbers"
            )

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
        some: Iterable[Any] = recordings if is_several(recordings) else [recordings]  # type: ignore[assignment]
        for one in some:
            reading, _ = read_beginning(one, sample_rate, longest_s=WHOLE_S)
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
            reading, is_longer = read_beginning(recording, sample_rate, longest_s=WHOLE_S)
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
                said = named(self.labels, next(answers), numbers=self.tells_numbers)
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
                blocks_of(begun.recording, begun.sample_rate, self.sample_rate, remarks),
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


@dataclass(frozen=True)
class _Begun:
    """A recording that was read, with its clip; or one that is to be heard in windows, without a prediction."""

    recording: Recording
    sample_rate: int | None
    prediction: Prediction | None = None
    clip: Clip | None = None
