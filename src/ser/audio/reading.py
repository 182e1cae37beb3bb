"""Reading audio: pure functions on files and on arrays of float32 samples in [-1, 1]."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soxr

from ser.audio import decoding
from ser.audio.containers import Block
from ser.errors import AudioError, SilentError

Waveform = npt.NDArray[np.float32]

MIN_DURATION_S = 0.1  # shorter than any vowel: a truncated file, not speech
MAX_DURATION_S = 600  # longer than any utterance: a whole session, to be cut first
BLOCK_SAMPLES = 2**23  # of all channels together, read at once: 32 MiB, all of a usual clip
SILENCE_PEAK = 1e-5  # -100 dBFS
MAX_SAMPLE = 1e6  # float files may exceed full scale, even 16-bit numbers stored as they are; not this far
CANCELLED = 0.01  # of the energy of unrelated channels: what is left of those that mirror each other, 20 dB down

OTHER_LENGTH, CANCELLING = "length", "channels"


Segment = tuple[float, float | None]  # start and end in seconds; None: the end of the recording
WHOLE: Segment = (0.0, None)


class Reading(NamedTuple):
    """What was read of a file, mixed to mono.

    Attributes:
        samples: (samples,), float32.
        sample_rate: in Hz.
        remarks: what somebody should know of the file, by kind: `OTHER_LENGTH`, how its length differs from what its
            header says; `CANCELLING`, that its channels cancel each other, and its loudest alone was taken.
    """

    samples: Waveform
    sample_rate: int
    remarks: dict[str, str]


def read(path: Path, segment: Segment = WHOLE) -> Reading:
    """Read an audio file, or a segment of it, and mix it to mono. The body is believed, not the header.

    Raises:
        AudioError: in one line, why the file cannot be read; it is longer than `MAX_DURATION_S`; or it holds samples
            that are not finite or absurdly large.
    """
    [reading] = read_segments(path, [segment])
    if isinstance(reading, AudioError):
        raise reading
    return reading


def read_segments(path: Path, segments: Sequence[Segment]) -> list[Reading | AudioError]:
    """Read several segments of an audio file, going through it once; memory is bounded by what is kept.

    Returns:
        what was read of each, or why it cannot be; for each the error that `read` would raise.
    """
    try:
        found = _go_through(path, segments)
    except AudioError as error:
        return [AudioError(*error.args) for _ in segments]
    return [found.reading(path, number, segment) for number, segment in enumerate(segments)]


def read_beginning(path: Path, longest_s: float) -> tuple[Reading, bool]:
    """Read the beginning of an audio file: of one that lasts no longer, what `read` gives, to the bit.

    Args:
        longest_s: in seconds, up to `MAX_DURATION_S`.

    Returns:
        what was read, and whether there is more.

    Raises:
        AudioError: see `read`; the beginning of a file that is too long for `read` is read all the same.
    """
    found = _go_through(path, [(0.0, longest_s)])
    reading = found.reading(path, 0, WHOLE)
    if isinstance(reading, AudioError):
        raise reading
    return reading, found.n_frames > len(reading.samples)


@dataclass
class _Pass:
    """A file as it was gone through.

    Attributes:
        pieces: the samples of each segment.
        n_frames: that were read; of the whole file, where `is_whole`.
        cancelling: for segments whose channels cancel each other, the loudest channel.
        remark: how the length of the file differs from what its header says; "" where it does not.
    """

    sample_rate: int
    pieces: list[list[Waveform]]
    n_frames: int = 0
    is_whole: bool = True
    cancelling: dict[int, int] = field(default_factory=dict)
    remark: str = ""

    def reading(self, path: Path, number: int, segment: Segment) -> Reading | AudioError:
        """Of one of the segments, or why there is none."""
        duration_s = self.n_frames / self.sample_rate
        start_s, end_s = segment
        is_outside = max(start_s, (end_s or 0) - MIN_DURATION_S) >= duration_s
        if segment != WHOLE and self.is_whole and is_outside:
            told = f"{start_s:g} s to {'its end' if end_s is None else f'{end_s:g} s'}"
            return AudioError(f"{path}: lasts {duration_s:.2f} s; the segment from {told} is not in it")
        pieces = self.pieces[number]
        samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        if len(samples) > MAX_DURATION_S * self.sample_rate:
            return AudioError(
                f"{path}: too long (over {MAX_DURATION_S} s); cut it into utterances, or name its segments: columns"
                " start and end of corpus=table"
            )
        remarks = {OTHER_LENGTH: self.remark} if self.remark else {}
        if number in self.cancelling:
            remarks[CANCELLING] = "its loudest channel alone is used"
        return Reading(samples, self.sample_rate, remarks)


def _go_through(path: Path, segments: Sequence[Segment]) -> _Pass:
    """Go through a file; once more where channels cancel each other.

    Raises:
        AudioError: see `read`.
    """
    found = _pass(path, segments, {})
    return _pass(path, segments, found.cancelling) if found.cancelling else found


def _pass(path: Path, segments: Sequence[Segment], channels: Mapping[int, int]) -> _Pass:
    """Go through a file once.

    Args:
        channels: by a segment's number, the channel to take instead of the mean of all.
    """
    with decoding.opened(path) as decoder:
        rate = decoder.sample_rate
        longest = MAX_DURATION_S * rate + 1
        wanted = [_frames(segment, rate, longest) for segment in segments]
        until = max(stop for _, stop in wanted)
        found = _Pass(rate, [[] for _ in segments], cancelling=dict(channels))
        energies, energy = np.zeros((len(segments), decoder.n_channels)), np.zeros(len(segments))
        for block in decoder.blocks(BLOCK_SAMPLES, longest):
            check_samples(path, block)
            for number, (start, stop) in enumerate(wanted):
                part = block[max(start - found.n_frames, 0) : max(stop - found.n_frames, 0)]
                if len(part) == 0:
                    continue
                channel = channels.get(number)
                piece = part.mean(axis=1, dtype=np.float32) if channel is None else part[:, channel].copy()
                found.pieces[number].append(piece)
                if decoder.n_channels > 1 and not channels:
                    energies[number] += channel_energies(part)
                    energy[number] += float(np.square(piece, dtype=np.float64).sum())
            found.n_frames += len(block)
            if found.n_frames > until:
                found.is_whole = False
                break
        found.remark = decoder.remark
    if not channels:
        cancelling = np.flatnonzero(cancels(energy, energies))
        found.cancelling = {int(number): int(energies[number].argmax()) for number in cancelling}
    return found


def check_samples(path: Path, block: Block) -> None:
    """Refuse samples that are no sound.

    Raises:
        AudioError: some are not finite, or absurdly large.
    """
    if not (np.abs(block) < MAX_SAMPLE).all():  # false for what is not a number, too
        raise AudioError(f"{path}: holds samples that are no sound (not finite, or far beyond full scale)")


def channel_energies(block: Block) -> npt.NDArray[np.float64]:
    """Of the channels (channels,) of a block (frames, channels)."""
    energies: npt.NDArray[np.float64] = np.square(block, dtype=np.float64).sum(axis=0)
    return energies


def cancels(mixed: npt.NDArray[np.float64], energies: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether channels cancel each other: energies of their mean (...), and of each (..., channels)."""
    unrelated = energies.sum(axis=-1) / energies.shape[-1] ** 2
    return np.asarray(mixed < CANCELLED * unrelated)


