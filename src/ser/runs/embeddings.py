"""embeddings.npz of a run folder: what the model's last layer makes of the test clips."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ser.files import replacing
from ser.runs.names import EMBEDDINGS

MOST_CLIPS = 1000  # bounds the time of making them and of drawing them, and the page


def chosen(n_clips: int) -> list[int]:
    """Which of so many clips are shown: of more than `MOST_CLIPS` so many at random, always the same; in order."""
    if n_clips <= MOST_CLIPS:
        return list(range(n_clips))
    return sorted(np.random.default_rng(0).choice(n_clips, MOST_CLIPS, replace=False).tolist())


@dataclass(frozen=True)
class Embeddings:
    """Vectors of one model.

    Attributes:
        utterances: ids of test clips, of many of them those that are `chosen`.
        vectors: (n_clips, n), float16.
        fold: whose model and test clips these are; the vectors of different models cannot be laid over each other.
    """

    utterances: Sequence[str]
    vectors: npt.NDArray[np.float16]
    fold: int

    def write(self, folder: Path) -> None:
        """Write embeddings.npz."""
        with replacing(folder / EMBEDDINGS) as beside:
            utterances = np.array(self.utterances, dtype=np.str_)
            np.savez_compressed(beside, utterances=utterances, vectors=self.vectors, fold=np.int64(self.fold))


def read_embeddings(folder: Path) -> Embeddings:
    """What embeddings.npz of a run folder holds.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged.
    """
    path = folder / EMBEDDINGS
    try:
        with np.load(path, allow_pickle=False) as held:
            made = Embeddings(held["utterances"].tolist(), held["vectors"], int(held["fold"]))
    except FileNotFoundError:
        raise
    except (OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if made.vectors.ndim != 2 or len(made.vectors) != len(made.utterances):
        raise ValueError(f"{path} is damaged: {len(made.utterances)} clips, vectors of shape {made.vectors.shape}")
    return made
