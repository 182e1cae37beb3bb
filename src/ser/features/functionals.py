"""Hand-made features: openSMILE's statistics of a whole clip."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ser.config.checks import check_choice, check_range
from ser.config.extras import need
from ser.features.base import FrozenFeature

N_FUNCTIONALS = {"eGeMAPSv02": 88, "ComParE_2016": 6373}
SHORTEST_S = 0.06  # the longest window of both sets; openSMILE has no functionals of less
PCM_16 = 32768  # openSMILE is given samples of 16 bits


class Functionals(FrozenFeature):
    """Statistics (functionals) of pitch, loudness, spectrum and voice quality over a clip, by openSMILE: one frame.

    eGeMAPSv02 is a small set chosen by experts (Eyben et al. 2016, doi 10.1109/TAFFC.2015.2457417), ComParE_2016 a
    large one made by brute force (Schuller et al. 2016, doi 10.21437/Interspeech.2016-129). The values are those of
    `opensmile.Smile.process_signal`; a clip shorter than 60 ms is continued with silence.

    Args:
        feature_set: eGeMAPSv02 (88 functionals) or ComParE_2016 (6373).
        sample_rate: of the waveforms, in Hz.
        trim_db: cut off beginning and end that lie this far below the loudest part, in dB; None: not at all.

    Raises:
        ConfigError: a setting has a value that cannot be used, or the package opensmile is missing.
    """

    frame_rate = None
    frame_dtype = np.float32  # from 1e-8 to 1e13
    on_cpu = True
    notice = (
        "openSMILE is under audEERING's research license: no product may use it, its features, or models trained with"
        " them; read https://github.com/audeering/opensmile-python/blob/main/LICENSE"
    )

    def __init__(self, *, feature_set: str, sample_rate: int, trim_db: float | None) -> None:
        super().__init__()
        check_choice("feature_set", feature_set, N_FUNCTIONALS)
        check_range("sample_rate", sample_rate, 8000, 192000)
        if trim_db is not None:
            check_range("trim_db", trim_db, 1, 200)
        need(f"feature {feature_set}", "opensmile", extra="opensmile")
        self.feature_set, self.sample_rate, self.trim_db = feature_set, sample_rate, trim_db
        self.n_bands = N_FUNCTIONALS[feature_set]

    @property
    def frame_parameters(self) -> Mapping[str, Any]:
        return {"functionals": self.feature_set, "sample_rate": self.sample_rate, "opensmile": version("opensmile")}

    @property
    def title(self) -> str:
        return self.feature_set

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Functionals (batch, n_bands, 1) in float32, and ones (batch,). May be called by several threads at once."""
        clips = waveforms.float().cpu().numpy()
        made = [self._functionals(clip[:length]) for clip, length in zip(clips, lengths.tolist(), strict=True)]
        return torch.from_numpy(np.stack(made)).to(waveforms.device), torch.ones_like(lengths)

    def _functionals(self, clip: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n_bands, 1) of samples (samples,)."""
        shortest = round(SHORTEST_S * self.sample_rate)
        padded = np.pad(clip, (0, max(shortest - len(clip), 0)))
        # What 16 bits cannot hold, the sample 1.0 among it, would come out with the other sign.
        heard = padded.clip(-1.0, 1.0 - 1 / PCM_16)
        made: npt.NDArray[np.float32] = _smile(self.feature_set)(heard, self.sample_rate)[0].astype(np.float32)
        return made


@cache
def _smile(feature_set: str) -> Any:
    """Kept here and not in the feature, so that copies of it, and checkpoints, hold none."""
    import opensmile

    return opensmile.Smile(opensmile.FeatureSet[feature_set], opensmile.FeatureLevel.Functionals)
