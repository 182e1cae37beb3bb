"""Long recordings: windows over speech, block by block, so that memory does not grow with the length."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import soxr

from ser.audio import Reading, Waveform
from ser.config.checks import check_range
from ser.errors import AudioError
from ser.inference.answering import Clip, answer, prepared
from ser.inference.members import Member
from ser.inference.prediction import SILENCE, Segment, joined, named
from ser.inference.speech import MAX_SPEECH_S, SAMPLE_RATE, VoiceActivity
from ser.metrics import Floats

WINDOW_S = 3.0  # about a clip of the corpora that people train on
HOP_S = 1.0
SHORTEST_S, LONGEST_S = 0.5, 30.0  # of a window
KEPT_S = MAX_SPEECH_S + 2.0  # of samples, behind what is heard: speech becomes certain within less

Answer = Callable[[Sequence[Clip]], Floats]


class Turn(NamedTuple):
    """When somebody speaks: start and end in seconds, and who; None: somebody."""

    start_s: float
    end_s: float
    speaker: str | None = None


def check_window(window_s: float, hop_s: float) -> None:
    """Refuse windows that cannot be used.

    Raises:
        SettingError: names the setting.
    """
    check_range("window", window_s, SHORTEST_S, LONGEST_S)
    check_range("hop", hop_s, 0.05, window_s)


def timeline(
    members: Sequence[Member],
    blocks: Iterable[Waveform],
    sample_rate: int,
    *,
    window_s: float = WINDOW_S,
    hop_s: float = HOP_S,
    turns: Sequence[Turn] | None = None,
    speaker: str | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[list[Segment], float]:
    """Who feels what when in a recording, and its length in seconds.

    Windows of `window_s`, every `hop_s`, lie over speech; what is shorter is a window of its own. A part of `hop_s` has
    the mean of the windows around its middle, and neighbours that agree are joined.

    Args:
        members: who answer.
        blocks: the recording's samples (samples,), block by block.
        sample_rate: of these, in Hz.
        turns: when who speaks; None: found by voice activity, and the rest is `SILENCE`.
        speaker: who speaks where that is found by voice activity, of those that are known; None: anybody.
        progress: is told how many seconds have been heard.
    """
    ready = _Voices(sample_rate, speaker) if turns is None else _Turns(turns)
    kept: Waveform = np.zeros(0, np.float32)
    segments: list[Segment] = []
    kept_from = 0  # the first sample that is kept
    for block in blocks:
        kept = np.concatenate([kept, block])
        heard_s = (kept_from + len(kept)) / sample_rate
        segments += _answered(members, ready.after(block, heard_s), kept, kept_from, sample_rate, window_s, hop_s)
        drop = max(len(kept) - round(KEPT_S * sample_rate), 0)
        kept, kept_from = kept[drop:], kept_from + drop
        progress(heard_s)
    duration_s = (kept_from + len(kept)) / sample_rate
    segments += _answered(members, ready.at_end(duration_s), kept, kept_from, sample_rate, window_s, hop_s)
    if turns is None:
        segments = list(_with_silence(segments, duration_s))
        return joined(segments), duration_s
    in_order = sorted(segments, key=lambda one: (one.speaker or "", one.start_s))
    return sorted(joined(in_order), key=lambda one: one.start_s), duration_s


class _Voices:
    """Turns by voice activity."""

    def __init__(self, sample_rate: int, speaker: str | None) -> None:
        self.voices, self.speaker = VoiceActivity(), speaker
        same = sample_rate == SAMPLE_RATE
        self.resampler = None if same else soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32")

    def after(self, block: Waveform, heard_s: float) -> list[Turn]:
        """Those that are certain after a block."""
        if self.resampler:
            block = self.resampler.resample_chunk(block)
        return [Turn(*interval, self.speaker) for interval in self.voices.feed(block)]

    def at_end(self, duration_s: float) -> list[Turn]:
        """Those that the end makes certain."""
        rest: Waveform = np.zeros(0, np.float32)
        if self.resampler:
            rest = self.resampler.resample_chunk(rest, last=True)
        found = [*self.voices.feed(rest), *self.voices.finish()]
        return [Turn(start, min(end, duration_s), self.speaker) for start, end in found if start < duration_s]


class _Turns:
    """Turns that are given, in pieces of `MAX_SPEECH_S` at most."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self.waiting = list(turns)

    def after(self, block: Waveform, heard_s: float) -> list[Turn]:
        """The pieces that are over."""
        over, waiting = [], []
        for turn in self.waiting:
            while (end_s := _piece_end(turn)) <= heard_s and turn.start_s < turn.end_s:
                over.append(turn._replace(end_s=end_s))
                turn = turn._replace(start_s=end_s)
            if turn.start_s < turn.end_s:
                waiting.append(turn)
        self.waiting = waiting
        return over

    def at_end(self, duration_s: float) -> list[Turn]:
        """Those that the end cuts off."""
        return [turn._replace(end_s=duration_s) for turn in self.waiting if turn.start_s < duration_s]


