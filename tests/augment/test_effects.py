"""What each effect does, measured; all of them at once where they promise the same."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ser.augment import effects
from ser.layers.mask import frame_mask

RATE = 16_000

# Each of them as it changes a clip much.
CHANGES: dict[str, Callable[[Tensor, Tensor], effects.Clips]] = {
    "gain": lambda w, n: effects.gain(w, n, values(w, -10)),
    "shift": lambda w, n: effects.shift(w, n, values(w, 0.05), RATE),
    "speed": lambda w, n: effects.speed(w, n, values(w, 0.9)),
    "pitch": lambda w, n: effects.pitch(w, n, values(w, 2), RATE),
    "room": lambda w, n: effects.room(w, n, values(w, 0.5), values(w, 0), RATE),
    "noise": lambda w, n: effects.noise(w, n, values(w, 5), values(w, -3), RATE),
    "low_pass": lambda w, n: effects.low_pass(w, n, values(w, 1000), RATE),
    "high_pass": lambda w, n: effects.high_pass(w, n, values(w, 1000), RATE),
}
each = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())


def values(waveforms: Tensor, value: float) -> Tensor:
    return torch.full((len(waveforms),), float(value))


def noise(*lengths: int) -> tuple[Tensor, Tensor]:
    """A padded batch of white noise."""
    counts = torch.tensor(lengths)
    generator = torch.Generator().manual_seed(1)
    clips = 0.1 * torch.randn(len(lengths), max(lengths), generator=generator)
    return clips * frame_mask(counts, max(lengths)), counts


def tone(hz: float, seconds: float = 1.0, n_clips: int = 1) -> tuple[Tensor, Tensor]:
    time_s = torch.arange(round(seconds * RATE)) / RATE
    return (0.5 * torch.sin(2 * math.pi * hz * time_s)).repeat(n_clips, 1), torch.full((n_clips,), len(time_s))


def loudest_hz(clip: Tensor) -> float:
    """The strongest frequency of a clip's middle, where no edge disturbs."""
    middle = clip[len(clip) // 4 : 3 * len(clip) // 4]
    spectrum = torch.fft.rfft(middle * torch.hann_window(len(middle)), 1 << 18)
    return float(spectrum.abs().argmax()) * RATE / (1 << 18)


def level_db(clip: Tensor) -> float:
    return float(10 * clip.square().mean().log10())


def band_db(clip: Tensor, low_hz: float, high_hz: float) -> float:
    frequency = torch.fft.rfftfreq(len(clip), 1 / RATE)
    power = torch.fft.rfft(clip).abs().square()
    return float(10 * power[(frequency >= low_hz) & (frequency < high_hz)].mean().log10())


@each
def test_padding_stays_zero_and_the_input_as_it_was(change: Callable[..., effects.Clips]) -> None:
    waveforms, lengths = noise(9000, 4321, 800, 1)
    before = waveforms.clone(), lengths.clone()
    changed, counts = change(waveforms, lengths)
    assert changed.dtype == torch.float32 and changed.isfinite().all()
    assert counts.dtype == lengths.dtype and (counts >= 1).all() and int(counts.max()) <= changed.shape[1]
    assert (changed[~frame_mask(counts, changed.shape[1])] == 0).all()
    assert torch.equal(waveforms, before[0]) and torch.equal(lengths, before[1])
    assert not torch.allclose(changed[0, :800], waveforms[0, :800], atol=1e-3)


@each
def test_a_clip_is_changed_in_a_batch_as_it_is_alone(change: Callable[..., effects.Clips]) -> None:
    """More padding changes nothing that is not drawn at random."""
    if change in (CHANGES["room"], CHANGES["noise"]):
        pytest.skip("draws by itself")
    waveforms, lengths = noise(9000, 4321)
    together, counts = change(waveforms, lengths)
    alone, [count] = change(waveforms[1:, :4321], lengths[1:])
    assert count == counts[1]
    torch.testing.assert_close(together[1, :count], alone[0, :count], atol=1e-4, rtol=0)


@each
def test_silence_stays_silent(change: Callable[..., effects.Clips]) -> None:
    changed, _ = change(torch.zeros(2, 5000), torch.tensor([5000, 300]))
    assert (changed == 0).all()


@each
def test_the_same_seed_gives_the_same(change: Callable[..., effects.Clips]) -> None:
    results = []
    for _ in range(2):
        torch.manual_seed(7)
        results.append(change(*noise(5000, 3000)))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


def test_gain() -> None:
    waveforms, lengths = noise(5000, 5000, 5000)
    changed, _ = effects.gain(waveforms, lengths, torch.tensor([-10.0, 0.0, 6.0]))
    differences = [level_db(after) - level_db(before) for after, before in zip(changed, waveforms, strict=True)]
    assert differences == pytest.approx([-10, 0, 6], abs=1e-3)


@pytest.mark.parametrize("seconds", [0.1, -0.1])
def test_shift(seconds: float) -> None:
    waveforms, lengths = noise(8000, 6000)
    changed, counts = effects.shift(waveforms, lengths, torch.full((2,), seconds), RATE)
    assert torch.equal(counts, lengths)
    for after, before, moved, length in zip(changed, waveforms, (1600, 1500), (8000, 6000), strict=True):
        if seconds > 0:
            assert torch.equal(after[moved:length], before[: length - moved]) and (after[:moved] == 0).all()
        else:
            assert torch.equal(after[: length - moved], before[moved:length]) and (after[length - moved :] == 0).all()


def test_speed_changes_length_and_pitch_by_its_factor() -> None:
    waveforms, lengths = tone(440, n_clips=4)
    factors = torch.tensor([0.9, 1.0, 1.07, 1.1])
    changed, counts = effects.speed(waveforms, lengths, factors)
    assert counts.tolist() == [round(RATE / factor) for factor in factors.tolist()]
    for after, count, factor in zip(changed, counts, factors.tolist(), strict=True):
        assert loudest_hz(after[:count]) == pytest.approx(440 * factor, abs=0.5)
        assert level_db(after[:count]) == pytest.approx(level_db(waveforms[0]), abs=0.1)
    assert torch.equal(changed[1, :RATE], waveforms[1])


def test_speed_lets_nothing_alias() -> None:
    waveforms, lengths = tone(7800)
    changed, _ = effects.speed(waveforms, lengths, torch.tensor([1.1]))
    assert level_db(changed[0, 1000:-1000]) < level_db(waveforms[0]) - 40


def test_pitch_moves_a_tone_by_semitones_and_keeps_the_length() -> None:
    waveforms, lengths = tone(440, n_clips=4)
    semitones = torch.tensor([-4.0, -1.0, 0.0, 2.0])
    changed, counts = effects.pitch(waveforms, lengths, semitones, RATE)
    assert torch.equal(counts, lengths) and changed.shape == waveforms.shape
    for after, moved in zip(changed, semitones.tolist(), strict=True):
        assert 12 * math.log2(loudest_hz(after) / 440) == pytest.approx(moved, abs=0.09)
        middle = after[RATE // 4 : 3 * RATE // 4]
        assert level_db(middle) == pytest.approx(level_db(waveforms[0]), abs=1.5)


def test_pitch_keeps_time() -> None:
    """A burst stays where it was."""
    waveforms, lengths = noise(RATE)
    waveforms[:, : RATE // 2 - 800] = waveforms[:, RATE // 2 + 800 :] = 0
    for semitones in (-3.0, 3.0):
        changed, _ = effects.pitch(waveforms, lengths, torch.tensor([semitones]), RATE)
        power = changed[0].square()
        assert float((power * torch.arange(RATE)).sum() / power.sum()) == pytest.approx(RATE / 2, abs=200)


def test_room_adds_a_decaying_tail_and_keeps_the_click() -> None:
    torch.manual_seed(0)
    clicks, lengths = torch.zeros(2, RATE), torch.tensor([RATE, RATE])
    clicks[:, 1000] = 1
    rt60_s, drr_db = torch.tensor([0.3, 0.6]), torch.tensor([0.0, 10.0])
    changed, counts = effects.room(clicks, lengths, rt60_s, drr_db, RATE)
    assert torch.equal(counts, lengths)
    for after, rt60, drr in zip(changed, rt60_s.tolist(), drr_db.tolist(), strict=True):
        assert float(after[:1000].abs().max()) < 1e-5  # no echo before the sound, no delay
        assert float(after[1000]) == pytest.approx(1, abs=1e-5)
        tail = after[1001:]
        assert float(10 * tail.square().sum().log10()) == pytest.approx(-drr, abs=0.01)
        assert float(tail[round(rt60 * RATE) :].abs().max()) < 1e-5
        early, late = tail[:800], tail[round(rt60 / 2 * RATE) :][:800]
        assert level_db(early) - level_db(late) == pytest.approx(30, abs=1.5)  # half of RT60 takes 30 dB


def test_noise_has_the_level_and_the_colour_asked_for() -> None:
    torch.manual_seed(0)
    waveforms, lengths = tone(440, seconds=3, n_clips=3)
    waveforms[:, RATE:] *= 0.1
    snr_db, tilt_db = torch.tensor([0.0, 20.0, 40.0]), torch.tensor([0.0, -3.0, -6.0])
    changed, _ = effects.noise(waveforms, lengths, snr_db, tilt_db, RATE)
    for after, before, snr, tilt in zip(changed, waveforms, snr_db.tolist(), tilt_db.tolist(), strict=True):
        added = after - before
        assert level_db(before) - level_db(added) == pytest.approx(snr, abs=0.01)
        assert band_db(added, 1800, 2200) - band_db(added, 900, 1100) == pytest.approx(tilt, abs=1)


def test_noise_is_measured_on_the_clip_without_its_padding() -> None:
    torch.manual_seed(0)
    waveforms, lengths = noise(16_000, 2000)
    changed, _ = effects.noise(waveforms, lengths, torch.tensor([10.0, 10.0]), torch.zeros(2), RATE)
    added = (changed - waveforms)[1, :2000]
    assert level_db(waveforms[1, :2000]) - level_db(added) == pytest.approx(10, abs=0.01)


def test_filters_take_away_what_lies_beyond_their_cutoff() -> None:
    waveforms, lengths = noise(2 * RATE)
    low, _ = effects.low_pass(waveforms, lengths, torch.tensor([2000.0]), RATE)
    high, _ = effects.high_pass(waveforms, lengths, torch.tensor([2000.0]), RATE)

    def loss(after: Tensor, low_hz: float, high_hz: float) -> float:
        return band_db(waveforms[0], low_hz, high_hz) - band_db(after[0], low_hz, high_hz)

    for after, passed, cut in ((low, (100, 1200), (3950, 4050)), (high, (3300, 7900), (985, 1015))):
        assert loss(after, *passed) == pytest.approx(0, abs=0.1)
        assert loss(after, 1980, 2020) == pytest.approx(3, abs=0.5)
        assert loss(after, *cut) == pytest.approx(24, abs=1)


def test_not_louder() -> None:
    waveforms, lengths = noise(5000, 3000, 3000)
    louder = waveforms * torch.tensor([[2.0], [0.5], [1.0]])
    louder[2, 0] = 3  # a peak
    kept = effects.not_louder(louder, lengths, waveforms, lengths)
    torch.testing.assert_close(kept[:2], waveforms[:2] * torch.tensor([[1.0], [0.5]]))
    assert float(kept[2].abs().max()) == pytest.approx(float(waveforms[2].abs().max()))
