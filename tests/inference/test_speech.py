"""Voice activity: the network against Silero's own, intervals by hand, and speech that eSpeak NG speaks."""

import threading
import warnings
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
import torch

from ser import audio
from ser.audio import Waveform
from ser.inference.speech import (
    CONTEXT,
    FRAME,
    FRAME_S,
    MAX_SPEECH_S,
    PADDING_S,
    SAMPLE_RATE,
    THRESHOLD,
    Interval,
    Spans,
    VoiceActivity,
    _at_start,
    _Network,
    has_speech,
)

CLIP = "Actor_01/03-01-05-01-01-01-01.wav"


@pytest.fixture(scope="module")
def clip(speech: Path) -> Waveform:
    return audio.load(speech / CLIP, sample_rate=SAMPLE_RATE, top_db=30)


@pytest.fixture(scope="module")
def recording(clip: Waveform) -> tuple[Waveform, list[Interval]]:
    """The clip three times, each time fainter, in faint noise; and when it is spoken."""
    samples = 1e-4 * np.random.default_rng(0).standard_normal(14 * SAMPLE_RATE).astype(np.float32)
    spoken = []
    for start, loudness in ((1, 1.0), (5, 0.3), (10, 0.1)):
        samples[start * SAMPLE_RATE :][: len(clip)] += loudness * clip
        spoken.append((start, start + len(clip) / SAMPLE_RATE))
    return samples, spoken


def heard(samples: Waveform, block: int) -> list[Interval]:
    activity = VoiceActivity()
    blocks = np.split(samples, range(block, len(samples), block))
    return [interval for block in blocks for interval in activity.feed(block)] + activity.finish()


def of_frames(*runs: tuple[bool, float]) -> list[Interval]:
    """The intervals of frames that are speech or not for so many seconds."""
    spans = Spans()
    frames = [is_speech for is_speech, seconds in runs for _ in range(round(seconds / FRAME_S))]
    return [*spans.add(frames), *spans.finish()]


def test_speech_is_found_where_it_is(recording: tuple[Waveform, list[Interval]]) -> None:
    samples, spoken = recording
    np.testing.assert_allclose(heard(samples, 1600), spoken, atol=0.25)


@pytest.mark.parametrize("block", [100, 511, 512, 513, 16_000, 10**6])
def test_the_size_of_the_blocks_changes_nothing(recording: tuple[Waveform, list[Interval]], block: int) -> None:
    samples, _ = recording
    assert heard(samples, block) == heard(samples, 1600)


def test_faint_speech_is_heard(recording: tuple[Waveform, list[Interval]]) -> None:
    samples, spoken = recording
    np.testing.assert_allclose(heard(0.01 * samples, 1600), spoken, atol=0.25)


def test_an_interval_is_given_when_its_pause_is_over(recording: tuple[Waveform, list[Interval]]) -> None:
    samples, spoken = recording
    activity = VoiceActivity()
    end = round((spoken[0][1] + 0.6) * SAMPLE_RATE)
    assert len(activity.feed(samples[:end])) == 1
    assert activity.feed(samples[:0]) == []


def test_a_stream_is_forgotten_when_it_ends(recording: tuple[Waveform, list[Interval]]) -> None:
    samples, _ = recording
    activity = VoiceActivity()
    activity.feed(samples[: 2 * SAMPLE_RATE])  # within speech
    [(_, end)] = activity.finish()
    assert end <= 2.0
    assert activity.feed(samples) + activity.finish() == heard(samples, len(samples))
    assert activity.finish() == []


def test_several_streams_at_once(recording: tuple[Waveform, list[Interval]]) -> None:
    samples, _ = recording
    given: dict[int, list[Interval]] = {}
    sizes = (700, 1000, 1600, 3000)
    threads = [threading.Thread(target=lambda n=n: given.update({n: heard(samples, n)})) for n in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [given[n] for n in sizes] == [heard(samples, 1600)] * len(sizes)


def test_pauses_knocks_and_padding() -> None:
    assert of_frames((False, 1.0)) == []
    assert of_frames((False, 1.0), (True, 0.064), (False, 1.0)) == []  # a knock
    [(start, end)] = of_frames((False, 0.96), (True, 0.96), (False, 0.192), (True, 0.96), (False, 0.96))
    assert (start, end) == pytest.approx((0.96 - PADDING_S, 3.072 + PADDING_S))
    assert len(of_frames((True, 0.96), (False, 0.352), (True, 0.96))) == 2
    assert of_frames((True, 0.96))[0][0] == 0.0


def test_long_speech_comes_in_parts_that_touch() -> None:
    parts = of_frames((False, 0.96), (True, 2.5 * MAX_SPEECH_S), (False, 1.0))
    assert len(parts) == 3
    assert [end for _, end in parts[:-1]] == [start for start, _ in parts[1:]]
    assert parts[-1][1] - parts[0][0] == pytest.approx(2.5 * MAX_SPEECH_S + 2 * PADDING_S, abs=FRAME_S)
    assert len(of_frames((True, MAX_SPEECH_S + FRAME_S), (False, 1.0), (True, 0.064), (False, 1.0))) == 2


def test_every_clip_has_speech_at_any_loudness_and_sample_rate(speech: Path) -> None:
    for path in sorted(speech.rglob("*.wav"))[::12]:
        samples, sample_rate, _ = audio.read(path)
        assert has_speech(samples, sample_rate)
        assert has_speech(audio.resample(0.01 * samples, sample_rate, 44_100), 44_100)


def test_silence_noise_and_tones_have_none() -> None:
    generator = np.random.default_rng(0)
    second = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    white = generator.standard_normal(3 * SAMPLE_RATE)
    for sound in (
        np.zeros(3 * SAMPLE_RATE),
        np.zeros(1),
        np.zeros(0),
        1e-4 * white,
        0.1 * white,
        0.01 * np.cumsum(white - white.mean()),
        0.1 * np.sin(2 * np.pi * 440 * second),
    ):
        samples = sound.astype(np.float32)
        assert not has_speech(samples, SAMPLE_RATE)
        assert heard(samples, 1600) == []


def test_the_network_is_that_of_silero(clip: Waveform) -> None:
    """With the weights of the TorchScript that silero-vad ships (newer ones) it gives the same probabilities."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs = torch.jit.load(str(distribution("silero-vad").locate_file("silero_vad/data/silero_vad.jit")))
    weights = [weight for name, weight in theirs.state_dict().items() if name.startswith("_model.")]
    ours = _Network().eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), weights, strict=True)))
    samples = torch.from_numpy(clip[: len(clip) // FRAME * FRAME])
    samples = samples / samples.abs().max()  # loud enough to be left as it is
    frames = torch.nn.functional.pad(samples, (CONTEXT, 0)).unfold(0, CONTEXT + FRAME, FRAME)
    with torch.no_grad():
        expected = torch.stack([theirs(frame, SAMPLE_RATE)[0, 0] for frame in samples.split(FRAME)])
        found, _ = ours(frames, _at_start(1.0))
    assert expected.max() > THRESHOLD > expected.min()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
