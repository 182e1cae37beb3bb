"""Every model's size, time of a training step, and time and memory of a clip of ten minutes.

    OMP_NUM_THREADS=1 python benchmarks/models.py

Times are of one CPU core's work. The training step is of 32 clips of 2 s, 80 bands, 100 frames a second. Below the
table: how many times as fast the recurrence of `gru` and `lstm` trains as torch's own on packed sequences, of clips of
1 to 2 s.
"""

import multiprocessing
import pkgutil
import resource
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from ser.config.build import build
from ser.config.choices import choice, groups
from ser.layers.recurrence import Recurrence
from ser.models.base import Model, WaveformModel

N_BANDS, N_CLASSES = 80, 8
BATCH, FRAMES, LONG = 32, 200, 60_000
HIDDEN, LAYERS = 128, 2  # of `lstm` and `gru`
REPEATS = 5


def make(name: str) -> Model | None:
    """The model called `name`; None for one that listens to waveforms."""
    settings = choice("model", name)
    if issubclass(pkgutil.resolve_name(settings["_target_"]), WaveformModel):
        return None
    model: Model = build("model", settings, n_bands=N_BANDS, n_channels=1, n_classes=N_CLASSES)
    return model


def step_ms(model: Model) -> float:
    features, lengths = torch.randn(BATCH, N_BANDS, FRAMES), torch.full((BATCH,), FRAMES)
    targets = torch.arange(BATCH) % N_CLASSES
    return 1000 * least_s(lambda: F.nll_loss(model.train()(features, lengths), targets))


def least_s(loss: Callable[[], Tensor]) -> float:
    """Seconds of the quickest of some passes, forward and backward."""
    times = []
    for _ in range(1 + REPEATS):
        started = time.process_time()
        loss().backward()
        times.append(time.process_time() - started)
    return min(times)


@torch.no_grad()
def long_clip(model: Model) -> tuple[float, float]:
    """Seconds, and megabytes beyond what was there."""
    features, lengths = torch.randn(1, N_BANDS, LONG), torch.tensor([LONG])
    before, started = peak_mb(), time.process_time()
    model.eval()(features, lengths)
    return time.process_time() - started, peak_mb() - before


def speedup(cell: type[nn.LSTM | nn.GRU]) -> float:
    """How many times as fast our recurrence trains as torch's own on packed sequences."""
    ours = Recurrence(cell, N_BANDS, HIDDEN, layers=LAYERS)
    torchs = cell(N_BANDS, HIDDEN, LAYERS, batch_first=True, bidirectional=True)
    features, lengths = torch.randn(BATCH, N_BANDS, FRAMES), torch.linspace(FRAMES // 2, FRAMES, BATCH).long()

    def packed() -> Tensor:
        frames = pack_padded_sequence(features.transpose(1, 2), lengths, batch_first=True, enforce_sorted=False)
        states: Tensor = torchs(frames)[0].data
        return states.sum()

    return least_s(packed) / least_s(lambda: ours(features, lengths).sum())


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = make(name)
    if model is None:
        return
    long_s, long_mb = long_clip(model)  # first: the peak is of the process's whole life
    size = sum(parameter.numel() for parameter in model.parameters())
    print(f"| `{name}` | {size / 1e6:.3f} | {step_ms(model):.0f} | {long_s:.1f} | {long_mb:.0f} |", flush=True)


def main() -> None:
    print("| model | million weights | ms a training step | s for ten minutes | MB for ten minutes |")
    print("|---|---|---|---|---|", flush=True)
    for name in groups()["model"]:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(name,))
        process.start()
        process.join()
    torch.set_num_threads(1)
    for cell in (nn.GRU, nn.LSTM):
        print(f"{cell.__name__}: trains {speedup(cell):.1f} times as fast as on packed sequences")


if __name__ == "__main__":
    main()
