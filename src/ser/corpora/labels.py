"""Emotion names and their order."""

from collections.abc import Iterable

# The order of classes everywhere: in tables, in predictions.csv, in confusion matrices.
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


def label_order(emotions: Iterable[str]) -> list[str]:
    """Distinct emotions in class order: the known ones in the order of `EMOTIONS`, then others alphabetically.

    >>> label_order(["sad", "bored", "neutral", "sad"])
    ['neutral', 'sad', 'bored']
    """
    present = set(emotions)
    return [name for name in EMOTIONS if name in present] + sorted(present.difference(EMOTIONS))
