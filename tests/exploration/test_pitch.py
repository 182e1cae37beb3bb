"""The fundamental frequency of sounds whose frequency is known."""

import numpy as np
import pytest

from ser.exploration.pitch import RATE_HZ, pitches


@pytest.mark.parametrize("hz", [82.0, 150.0, 333.0, 560.0])
def test_of_a_voice_with_harmonics(hz: float) -> None:
    time = np.arange(RATE_HZ) / RATE_HZ
    voice = sum(np.sin(2 * np.pi * number * hz * time) / number for number in range(1, 6))
    noise = 0.05 * np.random.default_rng(0).standard_normal(RATE_HZ)
    found = pitches(np.asarray(0.1 * voice + 0.1 * noise, np.float32))
    assert len(found) > 40 and np.median(found) == pytest.approx(hz, rel=0.01)
    assert np.quantile(np.abs(12 * np.log2(found / hz)), 0.9) < 0.5


def test_noise_and_silence_have_none() -> None:
    assert len(pitches(np.zeros(RATE_HZ, np.float32))) == 0
    assert len(pitches(np.zeros(100, np.float32))) == 0
    noise = np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32)
    assert len(pitches(noise)) < 5
