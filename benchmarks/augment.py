"""How long changes to waveforms take: ours, and those of the libraries that are installed.

    python benchmarks/augment.py

One thread; a batch of 32 clips of 3.5 s at 16 kHz, each clip changed by parameters of its own where that is possible.
Prints the median in ms of processor time a batch, which other programs disturb less than the clock. The libraries are
no dependencies of this project: those that are missing are named, and
`pip install torch-audiomentations audiomentations pyroomacoustics` adds them.
"""

import argparse
import importlib.metadata
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch

from ser.augment import effects
from ser.config.build import build
from ser.config.choices import choice

RATE, N_CLIPS, SECONDS = 16_000, 32, 3.5

Case = tuple[str, str, Callable[[], Any]]  # effect, tool, what to time


def between(low: float, high: float) -> torch.Tensor:
    return torch.linspace(low, high, N_CLIPS)


def ours(clips: torch.Tensor) -> Iterator[Case]:
    lengths = torch.full((N_CLIPS,), clips.shape[1])
    yield "gain", "ser", lambda: effects.gain(clips, lengths, between(-10, 6))
    yield "noise", "ser", lambda: effects.noise(clips, lengths, between(5, 40), between(-6, 0), RATE)
    yield "shift", "ser", lambda: effects.shift(clips, lengths, between(-0.1, 0.1), RATE)
    yield "low-pass", "ser", lambda: effects.low_pass(clips, lengths, between(3400, 7500), RATE)
    yield "room", "ser", lambda: effects.room(clips, lengths, between(0.1, 0.8), between(0, 15), RATE)
    yield "speed", "ser", lambda: effects.speed(clips, lengths, between(0.9, 1.1))
    yield "pitch", "ser", lambda: effects.pitch(clips, lengths, between(-2, 2), RATE)
    augment = build("augment", choice("augment", "waveform"), n_channels=1, sample_rate=RATE)
    yield "all at the defaults", "ser augment=waveform", lambda: augment.waveforms(clips, lengths)


def of_torchaudio(clips: torch.Tensor) -> Iterator[Case]:
    import torchaudio.functional as F

    lengths = torch.full((N_CLIPS,), clips.shape[1])
    added, response = torch.randn_like(clips), torch.randn(N_CLIPS, RATE // 2)
    yield "noise", "torchaudio add_noise", lambda: F.add_noise(clips, added, between(5, 40), lengths)
    yield "low-pass", "torchaudio lowpass_biquad, one cut-off", lambda: F.lowpass_biquad(clips, RATE, 3400.0)
    yield "room", "torchaudio fftconvolve, responses given", lambda: F.fftconvolve(clips, response)
    yield "speed", "torchaudio speed, one factor", lambda: F.speed(clips, RATE, 1.07, lengths)
    yield "pitch", "torchaudio pitch_shift, one clip x 32", lambda: F.pitch_shift(clips[:1], RATE, 2)


def of_librosa(clips: torch.Tensor) -> Iterator[Case]:
    import librosa

    one = clips[0].numpy()
    yield "speed", "soxr resample, one clip x 32", lambda: soxr.resample(one, 107, 100)
    yield "pitch", "librosa pitch_shift, one clip x 32", lambda: librosa.effects.pitch_shift(one, sr=RATE, n_steps=2)


def of_torch_audiomentations(clips: torch.Tensor) -> Iterator[Case]:
    import torch_audiomentations as ta

    folder = Path(tempfile.mkdtemp())
    soundfile.write(folder / "response.wav", np.random.default_rng(0).normal(0, 0.1, RATE // 2), RATE)
    transforms: list[tuple[str, str, dict[str, Any]]] = [
        ("gain", "Gain", {}),
        ("noise", "AddColoredNoise", {}),
        ("shift", "Shift", {}),
        ("low-pass", "LowPassFilter", {"min_cutoff_freq": 3400}),
        ("room", "ApplyImpulseResponse", {"ir_paths": str(folder)}),
        ("pitch", "PitchShift", {"sample_rate": RATE, "min_transpose_semitones": -2, "max_transpose_semitones": 2}),
    ]
    for effect, name, settings in transforms:
        transform = getattr(ta, name)(p=1.0, output_type="dict", **settings)
        yield effect, f"torch-audiomentations {name}", lambda t=transform: t(clips[:, None], sample_rate=RATE)


def of_audiomentations(clips: torch.Tensor) -> Iterator[Case]:
    import audiomentations as am

    one = clips[0].numpy()
    transforms: list[tuple[str, str, dict[str, Any]]] = [
        ("gain", "Gain", {}),
        ("noise", "AddColorNoise", {}),
        ("shift", "Shift", {}),
        ("low-pass", "LowPassFilter", {"min_cutoff_freq": 3400}),
        ("room", "RoomSimulator", {}),
        ("pitch", "PitchShift", {"min_semitones": -2, "max_semitones": 2}),
    ]
    for effect, name, settings in transforms:
        transform = getattr(am, name)(p=1.0, **settings)
        yield effect, f"audiomentations {name}, one clip x 32", lambda t=transform: t(one, sample_rate=RATE)


LIBRARIES = {
    "torchaudio": of_torchaudio,
    "librosa": of_librosa,
    "torch-audiomentations": of_torch_audiomentations,
    "audiomentations": of_audiomentations,
}


def median_ms(work: Callable[[], Any], repeats: int) -> float:
    work()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
        if sum(times) > 10:
            break
    return 1000 * statistics.median(times)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15, help="runs of each (default %(default)s)")
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    clips = 0.1 * torch.randn(N_CLIPS, round(SECONDS * RATE))
    makers: list[Callable[[torch.Tensor], Iterator[Case]]] = [ours]
    versions = [f"torch {torch.__version__}"]
    for library, maker in LIBRARIES.items():
        try:
            versions.append(f"{library} {importlib.metadata.version(library)}")
            makers.append(maker)
        except importlib.metadata.PackageNotFoundError:
            print(f"{library} is not installed and left out")
    print(", ".join(versions))
    cases = [case for maker in makers for case in maker(clips)]
    effects_in_order = list(dict.fromkeys(effect for effect, _, _ in cases))
    print("| effect | tool | ms a batch |\n|---|---|---|")
    for effect, tool, work in sorted(cases, key=lambda case: effects_in_order.index(case[0])):
        try:
            took = f"{median_ms(work, repeats) * (N_CLIPS if tool.endswith('x 32') else 1):.0f}"
        except Exception as error:  # a library of another version may refuse; the others count all the same
            took = f"fails: {type(error).__name__}: {str(error).splitlines()[0]}"
        print(f"| {effect} | {tool} | {took} |", flush=True)


if __name__ == "__main__":
    main()
