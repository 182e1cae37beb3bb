import csv
import io
import json
import re
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from ser.inference import formats
from ser.inference.prediction import SILENCE, Prediction, Segment

ALMOST = 1e-6  # seconds, to which times are written


class Interval(NamedTuple):
    start_s: float
    end_s: float
    text: str


def said(start_s: float, end_s: float, emotion: str, speaker: str | None = None) -> Segment:
    return Segment(start_s, end_s, emotion, {emotion: 0.75, "other": 0.25}, speaker)


def of(*segments: Segment, duration_s: float) -> Prediction:
    return Prediction.of(segments, duration_s)


def read_textgrid(text: str) -> tuple[float, dict[str, list[Interval]]]:
    """As Praat does it: of the long format, only what is between quotes, free numbers and <flags> count."""
    tokens = re.findall(r'"(?:[^"]|"")*"|<\w+>|(?<![\w.\[])-?\d+(?:\.\d+)?(?![\w.\]])', text)
    values = iter([token[1:-1].replace('""', '"') if token[0] == '"' else token for token in tokens])
    assert (next(values), next(values), next(values)) == ("ooTextFile", "TextGrid", "0")
    end_s = float(next(values))
    assert next(values) == "<exists>"
    tiers = {}
    for _ in range(int(next(values))):
        assert next(values) == "IntervalTier"
        name = next(values)
        assert (next(values), float(next(values))) == ("0", end_s)
        n_intervals = int(next(values))
        tiers[name] = [Interval(float(next(values)), float(next(values)), next(values)) for _ in range(n_intervals)]
    assert not list(values)
    return end_s, tiers


def read_elan(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def read_audacity(text: str) -> list[Interval]:
    fields = [line.split("\t") for line in text.splitlines()]
    return [Interval(float(start), float(end), label) for start, end, label in fields]


TALK = of(
    said(0.5, 2.0, "sad", "Anna"),
    said(1.25, 3.0, "angry", "山田 太郎"),
    said(2.0, 2.5, "happy", "Anna"),
    Segment(3.0, 3.5, SILENCE),
    said(3.5, 4.0, "sad", "Anna"),
    duration_s=4.25,
)


def test_audacity_names_speakers_and_leaves_silence_out() -> None:
    assert formats.audacity(TALK) == (
        "0.500000\t2.000000\tAnna: sad\n"
        "1.250000\t3.000000\t山田 太郎: angry\n"
        "2.000000\t2.500000\tAnna: happy\n"
        "3.500000\t4.000000\tAnna: sad\n"
    )


def test_a_speaker_has_a_tier_without_gaps() -> None:
    end_s, tiers = read_textgrid(formats.textgrid(TALK))
    assert end_s == 4.25 and list(tiers) == ["Anna", "山田 太郎"]
    assert tiers["Anna"] == [
        (0, 0.5, ""),
        (0.5, 2, "sad"),
        (2, 2.5, "happy"),
        (2.5, 3.5, ""),
        (3.5, 4, "sad"),
        (4, 4.25, ""),
    ]
    assert tiers["山田 太郎"] == [(0, 1.25, ""), (1.25, 3, "angry"), (3, 4.25, "")]


def test_elan_has_a_row_an_annotation() -> None:
    assert formats.elan(TALK).splitlines()[:3] == [
        "tier\tbegin\tend\tannotation",
        "Anna\t0.500000\t2.000000\tsad",
        "山田 太郎\t1.250000\t3.000000\tangry",
    ]
    assert len(read_elan(formats.elan(TALK))) == 4


def test_json_has_everything() -> None:
    made = json.loads(json.dumps(formats.as_json("録音/a.wav", TALK)))
    assert list(made) == ["path", "emotion", "probabilities", "duration_s", "timeline", "remarks"]
    assert (made["path"], made["duration_s"], made["emotion"]) == ("録音/a.wav", 4.25, TALK.emotion)
    assert made["probabilities"] == TALK.probabilities
    back = [
        Segment(one["start_s"], one["end_s"], one["emotion"], one["probabilities"], one.get("speaker"))
        for one in made["timeline"]
    ]
    assert back == list(TALK.timeline)
    assert "speaker" not in made["timeline"][3]
    json.dumps(formats.as_json("\udc83.wav", TALK), ensure_ascii=False).encode()  # a name that is no Unicode


def test_a_clip_heard_as_a_whole_is_one_segment() -> None:
    clip = Prediction("sad", {"sad": 0.75, "happy": 0.25}, 2.5, remarks=["its header lies"])
    assert formats.audacity(clip) == "0.000000\t2.500000\tsad\n"
    assert read_textgrid(formats.textgrid(clip)) == (2.5, {"emotion": [(0, 2.5, "sad")]})
    assert read_elan(formats.elan(clip)) == [
        {"tier": "emotion", "begin": "0.000000", "end": "2.500000", "annotation": "sad"}
    ]
    made = formats.as_json("a.wav", clip)
    assert made["remarks"] == ["its header lies"]
    assert made["timeline"] == [
        {"start_s": 0.0, "end_s": 2.5, "emotion": "sad", "probabilities": {"sad": 0.75, "happy": 0.25}}
    ]


@pytest.mark.parametrize("timeline", [(), (Segment(0, 2.5, SILENCE),)])
def test_silence_is_nothing(timeline: tuple[Segment, ...]) -> None:
    silent = Prediction(SILENCE, {}, 2.5, timeline)
    assert formats.audacity(silent) == ""
    assert read_textgrid(formats.textgrid(silent)) == (2.5, {"emotion": [(0, 2.5, "")]})
    assert read_elan(formats.elan(silent)) == []
    assert formats.as_json("a.wav", silent)["timeline"][0]["emotion"] == SILENCE
    of_numbers = formats.as_json("a.wav", silent, numbers=True)
    assert of_numbers["numbers"] == of_numbers["timeline"][0]["numbers"] == {} and "emotion" not in of_numbers


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ('"Bo" "', '"Bo" "'),
        ("A.\tB.\nC.\r\n", "A. B. C."),
        ("a\0b\x85c\u2028d", "a b c d"),
        ("\n", "emotion"),
        ("1", "1"),
    ],
)
def test_names_stay_in_their_field(name: str, written: str) -> None:
    prediction = of(said(0, 1, 'so-"so"', name), duration_s=1)
    assert read_textgrid(formats.textgrid(prediction))[1] == {written: [(0, 1, 'so-"so"')]}
    (row,) = read_elan(formats.elan(prediction))
    assert (row["tier"], row["annotation"]) == (written, 'so-"so"')
    (label,) = read_audacity(formats.audacity(prediction))
    assert label.text == 'so-"so"' if written == "emotion" else f'{written}: so-"so"'


