"""What is said of a recording, as a part of the page."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from ser.audio import Waveform
from ser.demo.drawing import HEIGHT, N_COLUMNS, mel_picture, waveform_path
from ser.demo.texts import Texts
from ser.inference.prediction import Prediction, Segment

HUES = {  # of the emotions, in degrees of the colour circle; further ones have some between
    **{"neutral": 220, "calm": 175, "happy": 48, "sad": 255, "angry": 4, "fearful": 285, "disgust": 95},
    "surprised": 25,
}
TICKS_S = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
N_TICKS = 6  # at most
ROOM = 0.12  # of the width, for the last tick's time, on a phone
NARROW = 0.05  # of the width: a part in which no word is written

_HERE = Path(__file__).parent


def answer(
    said: Mapping[str, Prediction], samples: Waveform, sample_rate: int, address: str, language: str, texts: Texts
) -> str:
    """HTML of a recording and of what each model says of it.

    Args:
        said: by the models' names; one at least.
        samples: (samples,) of the recording.
        sample_rate: of these, in Hz.
        address: from where the page gets the recording to play it.
        language, texts: to say it in.
    """
    duration_s = len(samples) / sample_rate
    names = [emotion for one in said.values() for emotion in one.probabilities]
    return _template("answer.html").render(
        language=language,
        t=texts,
        address=address,
        duration_s=duration_s,
        waveform=waveform_path(samples),
        size=(N_COLUMNS, HEIGHT),
        mel=mel_picture(samples, sample_rate),
        ticks=[{"at": tick / duration_s, "name": clock(tick)} for tick in _ticks(duration_s)],
        models=[_model(name, one, names, texts) for name, one in said.items()],
        remarks=sorted({remark for one in said.values() for remark in one.remarks}),
    )


def problem(language: str, text: str, detail: str = "") -> str:
    """HTML that says why there is no answer."""
    return _template("problem.html").render(language=language, text=text, detail=detail)


def clock(seconds: float) -> str:
    """A time as people write it.

    >>> clock(0.5), clock(75), clock(3725)
    ('0:00.5', '1:15', '1:02:05')
    """
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{rest:04.1f}" if rest % 1 else f"{rest:02.0f}"
    return f"{hours}:{minutes:02}:{shown}" if hours else f"{minutes}:{shown}"


def _model(name: str, said: Prediction, names: Sequence[str], texts: Texts) -> dict[str, Any]:
    """What the template shows of a model: the likeliest first."""
    timeline = said.timeline or [Segment(0.0, said.duration_s, said.emotion, said.probabilities)]
    ranked = sorted(said.probabilities.items(), key=lambda pair: -pair[1])
    return {
        "name": name,
        "emotion": texts.get(said.emotion, said.emotion),
        "hue": _hue(said.emotion, names),
        "bars": [{"emotion": texts.get(one, one), "hue": _hue(one, names), "share": share} for one, share in ranked],
        "parts": [_part(segment, said.duration_s, names, texts) for segment in timeline],
    }


def _part(segment: Segment, duration_s: float, names: Sequence[str], texts: Texts) -> dict[str, Any]:
    start, end = round(segment.start_s, 1), round(segment.end_s, 1)
    emotion = texts.get(segment.emotion, segment.emotion)
    return {
        "start_s": segment.start_s,
        "end_s": segment.end_s,
        "at": segment.start_s / duration_s,
        "width": segment.duration_s / duration_s,
        "is_named": segment.emotion in segment.probabilities and segment.duration_s > NARROW * duration_s,
        "clock": f"{clock(start)} – {clock(end)}",
        "emotion": emotion,
        "share": segment.probabilities.get(segment.emotion),
        "hue": _hue(segment.emotion, names),
        "does": texts["part"].format(start=clock(start), end=clock(end), emotion=emotion),
    }


def _hue(emotion: str, names: Sequence[str]) -> int | None:
    """None: of silence, grey."""
    if emotion in HUES or emotion not in names:
        return HUES.get(emotion)
    return (65 + 137 * names.index(emotion)) % 360


def _ticks(duration_s: float) -> list[float]:
    """The times that are written below the timeline, in seconds.

    >>> _ticks(10), _ticks(12.4)
    ([0, 2, 4, 6, 8], [0, 5, 10])
    """
    step = next((step for step in TICKS_S if duration_s / step <= N_TICKS), duration_s / N_TICKS)
    return [number * step for number in range(int(duration_s * (1 - ROOM) / step) + 1)]


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)