def _piece_end(turn: Turn) -> float:
    """Where the first piece of a turn ends; the last two are alike."""
    left_s = turn.end_s - turn.start_s
    if left_s <= MAX_SPEECH_S:
        return turn.end_s
    return turn.start_s + (MAX_SPEECH_S if left_s > 2 * MAX_SPEECH_S else left_s / 2)


def _answered(
    members: Sequence[Member],
    turns: Sequence[Turn],
    kept: Waveform,
    kept_from: int,
    sample_rate: int,
    window_s: float,
    hop_s: float,
) -> Iterator[Segment]:
    """The parts of some turns; `SILENCE` where a window holds nothing to be heard."""
    windows = [(turn, *window) for turn in turns for window in windows_of(turn.start_s, turn.end_s, window_s, hop_s)]
    known = members[0].recognizer.speakers
    clips: dict[int, Clip] = {}
    for number, (turn, start_s, end_s) in enumerate(windows):
        if end_s - start_s < SHORTEST_S:  # what is too short for an answer is heard with what is around it
            middle_s = (start_s + end_s) / 2
            start_s, end_s = max(middle_s - SHORTEST_S / 2, 0.0), middle_s + SHORTEST_S / 2
        first = max(round(start_s * sample_rate) - kept_from, 0)
        samples = kept[first : max(round(end_s * sample_rate) - kept_from, 0)]
        try:
            speaker = turn.speaker if turn.speaker in known else None
            clips[number] = prepared(members, "", Reading(samples, sample_rate, {}), speaker)
        except AudioError:
            continue  # nothing in it
    answers = dict(zip(clips, answer(members, list(clips.values())), strict=True)) if clips else {}
    labels, numbers = members[0].recognizer.labels, members[0].recognizer.tells_numbers
    for turn in turns:
        own = [(number, *window[1:]) for number, window in enumerate(windows) if window[0] is turn]
        for start_s, end_s in _parts(turn.start_s, turn.end_s, hop_s):
            middle = (start_s + end_s) / 2
            around = [answers[n] for n, begin, end in own if begin <= middle <= end and n in answers]
            said = named(labels, np.mean(around, axis=0), numbers=numbers) if around else (SILENCE, {})
            yield Segment(start_s, end_s, *said, turn.speaker)


def windows_of(start_s: float, end_s: float, window_s: float, hop_s: float) -> list[tuple[float, float]]:
    """Windows over a stretch of speech, the last one up to its end; a short stretch is one.

    >>> windows_of(0, 4.5, window_s=3, hop_s=1)
    [(0, 3), (1, 4), (1.5, 4.5)]
    """
    if end_s - start_s <= window_s:
        return [(start_s, end_s)]
    n_whole = math.floor((end_s - start_s - window_s) / hop_s + 1e-9) + 1
    windows = [(start_s + n * hop_s, start_s + n * hop_s + window_s) for n in range(n_whole)]
    return windows if end_s - windows[-1][1] < 0.01 else [*windows, (end_s - window_s, end_s)]


def _parts(start_s: float, end_s: float, hop_s: float) -> list[tuple[float, float]]:
    """A stretch in parts of about `hop_s`."""
    n_parts = max(round((end_s - start_s) / hop_s), 1)
    edges = np.linspace(start_s, end_s, n_parts + 1).tolist()
    return list(pairwise(edges))


def _with_silence(segments: Sequence[Segment], duration_s: float) -> Iterator[Segment]:
    """The segments, and what lies between them."""
    end_s = 0.0
    for segment in segments:
        if segment.start_s > end_s:
            yield Segment(end_s, segment.start_s, SILENCE)
        yield segment
        end_s = segment.end_s
    if duration_s > end_s:
        yield Segment(end_s, duration_s, SILENCE)