def test_turns_of_one_speaker_that_overlap_do_not_in_a_tier() -> None:
    prediction = of(
        said(0, 2, "sad", "Anna"),
        said(0.5, 1, "happy", "Anna"),  # within the first
        said(1, 3, "angry", "Anna"),
        duration_s=2.5,  # before the last one's end
    )
    assert read_textgrid(formats.textgrid(prediction))[1]["Anna"] == [(0, 2, "sad"), (2, 2.5, "angry")]
    assert [(row["begin"], row["end"]) for row in read_elan(formats.elan(prediction))] == [
        ("0.000000", "2.000000"),
        ("2.000000", "2.500000"),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_what_touches_does_so_in_the_files(seed: int) -> None:
    """Of edges with any number of digits, and with errors of floating point."""
    random = np.random.default_rng(seed)
    segments = []
    for speaker in ("Anna", "Bert"):
        edges = np.cumsum(random.uniform(0.05, 3, 200)).tolist()
        spoken = [said(a + 1e-13, b, f"e{n % 7}", speaker) for n, (a, b) in enumerate(pairwise(edges))]
        segments += [one for n, one in enumerate(spoken) if n % 10 != 9]
    segments.sort(key=lambda one: one.start_s)
    duration_s = max(one.end_s for one in segments) + 1 / 3
    prediction = of(*segments, duration_s=duration_s)
    end_s, tiers = read_textgrid(formats.textgrid(prediction))
    assert end_s == pytest.approx(duration_s, abs=ALMOST)
    rows, labels = read_elan(formats.elan(prediction)), read_audacity(formats.audacity(prediction))
    assert [label.start_s for label in labels] == sorted(label.start_s for label in labels)
    for speaker in ("Anna", "Bert"):
        own = [one for one in segments if one.speaker == speaker]
        tier = tiers[speaker]
        assert (tier[0].start_s, tier[-1].end_s) == (0, end_s)
        assert all(one.end_s == other.start_s for one, other in pairwise(tier))
        assert all(one.start_s < one.end_s for one in tier)
        spoken = [one for one in tier if one.text]
        assert spoken == [
            Interval(float(row["begin"]), float(row["end"]), row["annotation"])
            for row in rows
            if row["tier"] == speaker
        ]
        assert spoken == [
            label._replace(text=label.text.removeprefix(f"{speaker}: "))
            for label in labels
            if label.text.startswith(speaker)
        ]
        assert [one.text for one in spoken] == [one.emotion for one in own]
        np.testing.assert_allclose([one[:2] for one in spoken], [(one.start_s, one.end_s) for one in own], atol=ALMOST)
