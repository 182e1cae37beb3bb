"""How fast openSMILE's functionals are computed, on real speech.

    python benchmarks/functionals.py --corpus <folder of RAVDESS> --clips 100

Takes clips evenly from the corpus, trimmed as the features want them, computes each once by one thread, and prints for
either set the clips a second and how many seconds of audio that is. Seconds are of the process's own time on a core,
in which other programs have no part; reading and loading are not counted.
"""

import argparse
import time
from pathlib import Path

import torch

from ser import audio
from ser.features.functionals import N_FUNCTIONALS, Functionals

RATE, TRIM_DB = 16000, 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=100)
    options = parser.parse_args()
    paths = sorted(path for ending in ("wav", "flac") for path in options.corpus.rglob(f"*.{ending}"))
    paths = paths[:: max(len(paths) // options.clips, 1)][: options.clips]
    clips = [torch.from_numpy(audio.load(path, sample_rate=RATE, top_db=TRIM_DB)) for path in paths]
    seconds = sum(map(len, clips)) / RATE
    print(f"{len(clips)} clips, {seconds / len(clips):.2f} s on average")
    for name in N_FUNCTIONALS:
        feature = Functionals(feature_set=name, sample_rate=RATE, trim_db=TRIM_DB)
        feature(clips[0][None], torch.tensor([len(clips[0])]))  # loads openSMILE
        started = time.process_time()
        for clip in clips:
            feature(clip[None], torch.tensor([len(clip)]))
        took = time.process_time() - started
        print(f"{name}: {len(clips) / took:.1f} clips a second, {seconds / took:.0f} s of audio")


if __name__ == "__main__":
    main()