def _frames(segment: Segment, rate: int, longest: int) -> tuple[int, int]:
    start_s, end_s = segment
    start = round(start_s * rate)
    return start, start + longest if end_s is None else min(round(end_s * rate), start + longest)


def resample(waveform: Waveform, from_hz: int, to_hz: int) -> Waveform:
    """Resample a mono waveform (samples,) from one sample rate in Hz to another (soxr, high quality)."""
    if from_hz == to_hz:
        return waveform
    resampled: Waveform = soxr.resample(waveform, from_hz, to_hz).astype(np.float32, copy=False)
    return resampled


def trim(waveform: Waveform, top_db: float) -> Waveform:
    """Cut off leading and trailing parts that lie more than `top_db` dB below the clip's loudest frame."""
    import librosa  # slow to import, and only trimming needs it

    trimmed: Waveform = librosa.effects.trim(waveform, top_db=top_db)[0]
    return trimmed


def pauses(waveform: Waveform, below_db: float) -> Waveform:
    """The parts without speech, joined: what lies more than `below_db` dB below the clip's loudest frame."""
    import librosa

    loud = librosa.effects.split(waveform, top_db=below_db)
    ends = [0, *loud.ravel().tolist(), len(waveform)]
    return np.concatenate([waveform[start:end] for start, end in zip(ends[::2], ends[1::2], strict=True)])


def prepare(
    name: str, reading: Reading, *, sample_rate: int, top_db: float | None = None, below_db: float | None = None
) -> Waveform:
    """What was read of a file as every feature hears it: at `sample_rate` Hz, trimmed by `top_db` dB if given.

    Args:
        name: of the recording, for messages.
        below_db: its `pauses` alone, if given.

    Returns:
        samples of shape (samples,).

    Raises:
        AudioError: the clip is shorter than `MIN_DURATION_S`, or silent; or so are its pauses.
    """
    waveform, original_rate = reading.samples, reading.sample_rate
    if len(waveform) < MIN_DURATION_S * original_rate:
        raise AudioError(
            f"{name}: too short ({len(waveform)} samples at {original_rate} Hz; at least {MIN_DURATION_S} s are needed)"
        )
    if np.abs(waveform).max() < SILENCE_PEAK:
        raise SilentError(f"{name}: silent (no sample above {SILENCE_PEAK:g} of full scale)")
    waveform = resample(waveform, original_rate, sample_rate)
    if below_db is not None:
        waveform = pauses(waveform, below_db)
        if len(waveform) < MIN_DURATION_S * sample_rate:
            raise AudioError(
                f"{name}: without pauses (less than {MIN_DURATION_S} s of it lies {below_db:g} dB below its loudest)"
            )
        if np.abs(waveform).max() < SILENCE_PEAK:
            raise SilentError(
                f"{name}: its pauses are digital silence (no sample above {SILENCE_PEAK:g} of full scale)"
            )
    return waveform if top_db is None else trim(waveform, top_db)


def load(path: Path, *, sample_rate: int, top_db: float | None = None) -> Waveform:
    """Read a clip, and `prepare` it.

    Raises:
        AudioError: see `read` and `prepare`.
    """
    return prepare(str(path), read(path), sample_rate=sample_rate, top_db=top_db)
