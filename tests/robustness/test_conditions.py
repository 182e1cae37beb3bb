"""What each condition does to a recording, measured."""

import numpy as np
import pytest

from ser.audio import Waveform
from ser.audio.levels import active_power
from ser.robustness import conditions
from ser.robustness.conditions import CONDITIONS, Condition

RATE = 16_000


def white(seconds: float, rate: int = RATE) -> Waveform:
    return 0.1 * np.random.default_rng(1).standard_normal(round(seconds * rate)).astype(np.float32)


def tone(hz: float, seconds: float = 1.0, rate: int = RATE) -> Waveform:
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate), np.float32)


def power_db(waveform: Waveform, low_hz: float = 0, high_hz: float = RATE) -> float:
    """Between two frequencies."""
    spectrum = np.square(np.abs(np.fft.rfft(waveform)))
    frequency = np.fft.rfftfreq(len(waveform), 1 / RATE)
    return float(10 * np.log10(spectrum[(frequency >= low_hz) & (frequency < high_hz)].sum()))


def snr_db(clean: Waveform, changed: Waveform) -> float:
    return float(10 * np.log10(np.square(clean).mean() / np.square(changed - clean).mean()))


@pytest.mark.parametrize("condition", CONDITIONS, ids=[one.name for one in CONDITIONS])
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_what_all_promise(condition: Condition, rate: int) -> None:
    clip = white(0.4, rate)
    before = clip.copy()
    changed = condition.change(clip, rate, 3)
    np.testing.assert_array_equal(clip, before)
    np.testing.assert_array_equal(condition.change(clip, rate, 3), changed)
    assert changed.dtype == np.float32 and np.isfinite(changed).all()
    length = {"speed, 0.9": 1 / 0.9, "speed, 1.1": 1 / 1.1}.get(condition.name, 1) * len(clip)
    assert len(changed) == pytest.approx(length, abs=2)
    silence = condition.change(np.zeros_like(clip), rate, 3)
    assert np.abs(silence).max() < 1e-4, "silence stays silence"
    if condition.name.startswith(("noise", "reverberation")):
        assert (condition.change(clip, rate, 4) != changed).any()


@pytest.mark.parametrize("db", [20, 0])
def test_noise_is_so_much_softer_than_active_speech_and_has_its_spectrum(db: float) -> None:
    clip = np.concatenate([np.zeros(RATE, np.float32), white(1), np.zeros(2 * RATE, np.float32)])
    added = conditions.noise(clip, RATE, 0, snr_db=db) - clip
    assert power_db(clip[RATE : 2 * RATE]) - power_db(added[RATE : 2 * RATE]) == pytest.approx(db, abs=0.3)
    assert active_power(clip, RATE) == pytest.approx(0.01, rel=0.02)
    levels = dict(zip(conditions.SPEECH_HZ, conditions.SPEECH_DB, strict=True))
    measured = {hz: power_db(added, hz * 2 ** (-1 / 6), hz * 2 ** (1 / 6)) for hz in (250, 500, 1000, 4000)}
    for hz, level in measured.items():
        assert level - measured[1000] == pytest.approx(levels[hz] - levels[1000], abs=1.5)


def test_a_telephone_has_its_band_and_eight_bits() -> None:
    clip = white(4)
    heard = conditions.telephone(clip, RATE, 0)
    assert abs(power_db(heard, 500, 3000) - power_db(clip, 500, 3000)) < 0.5
    for low, high in ((0, 150), (4000, 8000)):
        assert power_db(heard, low, high) < power_db(clip, low, high) - 25
    told = [conditions.telephone(level * tone(1000, rate=8000), 8000, 0)[4000:] for level in (0.1, 1)]
    for heard in told:  # of 8 bits by the mu-law about 38 dB, whatever the level
        assert len(np.unique(heard)) <= 255
        spectrum = np.square(np.abs(np.fft.rfft(heard)))  # of half a second: 2 Hz a bin
        assert spectrum[500] > 1000 * (spectrum.sum() - spectrum[500])


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 96_000])
def test_mp3_is_lossy_and_in_time(rate: int) -> None:
    clip = tone(440, rate=rate) * np.hanning(rate).astype(np.float32)
    assert 20 < snr_db(clip, conditions.mp3(clip, rate, 0)[: len(clip)]) < 80


def test_where_libsndfile_cannot_write_mp3_the_others_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert conditions.available() == list(CONDITIONS)
    monkeypatch.setattr("soundfile.available_formats", lambda: {"WAV": "WAV"})
    assert [one.name for one in CONDITIONS if one not in conditions.available()] == [conditions.MP3]


def test_a_room_dies_away_by_60_db_within_its_time() -> None:
    click = np.zeros(RATE, np.float32)
    click[0] = 1
    energy = np.square(conditions.room(click, RATE, 0, rt60_s=0.6, drr_db=0))
    assert energy[0] == 1 and energy[1:].sum() == pytest.approx(1, abs=1e-3)  # as strong as the direct sound
    left = 10 * np.log10(energy[1:][::-1].cumsum()[::-1])  # Schroeder 1965
    assert left[round(0.3 * RATE)] - left[round(0.1 * RATE)] == pytest.approx(-20, abs=1)


def test_gain_clipping_and_speed() -> None:
    clip = white(1)
    np.testing.assert_allclose(conditions.gain(clip, RATE, 0, decibels=-20), clip / 10, rtol=1e-6)
    loud = conditions.full_scale(clip, RATE, 0)
    assert np.abs(loud).max() == 1
    np.testing.assert_allclose(loud * np.abs(clip).max(), clip, rtol=1e-5)
    clipped = conditions.clipping(clip, RATE, 0, share=0.1)
    assert (np.abs(clipped) == np.abs(clipped).max()).mean() == pytest.approx(0.1, abs=1e-3)
    kept = np.abs(clip) < np.abs(clipped).max()
    np.testing.assert_array_equal(clipped[kept], clip[kept])
    spectrum = np.abs(np.fft.rfft(conditions.speed(tone(400), RATE, 0, factor=1.1)))
    assert spectrum.argmax() * 1.1 == pytest.approx(440, abs=1)
