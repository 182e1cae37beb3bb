"""Waveforms as files that a browser plays."""

import io

import soundfile

from ser.audio.reading import Waveform, resample

HIGHEST_HZ = 16000  # sample rate of what is played


def flac(waveform: Waveform, sample_rate: int) -> bytes:
    """A waveform (samples,) in 16 bits, at `HIGHEST_HZ` at most."""
    rate = min(sample_rate, HIGHEST_HZ)
    buffer = io.BytesIO()
    soundfile.write(buffer, resample(waveform, sample_rate, rate).clip(-1, 1), rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
