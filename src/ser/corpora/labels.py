"""Emotion names, and each corpus's codes mapped to them."""

from collections.abc import Iterable

# The order of classes everywhere: in tables, in predictions.csv, in confusion matrices.
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

RAVDESS_EMOTIONS = {f"{code:02d}": emotion for code, emotion in enumerate(EMOTIONS, start=1)}


def label_order(emotions: Iterable[str]) -> list[str]:
    """Distinct emotions in class order: the known ones in the order of `EMOTIONS`, then others alphabetically.

    >>> label_order(["sad", "bored", "neutral", "sad"])
    ['neutral', 'sad', 'bored']
    """
    present = set(emotions)
    return [name for name in EMOTIONS if name in present] + sorted(present.difference(EMOTIONS))
