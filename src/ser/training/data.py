"""From clips (waveforms, or a frozen feature's frames) to padded batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

from ser.errors import ResumeError
from ser.features.side_by_side import Joined

Array = npt.NDArray[np.floating[Any]]
Input = Array | Joined  # of a clip: waveform (samples,), or frames (n_bands, frames)

TRAINING_CLIP_S = 20.0  # training hears so much of a longer clip, a part at random
TEST_BATCH_S = 640.0  # padded audio that is heard at once in validation and test; a longer clip stands alone
KNOWN = "known"  # what normalisation by speaker hears beside the training part, and nobody learns from
REFERENCE = "reference"  # of the training part what is of the same kind, where only clips of a kind are known
POOL_BATCHES = 16  # how many batches' worth of clips are sorted by length together
JITTER = 0.05  # relative error of the lengths sorted by: a clip shall not meet the same ones every epoch


class Batch(NamedTuple):
    """A padded batch.

    inputs: waveforms (batch, samples), or a frozen feature's frames (batch, n_bands, frames), zero after each clip's
    end; lengths (batch,) in samples or frames; targets (batch,) class numbers; places (batch,) in the dataset; speakers
    (batch,) numbers, 0: somebody unknown; None: all are; votes (batch, n_classes) what part of the raters named each
    class; None: there is one label.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    places: Tensor
    speakers: Tensor | None = None
    votes: Tensor | None = None

    @property
    def wanted(self) -> Tensor:
        """What the loss wants: distributions (batch, n_classes) where there are votes, else class numbers (batch,)."""
        return self.targets if self.votes is None else self.votes


class Item(NamedTuple):
    """One clip: waveform (samples,) or frames (n_bands, frames), class, place in the dataset, speaker, by number; and
    what part of the raters named each class (n_classes,).
    """

    input: Tensor
    target: int
    place: int
    speaker: int = 0
    votes: Tensor | None = None


@dataclass(frozen=True)
class Part:
    """Clips of train, val or test, or for normalisation.

    Attributes:
        inputs: waveforms or frames.
        targets: class numbers.
        speakers: by number, from 1; none: nobody is known.
        variants: of each clip, other versions that are given as often as itself, at random; none: itself alone.
        corpora: by number, from 0; none: there is one.
        votes: (clips, n_classes) what part of the raters named each class; None: clips have one label.
    """

    inputs: Sequence[Input]
    targets: Sequence[int]
    speakers: Sequence[int] = ()
    variants: Sequence[Sequence[Input]] = ()
    corpora: Sequence[int] = ()
    votes: Array | None = None


class ClipDataset(Dataset[Item]):
    """Clips with their class numbers.

    Args:
        part: the clips.
        longest: in samples or frames; of a longer clip a part of this length is given, another one each time. None:
            all.
    """

    def __init__(self, part: Part, longest: int | None = None) -> None:
        self.inputs, self.targets, self.longest, self.variants = part.inputs, part.targets, longest, part.variants
        self.speakers = part.speakers or [0] * len(part.inputs)
        self.votes = None if part.votes is None else torch.tensor(part.votes, dtype=torch.float32)
        self.groups = {"balanced": part.targets, "corpus": part.corpora}

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> Item:
        clip = self.inputs[index]
        if self.variants:
            versions = [clip, *self.variants[index]]
            clip = versions[int(torch.randint(len(versions), ()))]
        clip = np.asarray(clip)
        length = clip.shape[-1]
        if self.longest is not None and length > self.longest:
            start = int(torch.randint(length - self.longest + 1, ()))
            clip = clip[..., start : start + self.longest]
        # A copy: torch wants to be able to write, and the memory map is read-only.
        input = torch.from_numpy(np.array(clip, np.float32))
        votes = None if self.votes is None else self.votes[index]
        return Item(input, self.targets[index], index, self.speakers[index], votes)

    @property
    def truth(self) -> npt.NDArray[Any]:
        """Distributions (n_clips, n_classes) where there are votes, else class numbers (n_clips,)."""
        return np.asarray(self.targets) if self.votes is None else self.votes.numpy()

    @property
    def lengths(self) -> list[int]:
        """Number of samples or frames of every clip as it is given, unless as a variant."""
        return [min(clip.shape[-1], self.longest or clip.shape[-1]) for clip in self.inputs]


def collate(items: Sequence[Item]) -> Batch:
    """Pad clips with zeros to the longest; returns the targets too."""
    lengths = torch.tensor([item.input.shape[-1] for item in items])
    inputs = torch.zeros(len(items), *items[0].input.shape[:-1], int(lengths.max()))
    for row, item in zip(inputs, items, strict=True):
        row[..., : item.input.shape[-1]] = item.input
    targets, places, speakers = (torch.tensor([item[field] for item in items]) for field in (1, 2, 3))
    votes = [item.votes for item in items if item.votes is not None]
    return Batch(inputs, lengths, targets, places, speakers, torch.stack(votes) if votes else None)


