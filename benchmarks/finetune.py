"""Time and memory of a training step of model=finetune, by what is frozen, whether what that gives is read from the
store, and whether gradients are checkpointed.

    python benchmarks/finetune.py --clips 4 --seconds 3.5
    python benchmarks/finetune.py --encoder <folder> --frozen 0 3 4 5 --clips 32 --seconds 1.7

The encoder is the one in a folder; or one of the size of wav2vec2-base (94 million parameters, 12 layers) with random
weights: nothing is downloaded. Each row is a process of its own. On a CPU: processor time, which other programs disturb
less than the clock, and the memory of the whole process. On a GPU: time by the clock, bf16, and the memory that torch
has allocated.
"""

import argparse
import itertools
import multiprocessing
import resource
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import torch
import torch.nn.functional as F

from ser.config.build import build
from ser.config.choices import choice

N_CLASSES = 8
ENCODER = {"config": {"model_type": "wav2vec2"}, "extractor": {"sampling_rate": 16000}}  # as in our own checkpoints


def measure(
    encoder: str | None, n_clips: int, seconds: float, n_steps: int, frozen: int, stored: bool, checkpointing: bool
) -> tuple[float, float]:
    """Seconds a step (median), and peak memory in GB."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    changed = {"freeze_layers": frozen, "gradient_checkpointing": checkpointing, "layerdrop": 0.0}
    settings = {**choice("model", "finetune"), **changed, "checkpoint": encoder or ENCODER}
    model = build("model", settings, n_bands=1, n_channels=1, n_classes=N_CLASSES)
    for parameter in model.encoder.parameters() if encoder is None else []:
        with torch.no_grad():
            parameter.normal_(std=0.02) if parameter.ndim > 1 else parameter.fill_(0.5)
    model.to(device)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
    n_samples = round(seconds * model.encoder.sample_rate)
    inputs = 0.1 * torch.randn(n_clips, 1, n_samples, device=device)
    lengths = torch.full((n_clips,), n_samples, device=device)
    if stored:
        with torch.no_grad():
            inputs, lengths = model.encoder.lower(inputs[:, 0], lengths, [*range(frozen + 1)])
    targets = torch.arange(n_clips, device=device) % N_CLASSES
    times = []
    for _ in range(n_steps + 1):
        started = clock()
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            log_probabilities = model(inputs, lengths)
        F.nll_loss(log_probabilities, targets).backward()
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - started)
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated()
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return statistics.median(times[1:]), peak / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", help="folder of an encoder")
    parser.add_argument("--frozen", type=int, nargs="+", default=[0, 6, 12], help="lowest layers (default 0 6 12)")
    parser.add_argument("--clips", type=int, default=4, help="clips a step (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=3.5, help="length of a clip (default %(default)s)")
    parser.add_argument("--steps", type=int, default=3, help="steps of each (default %(default)s)")
    given = parser.parse_args()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, {device}; {given.clips} clips of {given.seconds} s a step")
    print("| `model.freeze_layers` | from the store | `model.gradient_checkpointing` | s a step | GB | time | memory |")
    print("|---|---|---|---|---|---|---|")
    first: tuple[float, float] | None = None
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for frozen, stored, checkpointing in itertools.product(given.frozen, (False, True), (False, True)):
            if stored and frozen == 0:
                continue
            sizes = (given.encoder, given.clips, given.seconds, given.steps)
            took, peak = pool.submit(measure, *sizes, frozen, stored, checkpointing).result()
            first = first or (took, peak)
            of_all = f"{took / first[0]:.2f} | {peak / first[1]:.2f}"
            case = f"{frozen} | {'yes' if stored else 'no'} | {str(checkpointing).lower()}"
            print(f"| {case} | {took:.3g} | {peak:.1f} | {of_all} |", flush=True)


if __name__ == "__main__":
    main()
