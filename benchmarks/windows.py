"""Processor time of hearing clips with Whisper, by how much silence it hears after them.

    OMP_NUM_THREADS=1 python benchmarks/windows.py <folder of a Whisper encoder> <folder of clips>

Twelve clips, evenly spaced in the folder, trimmed as in training; the mean over them, for each window in turn.
"""

import argparse
import time
from pathlib import Path

import torch

from ser import audio
from ser.encoders import SpeechEncoder

WINDOWS_S = (0, 1, 3, 10, 30)
N_CLIPS = 12
TRIM_DB = 30.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("clips", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    paths = sorted(path for path in args.clips.rglob("*") if path.suffix in (".wav", ".flac"))
    some = [paths[place * len(paths) // N_CLIPS] for place in range(N_CLIPS)]
    clips = [torch.from_numpy(audio.load(path, sample_rate=16_000, top_db=TRIM_DB))[None] for path in some]
    print("| window_s | s a clip |\n|---|---|")
    for window_s in WINDOWS_S:
        encoder = SpeechEncoder.load(args.encoder, window_s=window_s).freeze()
        started = time.process_time()
        with torch.inference_mode():
            for clip in clips:
                encoder(clip, torch.tensor([clip.shape[1]]))
        print(f"| {window_s} | {(time.process_time() - started) / N_CLIPS:.3f} |")


if __name__ == "__main__":
    main()
