"""SpecAugment: changes to features."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ser.augment.base import Augment
from ser.config.checks import check_range
from ser.layers.mask import frame_mask

MIN_FRAMES = 4  # what a time warp leaves of a clip at least


class SpecAugment(Augment):
    """Time warp, frequency masks and time masks. (Park et al. 2019, arXiv 1904.08779)

    The warp stretches or shortens a whole batch, a change of speaking rate. Masks are drawn for each clip and set
    to 0, the mean.

    Args:
        time_warp: largest relative change of length; 0.15 gives factors of 0.85 to 1.15.
        n_frequency_masks, n_time_masks: masks a clip.
        frequency_mask: largest height of a mask, as a part of the bands.
        time_mask: largest width of a mask, as a part of the clip's frames.
        mixup, n_channels, sample_rate: see `Augment`; masks cover the same bands in each channel.
    """

    def __init__(
        self,
        *,
        time_warp: float,
        n_frequency_masks: int,
        frequency_mask: float,
        n_time_masks: int,
        time_mask: float,
        mixup: float,
        n_channels: int,
        sample_rate: int,
    ) -> None:
        super().__init__(mixup=mixup, n_channels=n_channels, sample_rate=sample_rate)
        check_range("time_warp", time_warp, 0, 0.9)
        check_range("n_frequency_masks", n_frequency_masks, 0, 100)
        check_range("frequency_mask", frequency_mask, 0, 1)
        check_range("n_time_masks", n_time_masks, 0, 100)
        check_range("time_mask", time_mask, 0, 1)
        self.time_warp = time_warp
        self.n_frequency_masks, self.frequency_mask = n_frequency_masks, frequency_mask
        self.n_time_masks, self.time_mask = n_time_masks, time_mask

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if self.time_warp:
            features, lengths = self._warp(features, lengths)
        n_rows, n_frames = features.shape[1] // self.n_channels, features.shape[2]
        all_rows = torch.full_like(lengths, n_rows)
        for _ in range(self.n_frequency_masks):
            hidden = _random_spans(all_rows, self.frequency_mask, n_rows)  # (batch, n_rows)
            features = features.masked_fill(hidden.repeat(1, self.n_channels)[:, :, None], 0.0)
        for _ in range(self.n_time_masks):
            hidden = _random_spans(lengths, self.time_mask, n_frames)  # (batch, frames)
            features = features.masked_fill(hidden[:, None, :], 0.0)
        return features, lengths

    def _warp(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        factor = 1 + (2 * float(torch.rand(())) - 1) * self.time_warp
        n_frames = max(MIN_FRAMES, round(features.shape[-1] * factor))
        warped = F.interpolate(features, size=n_frames, mode="linear", align_corners=False)
        lengths = (lengths * n_frames // features.shape[-1]).clamp(min=1)
        return warped * frame_mask(lengths, n_frames)[:, None], lengths


def _random_spans(extents: Tensor, part: float, size: int) -> Tensor:
    """One random span within each row's first `extents` places, up to `part` of them wide: (batch, size) of bool."""
    draws = torch.rand(2, len(extents), device=extents.device)
    widths = (draws[0] * ((extents * part).floor() + 1)).long()
    starts = (draws[1] * (extents - widths + 1)).long()
    places = torch.arange(size, device=extents.device)
    return (places >= starts[:, None]) & (places < (starts + widths)[:, None])
