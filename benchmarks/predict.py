"""A trained model at work: clips a second, one by one and many at once, and a long recording's time and memory.

    python benchmarks/predict.py <run> <folder of clips> --fold 1 --hours 1

The long recording is made of the folder's clips, at random, with 0.5 to 5 s of faint noise between them. Each
measurement is in a process of its own; the peak of memory is that of the whole process.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile

from ser import load
from ser.inference.recordings import find_recordings

RATE = 16_000
NOISE = 1e-4  # of full scale: a quiet room


def one_by_one(run: Path, fold: int | None, files: Sequence[Path]) -> str:
    """Each in a call of its own."""
    predictor = load(run, fold=fold)
    predictor.predict(files[0])
    started = time.monotonic(), time.process_time()
    for file in files:
        predictor.predict(file)
    return _rate(len(files), *started)


def many(run: Path, fold: int | None, files: Sequence[Path]) -> str:
    """All in one call, as `ser predict` does."""
    predictor = load(run, fold=fold)
    predictor.predict(files[0])
    started = time.monotonic(), time.process_time()
    for _ in predictor.predict_each(files):
        pass
    return _rate(len(files), *started)


def _rate(n_clips: int, wall: float, processor: float) -> str:
    wall, processor = time.monotonic() - wall, time.process_time() - processor
    return f"{n_clips / wall:.1f} clips a second, {1000 * processor / n_clips:.0f} ms of processor a clip"


def long(run: Path, fold: int | None, files: Sequence[Path]) -> str:
    """A single long recording."""
    predictor = load(run, fold=fold)
    predictor.predict(np.zeros(RATE, np.float32), sample_rate=RATE)
    wall, processor = time.monotonic(), time.process_time()
    said = predictor.predict(files[0])
    wall, processor = time.monotonic() - wall, time.process_time() - processor
    told = f"{said.duration_s / 60:.0f} minutes in {wall:.0f} s, {processor:.0f} s of processor"
    return f"{told}, {len(said.timeline)} segments"


def make_recording(path: Path, files: Sequence[Path], hours: float) -> None:
    """Clips at random with pauses between them, written as they are drawn."""
    random = np.random.default_rng(0)
    n_left = round(hours * 3600 * RATE)
    with soundfile.SoundFile(path, "w", samplerate=RATE, channels=1) as recording:
        while n_left > 0:
            clip, _ = soundfile.read(files[random.integers(len(files))], dtype="float32")
            pause = NOISE * random.standard_normal(round(random.uniform(0.5, 5) * RATE))
            recording.write(np.concatenate([clip, pause])[:n_left])
            n_left -= len(clip) + len(pause)


def measured(function: Callable[..., str], *arguments: object) -> str:
    """What a function says, and the peak of memory of the process that it has to itself."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        said = pool.apply(function, arguments)
        return f"{said}, at most {pool.apply(_peak_mb):.0f} MB"


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--fold", type=int)
    parser.add_argument("--n", type=int, default=120, help="clips to hear")
    parser.add_argument("--hours", type=float, default=1.0)
    args = parser.parse_args()
    files = find_recordings([str(args.clips)])
    some = files[:: max(len(files) // args.n, 1)][: args.n]
    print(f"{os.cpu_count()} cores, {args.run}")
    print(f"one by one: {measured(one_by_one, args.run, args.fold, some)}")
    print(f"many at once: {measured(many, args.run, args.fold, some)}")
    with tempfile.TemporaryDirectory() as folder:
        for hours in (args.hours / 6, args.hours):
            recording = Path(folder, "long.flac")
            make_recording(recording, files, hours)
            print(f"a long recording: {measured(long, args.run, args.fold, [recording])}", flush=True)


if __name__ == "__main__":
    main()
