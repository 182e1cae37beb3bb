"""Sound in what phones, browsers and films hold it in, written with PyAV."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt


def write(path: Path, codec: str, rate: int, *tracks: npt.NDArray[np.float32], picture: bool = False) -> None:
    """Write mono tracks, in the format that the path's ending names; `picture`: a film."""
    import av

    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".m4a" else {}) as container:
        film = container.add_stream("mpeg4", rate=10, width=16, height=16) if picture else None
        streams = [container.add_stream(codec, rate=rate, layout="mono") for _ in tracks]
        if film:
            container.mux(film.encode(av.VideoFrame(16, 16, "yuv420p")))
            container.mux(film.encode(None))
        for stream, samples in zip(streams, tracks, strict=True):
            n_frames = stream.codec_context.frame_size or 1024
            converted = av.AudioResampler(stream.codec_context.format, "mono", rate, frame_size=n_frames)
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
            for piece in [*converted.resample(frame), *converted.resample(None)]:
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
