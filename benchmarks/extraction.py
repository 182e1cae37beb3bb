"""How fast frozen features are computed, beside a plain loop over transformers, one clip at a time.

    python benchmarks/extraction.py --clips 32 --rounds 3

The encoder has the size of wav2vec2-base (94 million parameters, 12 layers) and random weights, the clips are noise of
1 to 4 seconds: nothing is downloaded. Both give the mean of all hidden states. They take turns, each time in a process
of its own; loading is not counted. Prints clips a second (median of the rounds), their ratio, and peak memory.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch

import ser  # noqa: F401 (before transformers: it lets torchaudio be imported without CUDA)

RATE = 16000
SECONDS = (1.0, 4.0)


def make_encoder(folder: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    Wav2Vec2Model(Wav2Vec2Config()).save_pretrained(folder)  # its defaults are those of wav2vec2-base
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False).save_pretrained(folder)


def noise(n_clips: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    lengths = (RATE * random.uniform(*SECONDS, n_clips)).astype(int)
    return [0.1 * random.standard_normal(length).astype(np.float32) for length in lengths]


def plain(folder: Path, clips: list[np.ndarray]) -> float:
    """Seconds that a plain loop takes."""
    from transformers import AutoFeatureExtractor, AutoModel

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval().to(device)
    started = time.perf_counter()
    with torch.inference_mode():
        for clip in clips:
            inputs = extractor(clip, sampling_rate=RATE, return_tensors="pt").to(device)
            torch.stack(model(**inputs, output_hidden_states=True).hidden_states).mean(0).cpu()
    return time.perf_counter() - started


def ours(folder: Path, clips: list[np.ndarray]) -> float:
    """Seconds that the computation for the store takes, writing included."""
    from ser.features.encoder import Encoder
    from ser.store.frozen import load_frames
    from ser.store.recordings import Recordings
    from ser.training.trainer import frozen_device

    feature = Encoder(checkpoint=str(folder), revision=None, layer="mean", trim_db=None, allow_pickle=False)
    device, precision = frozen_device({"accelerator": "auto", "precision": "auto"})
    feature(torch.zeros(1, RATE, device=device), torch.tensor([RATE], device=device))  # loads the weights
    names = [f"{number:05}" for number in range(len(clips))]
    recordings = Recordings(waveforms=dict(zip(names, clips, strict=True)), keys={name: name for name in names})
    with tempfile.TemporaryDirectory() as store:
        started = time.perf_counter()
        load_frames(feature, recordings, Path(store), device=device, precision=precision)
        return time.perf_counter() - started


def measure(way: str, folder: Path, n_clips: int) -> tuple[float, float]:
    """Clips a second, and the peak memory of the process in GB."""
    seconds = {"plain loop": plain, "ser": ours}[way](folder, noise(n_clips))
    return n_clips / seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {"plain loop": [], "ser": []}
    with tempfile.TemporaryDirectory() as folder:
        make_encoder(Path(folder))
        for _ in range(arguments.rounds):
            for way, results in found.items():
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                    results.append(process.submit(measure, way, Path(folder), arguments.clips).result())
    print("| | clips a second | ratio | peak memory, GB |\n|---|---|---|---|")
    first = statistics.median(rate for rate, _ in found["plain loop"])
    for way, results in found.items():
        rate = statistics.median(rate for rate, _ in results)
        print(f"| {way} | {rate:.2f} | {rate / first:.2f} | {max(memory for _, memory in results):.2f} |")


if __name__ == "__main__":
    main()
