"""Changes to the waveform and to the feature."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ser.augment.base import Augment
from ser.config.build import build
from ser.errors import ConfigError


class Combined(Augment):
    """The waveforms changed by one augmentation, the features (and mixup) by another.

    Args:
        waveform, specaugment: settings of the two (`_target_` and arguments).
        n_channels, sample_rate: see `Augment`.
    """

    def __init__(
        self,
        waveform: Mapping[str, Any],
        specaugment: Mapping[str, Any],
        n_channels: int = 1,
        sample_rate: int = 16000,
    ) -> None:
        given = {"n_channels": n_channels, "sample_rate": sample_rate}
        waveform_part, specaugment_part = _part("waveform", waveform, given), _part("specaugment", specaugment, given)
        super().__init__(specaugment_part.mixup, n_channels, sample_rate)
        self.changes_waveforms = waveform_part.changes_waveforms
        self.waveform, self.specaugment = waveform_part, specaugment_part

    def waveforms(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.waveform.waveforms(waveforms, lengths)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        changed: tuple[Tensor, Tensor] = self.specaugment(features, lengths)
        return changed


def _part(name: str, settings: Mapping[str, Any], given: Mapping[str, Any]) -> Augment:
    try:
        part: Augment = build("augment", settings, **given)
    except ConfigError as error:  # it names its settings as if it stood alone
        raise ConfigError(re.sub(r"^augment\b", f"augment.{name}", str(error))) from None
    return part
