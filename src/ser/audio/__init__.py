"""Audio files and waveforms: mono float32 samples in [-1, 1], whatever the file's header says of them."""

from ser.audio.contents import is_plain_text
from ser.audio.decoding import can_open, check_file
from ser.audio.reading import (
    CANCELLING,
    MAX_DURATION_S,
    MIN_DURATION_S,
    OTHER_LENGTH,
    WHOLE,
    Reading,
    Segment,
    Waveform,
    load,
    pauses,
    prepare,
    read,
    read_beginning,
    read_segments,
    resample,
    trim,
)
from ser.audio.streaming import mix, stream

__all__ = [
    "CANCELLING",
    "MAX_DURATION_S",
    "MIN_DURATION_S",
    "OTHER_LENGTH",
    "WHOLE",
    "Reading",
    "Segment",
    "Waveform",
    "can_open",
    "check_file",
    "is_plain_text",
    "load",
    "mix",
    "pauses",
    "prepare",
    "read",
    "read_beginning",
    "read_segments",
    "resample",
    "stream",
    "trim",
]
