"""Audio effects on padded batches: pure functions.

All take waveforms (batch, samples), zero after each clip's end, and lengths (batch,) in samples, and give back both;
what is given stays as it was. Parameters are tensors (batch,): every clip has its own. Silence stays silence.
All run where the batch is; docs/augmentation.md compares them with what libraries offer.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor

from ser.layers.mask import frame_mask

Clips = tuple[Tensor, Tensor]

PITCH_WINDOW_S = 0.064  # of the phase vocoder
RESAMPLING_WIDTH = 64  # zero crossings of the filter: what would alias is 40 dB softer from 2 % beyond the band on
FILTER_ORDER = 4  # 24 dB an octave
FILTER_TAIL_S = 0.05  # how long a filter rings on, at least
NOISE_LOW_HZ = 50.0  # the noise has nothing below: nor have small microphones, and brown noise would be little else


def gain(waveforms: Tensor, lengths: Tensor, decibels: Tensor) -> Clips:
    """Make clips louder or softer by `decibels`."""
    return waveforms * _amplitude(decibels), lengths


def shift(waveforms: Tensor, lengths: Tensor, seconds: Tensor, sample_rate: int) -> Clips:
    """Move the sound by `seconds` within its clip: later if positive, sooner if negative.

    Lengths stay; what leaves the clip is lost, and silence comes in. At most a quarter of a clip is lost.
    """
    most = lengths // 4
    samples = (seconds * sample_rate).round().long().clamp(-most, most)
    places = torch.arange(waveforms.shape[1], device=waveforms.device) - samples[:, None]
    real = frame_mask(lengths, waveforms.shape[1]) & (places >= 0) & (places < lengths[:, None])
    return waveforms.gather(1, places.clamp(0, waveforms.shape[1] - 1)) * real, lengths


def speed(waveforms: Tensor, lengths: Tensor, factors: Tensor) -> Clips:
    """Play clips faster (above 1) or slower, as a tape does: length changes by 1 / factor, pitch by factor.

    Factors are rounded to whole percents: resampling by others is slow.
    """
    percents = (100 * factors).round().long()
    lengths = (100 * lengths / percents).round().long().clamp(min=1)
    n_samples = int(lengths.max())
    return _by_percent(waveforms, percents, n_samples, _resample) * frame_mask(lengths, n_samples), lengths


def pitch(waveforms: Tensor, lengths: Tensor, semitones: Tensor, sample_rate: int) -> Clips:
    """Move the pitch (and the formants) by `semitones`, up to rounding to a percent of Hz; lengths stay.

    A phase vocoder (Flanagan and Golden 1966, doi 10.1002/j.1538-7305.1966.tb01706.x) stretches the clip, which is then
    played faster by as much.
    """
    n_samples, percents = waveforms.shape[1], (100 * 2 ** (semitones / 12)).round().long()
    window_size = 1 << round(math.log2(PITCH_WINDOW_S * sample_rate))

    def moved(clips: Tensor, percent: int) -> Tensor:
        return clips if percent == 100 else _resample(_stretch(clips, percent / 100, window_size), percent)

    return _by_percent(waveforms, percents, n_samples, moved) * frame_mask(lengths, n_samples), lengths


def room(
    waveforms: Tensor,
    lengths: Tensor,
    rt60_s: Tensor,
    drr_db: Tensor,
    sample_rate: int,
    generator: torch.Generator | None = None,
) -> Clips:
    """Put clips into a room: the direct sound, followed by white noise that decays by 60 dB within `rt60_s`.

    Each clip has a room of its own. (Polack's model of late reverberation, 1988.)

    Args:
        drr_db: direct-to-reverberant ratio: how much stronger the direct sound is than all reflections together.
        generator: by which the rooms are drawn; None: torch's own.
    """
    n_samples, n_response = waveforms.shape[1], math.ceil(float(rt60_s.max()) * sample_rate) + 1
    time_s = torch.arange(n_response, device=waveforms.device) / sample_rate
    decay = 10 ** (-3 * time_s / rt60_s[:, None]) * (time_s <= rt60_s[:, None])
    decay[:, 0] = 0
    response = torch.randn(decay.shape, generator=generator, device=decay.device) * decay
    response *= _amplitude(-drr_db) / torch.linalg.vector_norm(response, dim=1, keepdim=True)
    response[:, 0] = 1
    size = _fft_size(n_samples + n_response)
    spectrum = torch.fft.rfft(waveforms, size) * torch.fft.rfft(response, size)
    return torch.fft.irfft(spectrum, size)[:, :n_samples] * frame_mask(lengths, n_samples), lengths


def noise(waveforms: Tensor, lengths: Tensor, snr_db: Tensor, tilt_db: Tensor, sample_rate: int) -> Clips:
    """Add noise `snr_db` softer than the clip's mean power.

    Args:
        tilt_db: of the noise's spectrum, in dB an octave: 0 is white, -3 pink, -6 brown.
    """
    n_samples = waveforms.shape[1]
    size = _fft_size(max(n_samples, sample_rate // 10))
    frequency_hz = torch.fft.rfftfreq(size, 1 / sample_rate, device=waveforms.device)
    shape = (frequency_hz / 1000) ** (tilt_db[:, None] / (20 * math.log10(2)))
    shape = shape.masked_fill(frequency_hz < NOISE_LOW_HZ, 0.0)
    spectrum = torch.randn(shape.shape, dtype=torch.complex64, device=waveforms.device) * shape
    added = torch.fft.irfft(spectrum, size)[:, :n_samples] * frame_mask(lengths, n_samples)
    level = torch.linalg.vector_norm(waveforms, dim=1) / torch.linalg.vector_norm(added, dim=1)
    return waveforms + added * level[:, None] * _amplitude(-snr_db), lengths


def low_pass(waveforms: Tensor, lengths: Tensor, cutoff_hz: Tensor, sample_rate: int) -> Clips:
    """Take away what lies above `cutoff_hz`: 3 dB there, 24 dB an octave further; without a delay."""
    return _filter(waveforms, lengths, cutoff_hz, sample_rate, falling=1)


def high_pass(waveforms: Tensor, lengths: Tensor, cutoff_hz: Tensor, sample_rate: int) -> Clips:
    """Take away what lies below `cutoff_hz`: 3 dB there, 24 dB an octave further; without a delay."""
    return _filter(waveforms, lengths, cutoff_hz, sample_rate, falling=-1)


def not_louder(waveforms: Tensor, lengths: Tensor, than: Tensor, than_lengths: Tensor) -> Tensor:
    """Turn clips down that have more power on average, or a higher peak, than those of `than`."""
    tiny = torch.finfo(waveforms.dtype).tiny
    level = torch.linalg.vector_norm(waveforms, dim=1) / lengths.sqrt()
    level_before = torch.linalg.vector_norm(than, dim=1) / than_lengths.sqrt()
    peak, peak_before = waveforms.abs().amax(dim=1), than.abs().amax(dim=1)
    factors = torch.minimum(level_before / level.clamp(min=tiny), peak_before / peak.clamp(min=tiny))
    return waveforms * factors.clamp(max=1)[:, None]


def _amplitude(decibels: Tensor) -> Tensor:
    """(batch,) -> (batch, 1)"""
    return torch.pow(10, decibels[:, None] / 20)


def _fft_size(n_samples: int) -> int:
    """The next multiple of a large power of two: transforms of most other sizes are slow."""
    step = 1 << max(0, n_samples.bit_length() - 4)
    return -(-n_samples // step) * step


def _filter(waveforms: Tensor, lengths: Tensor, cutoff_hz: Tensor, sample_rate: int, falling: int) -> Clips:
    """Butterworth's magnitude without its phase."""
    n_samples = waveforms.shape[1]
    size = _fft_size(n_samples + round(FILTER_TAIL_S * sample_rate))
    ratio = torch.fft.rfftfreq(size, 1 / sample_rate, device=waveforms.device) / cutoff_hz[:, None]
    response = (1 + ratio ** (2 * FILTER_ORDER * falling)).rsqrt()
    filtered = torch.fft.irfft(torch.fft.rfft(waveforms, size) * response, size)[:, :n_samples]
    return filtered * frame_mask(lengths, n_samples), lengths


def _by_percent(waveforms: Tensor, percents: Tensor, n_samples: int, change: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Change together the clips that share a percentage: (batch, n_samples)."""
    changed = waveforms.new_zeros(len(waveforms), n_samples)
    numbers = percents.tolist()
    for percent in sorted(set(numbers)):
        rows = torch.tensor([row for row, number in enumerate(numbers) if number == percent], device=waveforms.device)
        part = change(waveforms[rows], percent)[:, :n_samples]
        changed[rows, : part.shape[1]] = part
    return changed


def _resample(waveforms: Tensor, percent: int) -> Tensor:
    """Read waveforms at `percent` % of their speed."""
    read: Tensor = torchaudio.functional.resample(waveforms, percent, 100, RESAMPLING_WIDTH)
    return read


def _stretch(waveforms: Tensor, factor: float, window_size: int) -> Tensor:
    """Make waveforms longer by `factor` without a change of pitch, by a phase vocoder."""
    # torchaudio's takes twice as long: it turns complex numbers into angles and back.
    hop = window_size // 4
    window = torch.hann_window(window_size, device=waveforms.device)
    waveforms = F.pad(waveforms, (0, window_size))  # so that the last samples stand in as many frames as others
    spectrum = torch.stft(waveforms, window_size, hop, window=window, pad_mode="constant", return_complex=True)
    spectrum = spectrum.transpose(1, 2)  # (batch, frames, bins)
    level = (spectrum.real.square() + spectrum.imag.square()).sqrt()  # several times as fast as abs()
    direction = (spectrum + 1e-12).sgn()  # silence points somewhere, too: a zero would stay in the product below
    turn = direction[:, 1:] * direction[:, :-1].conj()  # of each bin's phase from frame to frame, as a direction
    position = torch.arange(math.ceil(level.shape[1] * factor), device=waveforms.device) / factor
    position = position.clamp(max=level.shape[1] - 2)
    place = position.long()
    level = torch.lerp(level[:, place], level[:, place + 1], (position - place)[:, None])
    phase = torch.cat([direction[:, :1], turn[:, place[:-1]]], dim=1).cumprod(dim=1)
    return torch.istft((level * phase).transpose(1, 2), window_size, hop, window=window)
