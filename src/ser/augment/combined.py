"""Changes to the waveform and to the feature."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ser.augment.base import Augment
from ser.config.build import build


class Combined(Augment):
    """The waveforms changed by one augmentation, the features (and mixup) by another.

    Args:
        waveform, specaugment: settings of the two (`_target_` and arguments).
        n_channels, sample_rate: see `Augment`.
    """

    def __init__(
        self, *, waveform: Mapping[str, Any], specaugment: Mapping[str, Any], n_channels: int, sample_rate: int
    ) -> None:
        given = {"n_channels": n_channels, "sample_rate": sample_rate}
        of_waveforms: Augment = build("waveform", waveform, Augment, **given)
        of_features: Augment = build("specaugment", specaugment, Augment, **given)
        super().__init__(mixup=of_features.mixup, **given)
        self.changes_waveforms = of_waveforms.changes_waveforms
        self.waveform, self.specaugment = of_waveforms, of_features

    def waveforms(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.waveform.waveforms(waveforms, lengths)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        changed: tuple[Tensor, Tensor] = self.specaugment(features, lengths)
        return changed
