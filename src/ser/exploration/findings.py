"""What somebody should know of a corpus before training on it, in words."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from ser.exploration.copies import NEAR, SAME, Copies
from ser.exploration.exploring import Explored
from ser.exploration.measuring import Clip
from ser.exploration.speakers import MEASURES
from ser.exploration.telling import ALL, TOGETHER, Told

UNEVEN = 3  # times as many clips of one emotion as of another
NOISY_DB = 15.0  # of speech above noise: less is hard to hear
_NAMED = 5  # in a sentence


def findings(explored: Explored) -> list[str]:
    """What stands out, a sentence or two each, what hurts most first; empty: nothing."""
    return [
        *_broken(explored),
        *_copies(explored.copies),
        *_told(explored),
        *_voices(explored),
        *_counts(explored),
        *_files(explored.clips),
        *_sound(explored.clips),
    ]


def _broken(explored: Explored) -> Iterator[str]:
    if explored.broken:
        n = len(explored.broken)
        first = next(iter(explored.broken.values()))
        yield f"{n} of {n + len(explored.clips)} clips cannot be used, and a training leaves them out: {first}"


def _copies(copies: Sequence[Copies]) -> Iterator[str]:
    same = [group for group in copies if group.kind == SAME]
    near = [group for group in copies if group.kind == NEAR]
    if same:
        yield (
            f"{_groups(same)} identical, or overlap: {_names(same[0])}. A split keeps them in one part, but they count"
            " twice."
        )
    if near:
        yield (
            f"{_groups(near)} probably the same take in another format, at another level, or cut otherwise:"
            f" {_names(near[0])}. A split does not know it: on both sides of a test they are a leak. Listen, and take"
            " one out."
        )
    if disagreeing := [group for group in copies if group.disagree]:
        yield f"{_groups(disagreeing)} copies under different labels: {_names(disagreeing[0], labels=True)}."


def _groups(groups: Sequence[Copies]) -> str:
    n = sum(len(group.clips) for group in groups)
    return f"{n} clips in {len(groups)} group{'s' if len(groups) > 1 else ''} are"


def _names(group: Copies, *, labels: bool = False) -> str:
    names = [clip.utterance.id + (f" ({clip.utterance.emotion})" if labels else "") for clip in group.clips[:_NAMED]]
    return " and ".join(names) + (" and others" if len(group.clips) > _NAMED else "")


def _told(explored: Explored) -> Iterator[str]:
    telling = explored.telling
    told = {one.measure: one for one in telling.measures if one.is_told}
    strong = sorted((one for one in told.values() if one.is_recording), key=lambda one: -one.uar)
    if strong:
        single = [one for one in strong if one.measure != TOGETHER]
        together = told.get(TOGETHER)
        best = together or strong[0]
        names = ", ".join(f"{one.measure} ({one.uar:.3f})" for one in single)
        whom = "speakers it has never heard" if telling.unit == "speakers" else "other clips"
        what = f"of {_listed([one.measure for one in single])} alone" if single else "of all that together"
        yield (
            f"Labels can be told from the recording: a model that knows nothing {what} names the emotion of {whom} with"
            f" a UAR of {best.uar:.3f} {_interval(best)}, where guessing gives {telling.chance:.3f}"
            + (f" (each alone: {names})" if together and single else "")
            + ". A trained model may use the same, and then its score is partly not about emotion: check=silence says"
            " how much of a model's score comes from the parts without speech."
        )
    either = [one for one in told.values() if not one.is_recording and one.measure != ALL]
    if either:
        names = _listed([f"{one.measure} ({one.uar:.3f})" for one in either])
        more = f"; with all measures together {told[ALL].uar:.3f} {_interval(told[ALL])}" if ALL in told else ""
        yield (
            f"So much tells {names}, where guessing gives {telling.chance:.3f}{more}. That may be how the emotions are"
            " spoken, anger loud and sadness slow, or how they were recorded and cut: a model has to do better than"
            " this to have heard more."
        )


def _interval(told: Told) -> str:
    return f"[{told.low:.3f}, {told.high:.3f}]"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _voices(explored: Explored) -> Iterator[str]:
    for name, what in MEASURES.items():
        apart = [voice for voice in explored.voices if name in voice.differs]
        if apart:
            unit = "dB apart" if name == "room_db" else "dB" if name == "snr_db" else "dBFS"
            middle = float(np.median([voice.medians[name] for voice in explored.voices]))
            told = [f"{voice.speaker} ({voice.medians[name]:.0f} {unit})" for voice in apart[:_NAMED]]
            more = f" and {len(apart) - _NAMED} more" if len(apart) > _NAMED else ""
            yield (
                f"{'Speakers' if len(apart) > 1 else 'A speaker'} recorded otherwise than most, by the {what}:"
                f" {', '.join(told)}{more}; the median is {middle:.0f}. A model may know them by it."
            )


def _counts(explored: Explored) -> Iterator[str]:
    counts = Counter(explored.emotions)
    (most, n_most), (rarest, n_rarest) = counts.most_common(1)[0], counts.most_common()[-1]
    if n_most >= UNEVEN * n_rarest:
        yield (
            f"Emotions are uneven: {n_most} clips of {most}, {n_rarest} of {rarest}. Read the UAR, not the accuracy;"
            " loss.class_weights=true or sampling=balanced helps."
        )
    own: dict[str, set[str]] = {}
    for clip in explored.clips:
        if clip.utterance.speaker:
            own.setdefault(clip.utterance.speaker, set()).add(clip.utterance.emotion)
    lacking = [speaker for speaker, emotions in own.items() if len(emotions) < len(counts)]
    if lacking:
        yield f"{len(lacking)} of {len(own)} speakers lack an emotion, such as {lacking[0]}: voices may tell labels."
    if unknown := sum(clip.utterance.speaker is None for clip in explored.clips):
        yield f"{unknown} clips do not say who speaks: no split can keep their speakers apart."


def _files(clips: Sequence[Clip]) -> Iterator[str]:
    for what, values in {
        "sample rates": [f"{clip.sample_rate} Hz" for clip in clips],
        "numbers of channels": [str(clip.channels) for clip in clips],
        "file formats": [clip.form for clip in clips],
    }.items():
        counts = Counter(values).most_common()
        if len(counts) > 1:
            yield f"{len(counts)} {what}: {', '.join(f'{value} ({n} clips)' for value, n in counts[:_NAMED])}."


def _sound(clips: Sequence[Clip]) -> Iterator[str]:
    if clipped := [clip for clip in clips if clip.clipped]:
        by_emotion = Counter(clip.utterance.emotion for clip in clipped)
        told = ", ".join(f"{n} of {emotion}" for emotion, n in by_emotion.most_common(_NAMED))
        yield f"{len(clipped)} clips are clipped ({told}), such as {clipped[0].utterance.id}."
    if noisy := [clip for clip in clips if clip.snr_db < NOISY_DB]:
        yield (
            f"In {len(noisy)} clips the speech is less than {NOISY_DB:g} dB above the quietest parts, such as"
            f" {noisy[0].utterance.id}: noise, or no pause."
        )
