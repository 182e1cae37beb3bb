"""How much memory training takes that reads frozen features from the store.

    python benchmarks/memory.py --folder <folder with 3 GB of room>

Features of a base-size encoder are made up, random, of (768, about 100) in 16 bits a clip: as many clips as RAVDESS
has, and ten times as many. A linear probe is trained on each. Prints for each epoch, in MB, the memory that is the
process's own (RssAnon), and the part of the files that lies in memory because it was read (RssFile): the system takes
that back as soon as it needs it.
"""

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ser.models.probe import Probe
from ser.store.store import Store
from ser.training.data import Part, SpeechData

SIZES = (1_440, 14_400)  # clips
N_BANDS, FRAME_RATE, N_CLASSES = 768, 50.0, 8


def open_store(folder: Path, n_clips: int) -> Store:
    return Store(folder, kind="frames", parameters={"n_clips": n_clips}, dtype=np.float16)


def fill(folder: Path, n_clips: int) -> None:
    random = np.random.default_rng(0)
    lengths = random.integers(70, 130, n_clips)
    clips = (random.standard_normal((N_BANDS, length), np.float32).astype(np.float16) for length in lengths)
    open_store(folder, n_clips).add((str(number), clip) for number, clip in enumerate(clips))


def train(folder: Path, n_clips: int, n_epochs: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    store = open_store(folder, n_clips)
    keys = [str(number) for number in range(n_clips)]
    store.verify(keys)
    gigabytes = sum(store[key].nbytes for key in keys) / 1e9
    targets = np.random.default_rng(1).integers(0, N_CLASSES, n_clips).tolist()
    part = Part([store[key] for key in keys], targets)
    loader = SpeechData(
        {"train": part}, rate=FRAME_RATE, batch_size=32, seed=0, sampling="natural", fingerprint=""
    ).train_dataloader()
    network = Probe(n_bands=N_BANDS, n_channels=1, n_classes=N_CLASSES, hidden=None)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for epoch in range(n_epochs):
        loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
        started = time.monotonic()
        for batch in loader:
            loss = F.nll_loss(network(batch.inputs, batch.lengths), batch.targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        own, files = (memory(name) for name in ("RssAnon", "RssFile"))
        took = time.monotonic() - started
        print(f"| {n_clips} | {gigabytes:.2f} | {epoch + 1} | {own:.0f} | {files:.0f} | {took:.0f} |", flush=True)


def memory(name: str) -> float:
    """Of this process, in MB, as Linux counts it."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to write 2.5 GB for a while (default: the system's)")
    parser.add_argument("--epochs", type=int, default=5, help="for each corpus (default %(default)s)")
    given = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")  # each a process of its own, so that one's memory is not another's
    print("| clips | GB of features | epoch | own memory, MB | files in memory, MB | s |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for n_clips in SIZES:
            for work in (
                fresh.Process(target=fill, args=(Path(folder), n_clips)),
                fresh.Process(target=train, args=(Path(folder), n_clips, given.epochs)),
            ):
                work.start()
                work.join()


if __name__ == "__main__":
    main()
