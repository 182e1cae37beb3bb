"""How many copies of a take `ser explore` finds: for docs/explore.md.

    python benchmarks/copies.py <folder of RAVDESS>

Takes every twelfth clip, writes copies of each in other levels, rates, formats and with noise, and prints of each kind
what part is found beside its take, and how many clips are named a copy of another's.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ser import audio
from ser.audio import Waveform
from ser.corpora.base import Utterance
from ser.exploration.copies import find_copies
from ser.exploration.measuring import measure

EVERY = 12
CUT_S = 0.2
_IN_NAMES = str.maketrans(" /", "--")
MP3: dict[str, Any] = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    paths = sorted(path for path in parser.parse_args().folder.rglob("03-01-*.*") if path.suffix in (".wav", ".flac"))
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        kinds: dict[str, list[Utterance]] = {}
        for path in paths[::EVERY]:
            read = audio.read(path)
            for kind, samples, rate, how in copies(read.samples, read.sample_rate, generator):
                copy = Path(folder, f"{path.stem}-{kind.translate(_IN_NAMES)}.{how['format'].lower()}")
                soundfile.write(copy, samples, rate, **how)
                kinds.setdefault(kind, []).append(Utterance(copy.stem, copy, "one", path.stem[-2:], path.stem))
        takes = [Utterance(path.stem, path, "one", path.stem[-2:], path.stem) for path in paths[::EVERY]]
        for kind, made in kinds.items():
            clips, _ = measure([*takes, *made], lambda _: None)
            groups = [{clip.utterance.corpus for clip in group.clips} for group in find_copies(clips)]
            found = set().union(*groups) if groups else set()
            wrong = sum(len(group) - 1 for group in groups)
            print(f"{kind:24} {len(found):4} of {len(takes)} ({len(found) / len(takes):.0%}), wrongly {wrong}")


def copies(
    samples: Waveform, rate: int, generator: np.random.Generator
) -> Iterator[tuple[str, Waveform, int, Mapping[str, Any]]]:
    """Of a waveform (samples,): kind, samples, rate in Hz, and how it is written."""
    flac: Mapping[str, Any] = {"format": "FLAC", "subtype": "PCM_24"}
    level = float(np.sqrt(np.square(samples).mean()))
    yield "20 dB softer", (samples / 10).astype(np.float32), rate, flac
    for other in (8000, 44_100):
        yield f"at {other} Hz", np.clip(audio.resample(samples, rate, other), -1, 1), other, flac
    cut = round(CUT_S * rate)
    yield "without its ends", samples[cut:-cut], rate, flac
    yield "8 bits, mu-law", samples, rate, {"format": "WAV", "subtype": "ULAW"}
    for kbits, compression in ((80, 0.5), (16, 0.95)):
        yield f"MP3 at {kbits} kbit/s", samples, rate, MP3 | {"compression_level": compression}
    yield "Ogg Vorbis, lowest", samples, rate, {"format": "OGG", "subtype": "VORBIS", "compression_level": 1.0}
    for below_db in (30, 20):
        noise = generator.standard_normal(len(samples)) * level * 10 ** (-below_db / 20)
        yield f"noise at {below_db} dB", np.clip(samples + noise, -1, 1).astype(np.float32), rate, flac
    half = float(np.abs(samples).max()) / 2
    yield "clipped at half", np.clip(samples, -half, half), rate, flac


if __name__ == "__main__":
    main()
