"""Which clips are shown, and their files."""

import io

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from ser.explanation.examples import HEIGHT, WIDTH, choose, describe, spectrogram

RATE = 16000


def row(name: str, true: str, predicted: str, probability: float, speaker: str = "") -> dict[str, str]:
    return {
        **{"utterance": name, "speaker": speaker, "emotion": true, "predicted": predicted},
        f"p_{predicted}": f"{probability:.6f}",
    }


MISTAKES = [row(f"wrong {i}", "sad", "angry", 0.99 - i / 100, f"voice {i // 4}") for i in range(16)]
RIGHT = [
    row(f"right {i}", emotion, emotion, 0.9 - i / 100) for i, emotion in enumerate(["sad", "sad", "calm", "angry"])
]


def named(rows: list[dict[str, str]]) -> list[str]:
    return [row["utterance"] for row in rows]


def test_the_surest_mistakes_are_shown_of_a_speaker_two_at_most() -> None:
    mistakes, _ = choose([*RIGHT, *MISTAKES[::-1]], lambda _: True)
    assert named(mistakes) == [f"wrong {i}" for i in (0, 1, 4, 5, 8, 9, 12, 13)]
    nobody = [{**one, "speaker": ""} for one in MISTAKES]
    assert named(choose(nobody, lambda _: True)[0]) == [f"wrong {i}" for i in range(8)]


def test_mistakes_and_right_answers_are_looked_into_in_turn() -> None:
    _, listened = choose([*RIGHT, *MISTAKES], lambda _: True)
    assert named(listened) == ["wrong 0", "right 0", "wrong 1", "right 2", "wrong 4", "right 3"]
    _, short = choose([*RIGHT, *MISTAKES], lambda row: row["utterance"] not in ("wrong 0", "right 0"))
    assert named(short) == ["wrong 1", "right 1", "wrong 4", "right 2", "wrong 5", "right 3"]


@pytest.mark.parametrize(("rows", "n_mistakes", "n_listened"), [(RIGHT, 0, 3), (MISTAKES[:5], 3, 3), ([], 0, 0)])
def test_there_may_be_few(rows: list[dict[str, str]], n_mistakes: int, n_listened: int) -> None:
    mistakes, listened = choose(rows, lambda _: True)
    assert (len(mistakes), len(listened)) == (n_mistakes, n_listened)


@pytest.mark.parametrize("hz", [250.0, 1000.0, 4000.0])
def test_a_tone_is_bright_at_its_place_and_time(hz: float) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(2 * RATE) / RATE).astype(np.float32)
    tone[RATE:] = 0
    example, _ = describe("1", MISTAKES[0], tone, RATE, is_mistake=True, relevance=None)
    picture = imread(io.BytesIO(spectrogram(tone, RATE)))[..., :3].sum(axis=2)
    height, width = picture.shape
    assert height == HEIGHT and width <= WIDTH
    assert picture[:, width // 4].argmax() == pytest.approx(HEIGHT * (1 - dict(example.mel_ticks)[hz]), abs=1.5)
    assert np.ptp(picture[:, 3 * width // 4]) == 0 and picture.min() == picture[0, -1]


@pytest.mark.parametrize("rate", [8000, 44100])
def test_an_example_plays_what_the_model_heard(rate: int) -> None:
    random = np.random.default_rng(0)
    clip = np.convolve(random.normal(size=12 * rate), np.ones(20) / 100, "same").astype(np.float32)
    example, files = describe("01", RIGHT[0], clip, rate, is_mistake=False, relevance=None)
    assert (example.kind, example.true, example.predicted, example.probability) == ("listened", "sad", "sad", 0.9)
    assert set(files) == {example.audio, example.spectrogram} == {"01.flac", "01.png"}
    samples, played = soundfile.read(io.BytesIO(files["01.flac"]))
    assert (len(samples) / played, played) == (example.duration_s, min(rate, 16000)) == (10.0, played)
    if played == rate:
        np.testing.assert_allclose(samples, clip[: 10 * rate].clip(-1, 1), atol=1e-4)
    assert example.top_hz == rate / 2 and max(hz for hz, _ in example.mel_ticks) <= rate / 2


@pytest.mark.parametrize("n_samples", [1, 100, RATE // 10])
def test_the_shortest_clip_and_silence_can_be_drawn(n_samples: int) -> None:
    for clip in (np.zeros(n_samples, np.float32), np.ones(n_samples, np.float32)):
        assert imread(io.BytesIO(spectrogram(clip, RATE))).shape[0] == HEIGHT
