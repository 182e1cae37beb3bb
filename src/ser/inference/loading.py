"""`ser.load`: a trained model from wherever it lies."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from ser.inference.hub import HUB, snapshot
from ser.inference.members import read_members
from ser.inference.predictor import Predictor


def load(place: str | PathLike[str], *, fold: int | None = None, trust: Sequence[str] = ()) -> Predictor:
    """A trained model, ready to name the emotions of recordings.

    Args:
        place: a run folder (of one training, of all folds, or of an ensemble), a folder as `ser export` writes it, a
            checkpoint, or `hf:user/name` on the Hugging Face hub.
        fold: of a run over all folds; None: the mean of all.
        trust: packages whose classes it may name beside those of ser; what they do when they are imported is done.

    Raises:
        ModelError: there is none, it is damaged, or it is not to be trusted.
        SerError: what it needs cannot be had, such as its encoder.
    """
    name = str(place)
    folder = snapshot(name.removeprefix(HUB)) if name.startswith(HUB) else Path(place)
    return Predictor(*read_members(folder.expanduser(), fold, trust))
