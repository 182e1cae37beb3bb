"""From waveforms to padded batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

POOL_BATCHES = 16  # how many batches' worth of clips are sorted by length together
JITTER = 0.05  # relative error of the lengths sorted by: a clip shall not meet the same ones every epoch


class Batch(NamedTuple):
    """A padded batch.

    waveforms (batch, samples), zero after each clip's end; lengths (batch,) in samples; targets (batch,) class
    numbers; places (batch,) in the dataset.
    """

    waveforms: Tensor
    lengths: Tensor
    targets: Tensor
    places: Tensor


class Item(NamedTuple):
    """One clip: waveform (samples,), class number, place in the dataset."""

    waveform: Tensor
    target: int
    place: int


class WaveformDataset(Dataset[Item]):
    """Waveforms (samples,) with their class numbers."""

    def __init__(self, waveforms: Sequence[npt.NDArray[np.float32]], targets: Sequence[int]) -> None:
        self.waveforms, self.targets = waveforms, targets

    def __len__(self) -> int:
        return len(self.waveforms)

    def __getitem__(self, index: int) -> Item:
        # A copy: torch wants to be able to write, and the memory map is read-only.
        return Item(torch.from_numpy(np.array(self.waveforms[index])), self.targets[index], index)

    @property
    def lengths(self) -> list[int]:
        """Number of samples of every clip."""
        return [len(waveform) for waveform in self.waveforms]


def collate(items: Sequence[Item]) -> Batch:
    """Pad clips with zeros to the longest; returns the targets too."""
    lengths = torch.tensor([len(item.waveform) for item in items])
    waveforms = torch.zeros(len(items), int(lengths.max()))
    for row, item in zip(waveforms, items, strict=True):
        row[: len(item.waveform)] = item.waveform
    targets = torch.tensor([item.target for item in items])
    return Batch(waveforms, lengths, targets, torch.tensor([item.place for item in items]))


class LengthBatches(Sampler[list[int]]):
    """Shuffled batches of clips of similar length, so that little is padding.

    Clips are shuffled, sorted roughly by length within pools of `POOL_BATCHES` batches, cut into batches, and the
    batches are shuffled. Each pass is another epoch; the order depends on `seed` and the epoch's number alone. Where a
    single clip would be left for the last batch, one at random sits the epoch out: batch normalisation cannot learn
    from one.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = np.asarray(lengths), batch_size, seed
        self.epoch = 0

    def __len__(self) -> int:
        n_batches, rest = divmod(len(self.lengths), self.batch_size)
        return n_batches + (rest > 1)

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng([self.seed, self.epoch])
        self.epoch += 1
        order = random.permutation(len(self.lengths))
        if self.batch_size > 1 and len(order) % self.batch_size == 1:
            order = order[:-1]
        pool = self.batch_size * POOL_BATCHES
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            members = order[start : start + pool]
            similar = self.lengths[members] * random.uniform(1 - JITTER, 1 + JITTER, len(members))
            members = members[np.argsort(similar)]
            batches += [members[i : i + self.batch_size].tolist() for i in range(0, len(members), self.batch_size)]
        random.shuffle(batches)
        return iter(batches)


@dataclass(frozen=True)
class Part:
    """Waveforms and class numbers of train, val or test."""

    waveforms: Sequence[npt.NDArray[np.float32]]
    targets: Sequence[int]


class SpeechData(pl.LightningDataModule):
    """Train, val and test as padded batches: shuffled by `seed` for training, in order of length for the others."""

    def __init__(self, parts: Mapping[str, Part], *, batch_size: int, seed: int) -> None:
        super().__init__()
        self.batch_size, self.seed = batch_size, seed
        self.datasets = {name: WaveformDataset(part.waveforms, part.targets) for name, part in parts.items()}

    def train_dataloader(self) -> DataLoader[Item]:
        dataset = self.datasets["train"]
        batches = LengthBatches(dataset.lengths, self.batch_size, self.seed)
        return DataLoader(dataset, batch_sampler=batches, collate_fn=collate, pin_memory=torch.cuda.is_available())

    def val_dataloader(self) -> DataLoader[Item]:
        return self._in_order("val")

    def predict_dataloader(self) -> DataLoader[Item]:
        return self._in_order("test")

    def statistics_dataloader(self) -> DataLoader[Item]:
        """The training part once, for normalisation."""
        return self._in_order("train")

    def _in_order(self, part: str) -> DataLoader[Item]:
        dataset = self.datasets[part]
        order = np.argsort(dataset.lengths, kind="stable").tolist()
        return DataLoader(dataset, batch_size=self.batch_size, sampler=order, collate_fn=collate)
