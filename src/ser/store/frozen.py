"""Frozen features of a corpus: computed once, kept in the store, read from there."""

import logging
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from ser.augment import effects
from ser.errors import StoreError
from ser.features.base import FrozenFeature
from ser.features.side_by_side import Joined, SideBySide
from ser.store.recordings import Recordings
from ser.store.store import Array, Store

log = logging.getLogger("ser")

GPU_BATCH_S = 160.0  # seconds of padded audio that a GPU hears at once
AHEAD = 4  # batches a thread that may be waiting to be computed or to be kept
LINE_S = 60.0  # between two lines of progress where there is no terminal

Batch = list[str]
Frames = Array | Joined  # of a clip: (n_bands, frames)


def load_frames(
    feature: FrozenFeature,
    recordings: Recordings,
    folder: Path,
    *,
    device: torch.device,
    precision: str,
    speed: float = 1.0,
) -> Mapping[str, Frames]:
    """Compute the frames of every clip once; later calls find them in the store below `folder`.

    A clip whose frames are not finite, or that has none, is noted in `recordings.broken`, and left out. Features side
    by side are kept each by itself. What was done is noted in `recordings.made`.

    Args:
        feature: is moved to the device, and stays there.
        recordings: of the corpus.
        folder: of all stores.
        device: where to compute, unless the feature needs the CPU.
        precision: 32, bf16-mixed or 16-mixed; frames of another precision are kept apart.
        speed: at which the clips are played.

    Returns:
        Memory-mapped frames (n_bands, frames) in the feature's `frame_dtype`, by utterance id.

    Raises:
        StoreError: the disk cannot hold them, or the store cannot be written.
    """
    if isinstance(feature, SideBySide):
        return _load_parts(feature, recordings, folder, device=device, precision=precision, speed=speed)
    if feature.on_cpu:
        device, precision = torch.device("cpu"), "32"
    parameters = {"waveforms": recordings.parameters, "feature": feature.frame_parameters, "precision": precision}
    if speed != 1:
        parameters = {**parameters, "speed": f"{speed:.2f}"}
    about = {"feature": feature.title}
    store = Store(folder, kind="frames", parameters=parameters, dtype=feature.frame_dtype, about=about)
    waveforms = {recordings.keys[name]: waveform for name, waveform in recordings.waveforms.items()}
    store.verify(waveforms)
    missing = [key for key in waveforms if key not in store]
    if missing:
        with store.alone(recordings.part):
            store.verify(waveforms)
            _compute(store, feature, waveforms, device, precision, speed)
    title = feature.title if speed == 1 else f"{feature.title}, at speed {speed:.2f}"
    recordings.made[title] = len(waveforms) - len(missing), len(missing)
    frames: dict[str, Frames] = {}
    for name in recordings.waveforms:
        made = store[recordings.keys[name]]
        if made.shape[-1]:
            frames[name] = made
        else:
            recordings.broken[name] = f"{name}: the feature gives no frames for it that are finite numbers"
    return frames


def _load_parts(feature: SideBySide, recordings: Recordings, folder: Path, **how: Any) -> Mapping[str, Frames]:
    made = [load_frames(part, recordings, folder, **how) for part in feature.parts]
    names = [name for name in recordings.waveforms if all(name in frames for frames in made)]
    return {name: feature.join([np.asarray(frames[name]) for frames in made]) for name in names}


def _compute(
    store: Store,
    feature: FrozenFeature,
    waveforms: Mapping[str, Array],
    device: torch.device,
    precision: str,
    speed: float,
) -> None:
    """Compute and keep what is not in the store yet."""
    # Batches are made of all clips: a run that goes on where another was killed computes the same ones.
    every = batches({key: len(waveform) for key, waveform in waveforms.items()}, _batch_samples(feature, device))
    left = [missing for batch in every if (missing := [key for key in batch if key not in store])]
    seconds = {key: len(waveforms[key]) / feature.sample_rate for batch in left for key in batch}
    if not left:
        return
    _check_space(store, feature, n_all=len(waveforms), seconds=seconds)
    feature.eval().to(device)
    started = time.monotonic()
    n_bytes = 0
    with _threads(device) as n_threads, _Progress(len(seconds), sum(seconds.values())) as progress:

        def compute(batch: Batch) -> list[Array]:
            return _frames(feature, [waveforms[key] for key in batch], device, precision, speed)

        def results() -> Generator[Iterable[tuple[str, Array]]]:
            nonlocal n_bytes
            for batch, made in zip(left, _in_order(compute, left, n_threads), strict=True):
                n_bytes += sum(array.nbytes for array in made)
                yield zip(batch, made, strict=True)
                progress.advance(len(batch), sum(seconds[key] for key in batch))

        with closing(results()) as made:
            store.add_batches(made)
    took = time.monotonic() - started
    log.info(
        "computed the features of %d clips in %.0f s: %.1f clips a second, %.1f MB",
        *(len(seconds), took, len(seconds) / took, n_bytes / 1e6),
    )


