"""What may happen to a recording: pure functions on waveforms (samples,) in [-1, 1], at the recording's own rate.

The same seed gives the same waveform; what is given stays as it was. Nothing is clipped that need not be.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from scipy.fft import next_fast_len

from ser.audio import Waveform, resample
from ser.audio.levels import active_power
from ser.augment import effects

Floats = npt.NDArray[np.float64]

# Long-term average spectrum of speech, twelve languages, women and men: levels of third octaves in dB, by their centres
# in Hz (Byrne et al. 1994, J. Acoust. Soc. Am. 96, 2108-2120, doi 10.1121/1.410152).
SPEECH_HZ = (
    *(63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300),
    *(8000, 10000, 12500, 16000),
)
SPEECH_DB = (
    *(38.6, 43.5, 54.4, 57.7, 56.8, 60.2, 60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7, 53.0, 52.0, 48.7, 48.1, 46.8, 45.6),
    *(44.5, 44.3, 43.7, 43.4, 41.3, 40.7),
)

TELEPHONE_HZ, TELEPHONE_BAND_HZ = 8000, (300, 3400)
TELEPHONE_ORDER = 6  # of the filter at either edge: 36 dB an octave
MU = 255  # ITU-T G.711: of the curve by which loudness is told in 8 bits
MP3_FORMAT = "MP3"  # of libsndfile
MP3_RATES_HZ = (16_000, 22_050, 24_000)  # of MPEG-2, which is for such bit rates
MP3_COMPRESSION = (160 - 32) / (160 - 8)  # libsndfile's scale is from 160 to 8 kbit/s at these rates
MP3_DELAY = 1105  # samples: 576 of LAME, 529 of any decoder


@dataclass(frozen=True)
class Condition:
    """Something that happens to a recording.

    Attributes:
        name: in tables and pictures.
        change: `change(waveform, sample_rate, seed)` gives the waveform at the same rate.
    """

    name: str
    change: Callable[[Waveform, int, int], Waveform]


def noise(waveform: Waveform, sample_rate: int, seed: int, *, snr_db: float) -> Waveform:
    """Add steady noise with the average spectrum of speech, `snr_db` softer than the clip's active speech."""
    size = next_fast_len(len(waveform), real=True)  # transforms of other sizes take ten times as long
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(size))
    frequency_hz = np.maximum(np.fft.rfftfreq(size, 1 / sample_rate), 1.0)
    density_db = np.array(SPEECH_DB) - 10 * np.log10(SPEECH_HZ)  # a third octave is as wide as its centre is high
    shape_db = np.interp(np.log(frequency_hz), np.log(SPEECH_HZ), density_db, left=-np.inf)
    added = np.fft.irfft(spectrum * 10 ** (shape_db / 20), size)[: len(waveform)]
    power = active_power(waveform, sample_rate) * 10 ** (-snr_db / 10)
    return np.asarray(waveform + added * np.sqrt(power / np.square(added).mean()), np.float32)


def telephone(waveform: Waveform, sample_rate: int, seed: int) -> Waveform:
    """300 to 3400 Hz, at 8 kHz, in 8 bits by the mu-law (ITU-T G.711, as its continuous curve)."""
    from scipy.signal import butter, sosfilt  # slow to import

    band = butter(TELEPHONE_ORDER, TELEPHONE_BAND_HZ, "bandpass", fs=TELEPHONE_HZ, output="sos")
    narrow = np.clip(sosfilt(band, resample(waveform, sample_rate, TELEPHONE_HZ)), -1, 1)
    told = np.round(127 * np.sign(narrow) * np.log1p(MU * np.abs(narrow)) / np.log1p(MU)) / 127
    heard = np.sign(told) * np.expm1(np.abs(told) * np.log1p(MU)) / MU
    return resample(heard.astype(np.float32), TELEPHONE_HZ, sample_rate)


def mp3(waveform: Waveform, sample_rate: int, seed: int) -> Waveform:
    """MPEG layer III at 32 kbit/s, by LAME: at the recording's rate, or the next one between 16 and 24 kHz."""
    rate = next((rate for rate in MP3_RATES_HZ if rate >= sample_rate), MP3_RATES_HZ[-1])
    samples, file = resample(waveform, sample_rate, rate), io.BytesIO()
    soundfile.write(
        *(file, samples, rate),
        format=MP3_FORMAT,
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=MP3_COMPRESSION,
    )
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    return resample(decoded[MP3_DELAY:][: len(samples)], rate, sample_rate)


def room(waveform: Waveform, sample_rate: int, seed: int, *, rt60_s: float, drr_db: float) -> Waveform:
    """Reverberation that dies away by 60 dB within `rt60_s`; see `ser.augment.effects.room`."""
    generator = torch.Generator().manual_seed(seed)
    change = partial(effects.room, sample_rate=sample_rate, generator=generator)
    return _one(change, waveform, rt60_s, drr_db)


def speed(waveform: Waveform, sample_rate: int, seed: int, *, factor: float) -> Waveform:
    """Faster (above 1) or slower, as a tape: pitch changes too; see `ser.augment.effects.speed`."""
    return _one(effects.speed, waveform, factor)


def gain(waveform: Waveform, sample_rate: int, seed: int, *, decibels: float) -> Waveform:
    """Louder or softer by `decibels`."""
    return np.asarray(waveform * 10 ** (decibels / 20), np.float32)


def full_scale(waveform: Waveform, sample_rate: int, seed: int) -> Waveform:
    """As loud as can be without clipping: the highest sample at 1."""
    peak = float(np.abs(waveform).max())
    return waveform / np.float32(peak) if peak else waveform


def clipping(waveform: Waveform, sample_rate: int, seed: int, *, share: float) -> Waveform:
    """Cut off the loudest `share` of the samples at the level where that begins; the level stays."""
    level = np.quantile(np.abs(waveform), 1 - share)
    return np.clip(waveform, -level, level).astype(np.float32)


def _one(change: Callable[..., effects.Clips], waveform: Waveform, *parameters: float) -> Waveform:
    """An effect on a batch of a single clip."""
    values = (torch.tensor([value]) for value in parameters)
    changed, _ = change(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]), *values)
    return np.asarray(changed[0].numpy(), np.float32)


CLEAN = "clean"
MP3 = "MP3 at 32 kbit/s"

CONDITIONS = (
    Condition(CLEAN, lambda waveform, sample_rate, seed: waveform),
    *(Condition(f"noise, {snr_db} dB", partial(noise, snr_db=snr_db)) for snr_db in (20, 10, 5, 0)),
    Condition("telephone", telephone),
    Condition(MP3, mp3),
    Condition("reverberation, 0.6 s", partial(room, rt60_s=0.6, drr_db=0.0)),
    Condition("gain, -20 dB", partial(gain, decibels=-20)),
    Condition("gain, to full scale", full_scale),
    Condition("speed, 0.9", partial(speed, factor=0.9)),
    Condition("speed, 1.1", partial(speed, factor=1.1)),
    Condition("clipping, 10 %", partial(clipping, share=0.1)),
)


def available() -> list[Condition]:
    """The conditions that can be had here: MP3 needs a libsndfile that writes it, as the one in soundfile's wheels."""
    return [one for one in CONDITIONS if one.name != MP3 or MP3_FORMAT in soundfile.available_formats()]
