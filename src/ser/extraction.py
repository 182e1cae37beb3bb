"""Frozen features of a corpus: computed once, kept in the store, read from there."""

from collections.abc import Mapping
from pathlib import Path

import torch

from ser.features.base import FrozenFeature
from ser.store import Array, Recordings


@torch.inference_mode()
def load_frames(feature: FrozenFeature, recordings: Recordings, folder: Path) -> Mapping[str, Array]:
    """Frames (n_bands, frames) of every clip, by utterance id."""
    frames = {}
    for name, waveform in recordings.waveforms.items():
        made, [count] = feature(torch.from_numpy(waveform.copy())[None], torch.tensor([len(waveform)]))
        frames[name] = made[0, :, :count].numpy()
    return frames
