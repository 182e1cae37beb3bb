"""The page: one HTML file that needs no network."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ser.exploration.drawing import LEFT, RIGHT, WIDTH, pictures
from ser.exploration.examples import examples
from ser.exploration.exploring import Explored
from ser.exploration.findings import Finding
from ser.exploration.measuring import Clip
from ser.exploration.speakers import MEASURES
from ser.page.rendering import render

_HERE = Path(__file__).parent
MANY = 40  # rows of a table: more of them are folded up
MOST = 200  # rows of a table; clips.csv has all

# By name: the unit, and what is measured.
SPREAD: Mapping[str, tuple[str, Callable[[Clip], float]]] = {
    "length": ("s", lambda clip: clip.duration_s),
    "level of the speech": ("dBFS", lambda clip: clip.level_db),
    "noise": ("dBFS", lambda clip: clip.noise_db),
    "speech above noise": ("dB", lambda clip: clip.snr_db),
    "highest sample": ("dBFS", lambda clip: clip.peak_db),
    "silence before the speech": ("s", lambda clip: clip.leading_s),
    "silence after the speech": ("s", lambda clip: clip.trailing_s),
    "pitch": ("Hz", lambda clip: clip.pitch_hz),
    "range of the pitch": ("semitones", lambda clip: clip.pitch_range),
}
QUANTILES = {"least": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "most": 1.0}


def page(explored: Explored, findings: Sequence[Finding]) -> str:
    """HTML of all that was found."""
    return render(
        _HERE / "explore.html",
        title=f"{explored.name}: {len(explored.clips)} clip{'s' if len(explored.clips) > 1 else ''}",
        explored=explored,
        findings=findings,
        facts=_facts(explored),
        emotions=Counter(explored.emotions),
        speakers_of=_speakers_of(explored),
        minutes_of=_minutes_of(explored),
        counts={name: _shaded(counts) for name, counts in explored.counted().items()},
        many=MANY,
        most=MOST,
        pictures=pictures(explored),
        ends=(LEFT, WIDTH - RIGHT),
        spread=_spread(explored.clips),
        quantiles=list(QUANTILES),
        files=Counter((clip.form, clip.sample_rate, clip.channels) for clip in explored.clips).most_common(),
        measures=MEASURES,
        examples=examples(explored),
    )


def _facts(explored: Explored) -> dict[str, str]:
    minutes, seconds = divmod(round(explored.hours * 3600), 60)
    hours, minutes = divmod(minutes, 60)
    facts = {
        "clips": str(len(explored.clips)),
        "emotions": str(len(explored.labels)),
        "speakers": str(len(explored.voices)) if explored.voices else "not known",
        "length of all": f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s",
    }
    return facts | ({"cannot be used": str(len(explored.broken))} if explored.broken else {})


def _speakers_of(explored: Explored) -> dict[str, int]:
    pairs = {(clip.utterance.emotion, clip.utterance.speaker) for clip in explored.clips if clip.utterance.speaker}
    return Counter(emotion for emotion, _ in pairs)


def _minutes_of(explored: Explored) -> dict[str, float]:
    return {
        label: sum(clip.duration_s for clip in explored.clips if clip.utterance.emotion == label) / 60
        for label in explored.labels
    }


def _shaded(counts: dict[str, list[int]]) -> dict[str, list[tuple[int, float]]]:
    """Of each value its counts, and what part of the highest in the table each is."""
    most = max(max(row) for row in counts.values())
    return {value: [(count, count / most) for count in row] for value, row in counts.items()}


def _spread(clips: Sequence[Clip]) -> list[dict[str, Any]]:
    """How each measure is spread over the clips for which it is known."""
    rows = []
    for name, (unit, of) in SPREAD.items():
        values = np.array([of(clip) for clip in clips])
        values = values[np.isfinite(values)]
        if len(values):
            rows.append({"name": name, "unit": unit, "found": np.quantile(values, list(QUANTILES.values())).tolist()})
    return rows
