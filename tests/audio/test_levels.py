"""Levels of speech and of frames."""

import numpy as np
import pytest

from ser.audio import Waveform
from ser.audio.levels import active_power, decibels, frame_powers

RATE = 16_000


def white(seconds: float) -> Waveform:
    return 0.1 * np.random.default_rng(1).standard_normal(round(seconds * RATE)).astype(np.float32)


def test_a_sine_is_three_decibels_below_its_peak() -> None:
    sine = 0.5 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE).astype(np.float32)
    levels = decibels(frame_powers(sine, RATE))
    assert levels.shape == (50,) and levels == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.01)


def test_pauses_do_not_count_as_speech_but_soft_speech_does() -> None:
    loud, soft, hiss = white(1), 0.3 * white(1), 0.001 * white(1)  # 10 and 60 dB softer
    assert active_power(np.concatenate([loud, hiss]), RATE) == pytest.approx(0.01, rel=0.02)
    assert active_power(np.concatenate([loud, soft]), RATE) == pytest.approx(0.01 * 1.09 / 2, rel=0.02)
