"""Frozen features that are quick to import and to compute. Not a test itself."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ser.features.base import FrozenFeature
from ser.layers.mask import frame_mask

HOP = 160


class FrozenNoise(FrozenFeature):
    """Blocks of 160 samples times a random matrix; tells what it computed.

    Args:
        diary: a file that gets a line for each call: the lengths of its clips.
        pause_s: how long each call takes at least.
        gain: of the frames; one of their parameters.
        name: its title.
    """

    sample_rate = 16_000
    trim_db = None
    n_bands = 8
    frame_rate = 100.0

    def __init__(
        self, diary: str | None = None, pause_s: float = 0.0, gain: float = 1.0, name: str = "frozen noise"
    ) -> None:
        super().__init__()
        self.diary, self.pause_s, self.gain, self.name = diary, pause_s, gain, name
        self.matrix = torch.nn.Parameter(torch.randn(HOP, self.n_bands, generator=torch.Generator().manual_seed(0)))
        self.dropout = torch.nn.Dropout(0.5)  # a feature that is not in evaluation mode gives itself away

    @property
    def frame_parameters(self) -> Mapping[str, Any]:
        return {"weights": "abcdef" * 10, "gain": self.gain}

    @property
    def title(self) -> str:
        return self.name

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if self.diary:
            line = " ".join(map(str, lengths.tolist())) + "\n"
            handle = os.open(self.diary, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(handle, line.encode())  # at once, so that lines of several processes do not mix
            os.close(handle)
        time.sleep(self.pause_s)
        n_blocks = waveforms.shape[1] // HOP
        blocks = waveforms[:, : n_blocks * HOP].reshape(len(waveforms), n_blocks, HOP)
        frames = self.dropout(self.gain * (blocks @ self.matrix))
        return frames.transpose(1, 2), lengths // HOP


class FrozenSums(FrozenFeature):
    """One frame a clip: its sum of samples, their squares, and a number that 16 bits do not hold."""

    sample_rate = 16_000
    trim_db = None
    n_bands = 3
    frame_rate = None
    frame_dtype = np.float32
    on_cpu = True
    notice = "sums are free"

    def __init__(self) -> None:  # with no arguments, as a component's settings are checked against it
        super().__init__()

    @property
    def frame_parameters(self) -> Mapping[str, Any]:
        return {"sums": 1}

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        assert waveforms.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        clips = waveforms * frame_mask(lengths, waveforms.shape[1])
        large = torch.full_like(clips[:, 0], 1e9)
        return torch.stack([clips.sum(1), clips.square().sum(1), large], dim=1)[..., None], torch.ones_like(lengths)


def computed(diary: Path) -> list[list[int]]:
    """The lengths of the clips of each call so far; the diary is emptied."""
    if not diary.exists():
        return []
    lines = [[int(word) for word in line.split()] for line in diary.read_text().splitlines()]
    diary.unlink()
    return lines