class LengthBatches(Sampler[list[int]]):
    """Shuffled batches of clips of similar length, so that little is padding.

    Clips are shuffled, sorted roughly by length within pools of `POOL_BATCHES` batches, cut into batches, and the
    batches are shuffled. The order depends on `seed` and the epoch's number alone. Where a single clip would be left
    for the last batch, one at random sits the epoch out: batch normalisation cannot learn from one. Where fewer would
    be left than there are processes, as many sit it out: each process must have one.

    Args:
        lengths: of the clips.
        batch_size: clips a batch, over all processes.
        seed: of the order.
        chances: how often each clip is to be drawn, in relation to the others; None: each once an epoch.
        process, n_processes: which clips of each batch this process takes: every `n_processes`-th.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        seed: int,
        *,
        chances: npt.NDArray[np.float64] | None = None,
        process: int = 0,
        n_processes: int = 1,
    ) -> None:
        self.lengths, self.batch_size, self.seed = np.asarray(lengths), batch_size, seed
        self.chances = None if chances is None else chances / chances.sum()
        self.process, self.n_processes = process, n_processes
        self.epoch = 0

    def __len__(self) -> int:
        n_batches, rest = divmod(len(self.lengths), self.batch_size)
        return n_batches + (rest >= self._smallest)

    def set_epoch(self, epoch: int) -> None:
        """Name the epoch, from 0, that the next pass is."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        # A generator: a resumed training makes its iterator before it knows the epoch, but reads it after.
        random = np.random.default_rng([self.seed, self.epoch])
        n_clips = len(self.lengths)
        drawn = None if self.chances is None else random.choice(n_clips, n_clips, p=self.chances)
        order = random.permutation(n_clips) if drawn is None else drawn
        rest = n_clips % self.batch_size
        if rest < self._smallest:
            order = order[: n_clips - rest]
        pool = self.batch_size * POOL_BATCHES
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            members = order[start : start + pool]
            similar = self.lengths[members] * random.uniform(1 - JITTER, 1 + JITTER, len(members))
            members = members[np.argsort(similar)]
            batches += [members[i : i + self.batch_size].tolist() for i in range(0, len(members), self.batch_size)]
        random.shuffle(batches)
        yield from (batch[self.process :: self.n_processes] for batch in batches)

    @property
    def _smallest(self) -> int:
        """A batch has two clips at least (unless all have one), and one at least for each process."""
        return min(max(2, self.n_processes), self.batch_size)


def balanced_chances(groups: Sequence[int]) -> npt.NDArray[np.float64]:
    """Chances (n_clips,) to draw each clip by, so that every group (numbers of classes or corpora) comes up equally
    often.
    """
    counts = np.bincount(groups)
    chances: npt.NDArray[np.float64] = 1.0 / counts[np.asarray(groups)]
    return chances


class SpeechData(pl.LightningDataModule):
    """Train, val and test as padded batches: shuffled by `seed` for training, in order of length for the others.

    Several processes take turns within each batch: together they see what one would.

    Args:
        parts: train, val and test; and, where they are normalised by speaker, `KNOWN`, and it may be `REFERENCE`.
        rate: samples or frames a second.
        batch_size: over all processes.
        seed: of the order in training.
        sampling: natural, balanced (every class equally often in training), or corpus (every corpus equally often).
        fingerprint: of the corpus; a checkpoint remembers it.
        lower: where the clips are frames that come from a model's frozen lower part, a digest of that, which a
            checkpoint remembers too; such a clip is given as a whole. Empty: they are not.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        *,
        rate: float,
        batch_size: int,
        seed: int,
        sampling: str,
        fingerprint: str,
        lower: str = "",
    ) -> None:
        super().__init__()
        self.batch_size, self.seed, self.sampling, self.fingerprint = batch_size, seed, sampling, fingerprint
        self.rate, self.lower = rate, lower
        longest = {} if lower else {"train": round(TRAINING_CLIP_S * rate)}
        self.datasets = {name: ClipDataset(part, longest.get(name)) for name, part in parts.items()}

    def train_dataloader(self) -> DataLoader[Item]:
        dataset = self.datasets["train"]
        process, n_processes = self._place
        batches = LengthBatches(
            dataset.lengths,
            self.batch_size,
            self.seed,
            chances=None if self.sampling == "natural" else balanced_chances(dataset.groups[self.sampling]),
            process=process,
            n_processes=n_processes,
        )
        return DataLoader(dataset, batch_sampler=batches, collate_fn=collate, pin_memory=torch.cuda.is_available())

    def val_dataloader(self) -> DataLoader[Item]:
        return self._in_order("val", *self._place)

    def predict_dataloader(self) -> DataLoader[Item]:
        return self._in_order("test", *self._place)

    def statistics_dataloader(self, part: str) -> DataLoader[Item]:
        """A part once, for normalisation: all of it for every process."""
        return self._in_order(part, 0, 1)

    def state_dict(self) -> dict[str, str]:
        return {"fingerprint": self.fingerprint, "lower": self.lower}

    def load_state_dict(self, state_dict: dict[str, str]) -> None:
        if state_dict["lower"] != self.lower:
            raise ResumeError(
                "resume: the encoder of model.checkpoint is not what it was when the run began, and its frozen layers"
                " are not trained along; restore it, or begin a new run"
            )

    @property
    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _in_order(self, part: str, process: int, n_processes: int) -> DataLoader[Item]:
        dataset = self.datasets[part]
        order = np.argsort(dataset.lengths, kind="stable").tolist()[process::n_processes]
        at_once = int(TEST_BATCH_S * self.rate) // max(dataset.lengths)
        size = max(min(self.batch_size // n_processes, at_once), 1)
        return DataLoader(Subset(dataset, order), batch_size=size, collate_fn=collate)