def _batch_samples(feature: FrozenFeature, device: torch.device) -> int:
    """Padded samples of a batch at most; on a CPU a batch is one clip, for there more gain nothing."""
    return 0 if device.type == "cpu" else round(GPU_BATCH_S * feature.sample_rate)


def batches(lengths: Mapping[str, int], at_most: int) -> list[Batch]:
    """Clips of similar length together, the longest first, so that memory runs out at once or never.

    The result depends on the lengths and names alone, not on their order.

    Args:
        lengths: in samples, by name.
        at_most: samples of a padded batch; a longer clip stands alone.
    """
    made: list[Batch] = []
    for name in sorted(lengths, key=lambda name: (-lengths[name], name)):
        if made and lengths[made[-1][0]] * (len(made[-1]) + 1) <= at_most:
            made[-1].append(name)
        else:
            made.append([name])
    return made


@torch.inference_mode()
def _frames(
    feature: FrozenFeature, waveforms: Sequence[Array], device: torch.device, precision: str, speed: float
) -> list[Array]:
    """Frames (n_bands, frames) of each clip of a batch; none, where they are not finite."""
    clips = [torch.from_numpy(np.array(waveform)) for waveform in waveforms]  # copies: torch wants to be able to write
    lengths = torch.tensor([len(clip) for clip in clips])
    padded = pad_sequence(clips, batch_first=True)  # (batch, samples)
    padded, lengths = effects.speed(padded, lengths, torch.full_like(padded[:, 0], speed))
    half = torch.float16 if precision == "16-mixed" else torch.bfloat16
    with torch.autocast(device.type, half, enabled=precision != "32"):
        made, n_frames = feature(padded.to(device), lengths.to(device))
    made = made.float().cpu().numpy()  # (batch, n_bands, frames)
    largest = np.finfo(feature.frame_dtype).max
    return [
        frames[:, : count if np.isfinite(frames[:, :count]).all() else 0]
        .clip(-largest, largest)
        .astype(feature.frame_dtype)
        for frames, count in zip(made, n_frames.tolist(), strict=True)
    ]


@contextmanager
def _threads(device: torch.device) -> Iterator[int]:
    """How many batches to compute at once: on a CPU as many as torch has threads, each with one of them meanwhile."""
    n_threads = torch.get_num_threads()
    if device.type != "cpu":
        yield 1
        return
    torch.set_num_threads(1)
    try:
        yield n_threads
    finally:
        torch.set_num_threads(n_threads)


def _in_order(compute: Callable[[Batch], list[Array]], some: Iterable[Batch], n_threads: int) -> Iterator[list[Array]]:
    """Frames of batches in their order, computed by threads, and not far ahead of their use."""
    waiting: deque[Future[list[Array]]] = deque()
    pool = ThreadPoolExecutor(n_threads)
    try:
        for batch in some:
            waiting.append(pool.submit(compute, batch))
            if len(waiting) > AHEAD * n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _check_space(store: Store, feature: FrozenFeature, *, n_all: int, seconds: Mapping[str, float]) -> None:
    """Say how much disk will be needed, and refuse if it is not there."""
    n_frames = sum(seconds.values()) * feature.frame_rate if feature.frame_rate else len(seconds)
    n_frames += len(seconds) * feature.n_further
    needed = n_frames * feature.n_bands * np.dtype(feature.frame_dtype).itemsize / 1e6
    free = shutil.disk_usage(store.folder).free / 1e6
    log.info(
        "features of %d of %d clips are to be computed: about %.1f MB in %s, where %.1f MB are free",
        *(len(seconds), n_all, needed, store.folder, free),
    )
    if needed > free:
        raise StoreError(
            f"paths.store: the features need about {needed:.1f} MB in {store.folder}, where {free:.1f} MB are free;"
            " make room (ser store prune), or set paths.store=<folder>"
        )


class _Progress:
    """A bar in a terminal; elsewhere a line now and then."""

    def __init__(self, n_clips: int, seconds: float) -> None:
        self.n_clips, self.seconds = n_clips, seconds
        self.n_done, self.seconds_done = 0, 0.0

    def __enter__(self) -> "_Progress":
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        # Time left is of audio, not of clips: the long ones come first.
        columns = [TextColumn("Computing features"), BarColumn(), TextColumn("{task.fields[said]}")]
        self.bar = Progress(*columns, TimeRemainingColumn(), TextColumn("left"), disable=not sys.stdout.isatty())
        self.task = self.bar.add_task("", total=self.seconds, said="")
        self.bar.start()
        self.started = self.last = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def advance(self, n_clips: int, seconds: float) -> None:
        """Count clips, and the seconds of audio in them."""
        self.n_done += n_clips
        self.seconds_done += seconds
        now = time.monotonic()
        rate = self.n_done / (now - self.started)
        said = f"{self.n_done}/{self.n_clips} clips, {rate:.1f} a second"
        self.bar.update(self.task, completed=self.seconds_done, said=said)
        if self.bar.disable and now - self.last > LINE_S:
            left = (now - self.started) * (self.seconds / self.seconds_done - 1)
            log.info("features of %s, %.0f s left", said, left)
            self.last = now
