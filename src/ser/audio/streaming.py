"""Audio of any length, block by block."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr

from ser.audio import decoding
from ser.audio.containers import Block
from ser.audio.reading import (
    BLOCK_SAMPLES,
    CANCELLING,
    OTHER_LENGTH,
    Waveform,
    cancels,
    channel_energies,
    check_samples,
)

BLOCK_S = 30.0


def stream(
    path: Path, sample_rate: int, *, block_s: float = BLOCK_S, remarks: dict[str, str] | None = None
) -> Iterator[Waveform]:
    """What `read` and `resample` give of a file, however long it is; memory is bounded by the length of a block.

    Args:
        sample_rate: in Hz, of what is given.
        block_s: how much of the file is read at once, in seconds.
        remarks: takes in what `Reading.remarks` says of a file, after the last block; of a damaged file that is
            where it ends.

    Yields:
        samples (samples,) in mono, of about `block_s`, never none. Channels that cancel each other in a block are not
        mixed there: the loudest of them is taken.

    Raises:
        AudioError: as `read` does; but no file is too long. What was given before is not taken back.
    """
    with decoding.opened(path) as decoder:
        rate = decoder.sample_rate
        resampler = None if rate == sample_rate else soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
        is_cancelling = False
        block_samples = min(round(block_s * rate) * decoder.n_channels, BLOCK_SAMPLES)
        for block in decoder.blocks(max(block_samples, 1)):
            check_samples(path, block)
            samples, does_cancel = mix(block)
            is_cancelling |= does_cancel
            if resampler:
                samples = resampler.resample_chunk(samples)
            if len(samples):
                yield samples
        if resampler and len(samples := resampler.resample_chunk(np.zeros(0, np.float32), last=True)):
            yield samples
        if remarks is not None:
            remarks |= {OTHER_LENGTH: decoder.remark} if decoder.remark else {}
            remarks |= {CANCELLING: "its loudest channel alone is used"} if is_cancelling else {}


def mix(block: Block) -> tuple[Waveform, bool]:
    """Of (frames, channels), the mean of the channels, or the loudest where they cancel each other; and whether so."""
    samples: Waveform = block.mean(axis=1, dtype=np.float32)
    energies = channel_energies(block)
    does_cancel = len(energies) > 1 and bool(cancels(channel_energies(samples), energies))
    return (block[:, energies.argmax()].copy() if does_cancel else samples), does_cancel
