"""What somebody should know of a corpus before training on it, in words."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ser.audio.levels import LOWEST_DB
from ser.exploration.copies import NEAR, SAME, Copies
from ser.exploration.exploring import Explored
from ser.exploration.measuring import Clip
from ser.exploration.speakers import MEASURES
from ser.exploration.telling import ALL, QUIET, TOGETHER, Told
from ser.runs.voting import about_agreement

UNEVEN = 3  # times as many clips of one emotion as of another
NOISY_DB = 15.0  # of speech above noise: less is hard to hear
_NAMED = 5  # in a sentence


class Finding(NamedTuple):
    """What it is about, and a sentence or two of it."""

    about: str
    said: str

    def __str__(self) -> str:
        return f"{self.about}: {self.said}"


def findings(explored: Explored) -> list[Finding]:
    """What stands out, what hurts most first; empty: nothing."""
    return [
        *_broken(explored),
        *_copies(explored.copies),
        *_told(explored),
        *_voices(explored),
        *_counts(explored),
        *_raters(explored.agreement),
        *_files(explored.clips),
        *_sound(explored.clips),
    ]


def _broken(explored: Explored) -> Iterator[Finding]:
    if explored.broken:
        n = len(explored.broken)
        first = next(iter(explored.broken.values()))
        yield Finding(
            "Broken clips",
            f"{n} of {n + len(explored.clips)} cannot be used, and a training leaves them out; the first: {first}",
        )


def _copies(copies: Sequence[Copies]) -> Iterator[Finding]:
    same = [group for group in copies if group.kind == SAME]
    near = [group for group in copies if group.kind == NEAR]
    if disagreeing := [group for group in copies if group.disagree]:
        yield Finding(
            "Copies with different labels",
            f"{_groups(disagreeing)} one recording, but not of one emotion: {_names(disagreeing[0], labels=True)}.",
        )
    if same:
        yield Finding(
            "Identical clips",
            f"{_groups(same)} identical, or overlap: {_names(same[0])}. A split keeps them in one part, but they count"
            " twice.",
        )
    if near:
        yield Finding(
            "Copies of a take",
            f"{_groups(near)} probably the same take in another format, at another level, or cut otherwise:"
            f" {_names(near[0])}. A split does not know it: on both sides of a test they are a leak. Listen, and take"
            " one out.",
        )


def _groups(groups: Sequence[Copies]) -> str:
    n = sum(len(group.clips) for group in groups)
    return f"{n} clips in {len(groups)} group{'s' if len(groups) > 1 else ''} are"


def _names(group: Copies, *, labels: bool = False) -> str:
    names = [clip.utterance.id + (f" ({clip.utterance.emotion})" if labels else "") for clip in group.clips[:_NAMED]]
    return " and ".join(names) + (" and others" if len(group.clips) > _NAMED else "")


def _told(explored: Explored) -> Iterator[Finding]:
    telling = explored.telling
    if len(explored.labels) == 1:
        yield Finding("One emotion", f"all clips are {explored.labels[0]}: nothing can be told apart, or trained.")
    elif telling.untried:
        yield Finding("Not tried", f"whether the labels are told from the recording: {telling.untried}.")
    beware = f" {telling.beware}" if telling.beware else ""
    told = {one.measure: one for one in telling.measures if one.is_told}
    strong = sorted((one for one in told.values() if one.is_recording), key=lambda one: -one.uar)
    whom = "speakers it has never heard" if telling.unit == "speakers" else "other clips"
    if strong:
        best = strong[0]
        tried = [one.measure for one in telling.measures if one.is_recording and one.measure != TOGETHER]
        each = "; ".join(f"{one.measure} alone {one.uar:.3f}" for one in strong if one is not best)
        yield Finding(
            "Labels told from the recording",
            f"a model that knows nothing of a clip but {_listed(tried) if best.measure == TOGETHER else best.measure}"
            f" names the emotion of {whom} with a UAR of {best.uar:.3f} {_interval(best)}; guessing gives"
            f" {telling.chance:.3f}{f' ({each})' if each else ''}. A trained model may use the same, and then its score"
            " is partly not about emotion. check=silence measures the same for a whole model: what it makes of the"
            f" parts without speech.{beware}",
        )
    either = [one for one in told.values() if not one.is_recording and one.measure != ALL]
    if either:
        names = _listed([f"{one.measure} {one.uar:.3f}" for one in either])
        more = f"; all measures together {told[ALL].uar:.3f} {_interval(told[ALL])}" if ALL in told else ""
        is_quiet = any(one.measure in QUIET for one in either)
        soft = " Most clips have no pause: their quietest parts may be speech." if is_quiet else ""
        yield Finding(
            f"Labels told by length{', level and quiet parts' if is_quiet else ' and level'}",
            f"so high a UAR comes of one measure alone: {names}{more}; guessing gives {telling.chance:.3f}. That may"
            " be how emotions are spoken, anger loud and sadness slow, or how they were recorded and cut. A model that"
            f" does no better has heard no more.{soft}{beware}",
        )


def _interval(told: Told) -> str:
    return f"[{told.low:.3f}, {told.high:.3f}]"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _voices(explored: Explored) -> Iterator[Finding]:
    for name, what in MEASURES.items():
        apart = [voice for voice in explored.voices if name in voice.differs]
        if apart:
            unit = "dB" if name in ("room_db", "snr_db") else "dBFS"
            middle = float(np.median([voice.medians[name] for voice in explored.voices]))
            told = [f"{voice.speaker} ({voice.medians[name]:.0f} {unit})" for voice in apart[:_NAMED]]
            more = f" and {len(apart) - _NAMED} more" if len(apart) > _NAMED else ""
            silent = ", digital silence" if name == "noise_db" and middle <= LOWEST_DB else ""
            yield Finding(
                "Speakers recorded otherwise",
                f"by the {what}, {', '.join(told)}{more}; the median is {middle:.0f} {unit}{silent}. A model may know"
                " them by it.",
            )


def _counts(explored: Explored) -> Iterator[Finding]:
    counts = Counter(explored.emotions)
    (most, n_most), (rarest, n_rarest) = counts.most_common(1)[0], counts.most_common()[-1]
    if n_most >= UNEVEN * n_rarest:
        yield Finding(
            "Uneven emotions",
            f"{n_most} clips of {most}, {n_rarest} of {rarest}. Read the UAR, not the accuracy; loss.class_weights=true"
            " or sampling=balanced helps.",
        )
    own: dict[str, set[str]] = {}
    for clip in explored.clips:
        if clip.utterance.speaker:
            own.setdefault(clip.utterance.speaker, set()).add(clip.utterance.emotion)
    if lacking := [speaker for speaker, emotions in own.items() if len(emotions) < len(counts)]:
        yield Finding(
            "Speakers who lack an emotion",
            f"{len(lacking)} of {len(own)}, such as {lacking[0]}: voices may tell labels.",
        )
    if unknown := sum(clip.utterance.speaker is None for clip in explored.clips):
        yield Finding("Unknown speakers", f"of {unknown} clips; no split can keep them apart.")


def _raters(agreement: float | None) -> Iterator[Finding]:
    if agreement is not None:
        told = about_agreement(agreement)
        yield Finding("Raters", f"{told}. Where people disagree, no answer is right for all of them.")


def _files(clips: Sequence[Clip]) -> Iterator[Finding]:
    for what, values in {
        "sample rates": [f"{clip.sample_rate} Hz" for clip in clips],
        "numbers of channels": [str(clip.channels) for clip in clips],
        "formats": [clip.form for clip in clips],
    }.items():
        counts = Counter(values).most_common()
        if len(counts) > 1:
            told = ", ".join(f"{value} ({n} clip{'s' if n > 1 else ''})" for value, n in counts[:_NAMED])
            yield Finding(f"Different {what}", f"{told}{' and others' if len(counts) > _NAMED else ''}.")


def _sound(clips: Sequence[Clip]) -> Iterator[Finding]:
    if clipped := [clip for clip in clips if clip.clipped]:
        by_emotion = Counter(clip.utterance.emotion for clip in clipped)
        told = ", ".join(f"{n} of {emotion}" for emotion, n in by_emotion.most_common(_NAMED))
        yield Finding("Clipping", f"{len(clipped)} of {len(clips)} clips ({told}), such as {clipped[0].utterance.id}.")
    if noisy := [clip for clip in clips if clip.snr_db < NOISY_DB]:
        yield Finding(
            "Noise",
            f"in {len(noisy)} of {len(clips)} clips the speech is less than {NOISY_DB:g} dB above the quietest parts,"
            f" such as {noisy[0].utterance.id}; or they have no pause.",
        )
