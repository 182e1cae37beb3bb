"""Several frozen features as one: their frames side by side."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ser.config.build import build
from ser.errors import SettingError
from ser.features.base import Feature, FrozenFeature

Array = npt.NDArray[np.floating[Any]]


class Joined:
    """A clip's frames of several features side by side, put together each time they are read (`np.asarray`).

    Args:
        parts: frames (bands, frames) of each feature; a single one is repeated.
        n_frames: of all together; no part has fewer but those with one.
    """

    def __init__(self, parts: Sequence[Array], n_frames: int) -> None:
        self.parts = parts
        self.shape = (sum(len(part) for part in parts), n_frames)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        n_frames = self.shape[1]
        wide = [np.broadcast_to(part[:, :n_frames], (len(part), n_frames)) for part in self.parts]
        return np.concatenate(wide, dtype=dtype)


class SideBySide(FrozenFeature):
    """Frozen features whose frames stand side by side: early fusion.

    A feature with one frame a clip is repeated along the frames of the others. Of features with as many frames a
    second, one may count a frame more than another at a clip's end: it is dropped. Each part is kept in the store by
    itself, as if it were used alone.

    Args:
        parts: settings of two features at least (`_target_` and its arguments), by names of one's own.

    Raises:
        SettingError: a part is not frozen, or does not go with the others.
    """

    def __init__(self, *, parts: Mapping[str, Any]) -> None:
        super().__init__()
        if len(parts) < 2:
            raise SettingError("parts: name two features at least, as feature=[whisper,compare]")
        made = {name: build(f"parts.{name}", settings, Feature) for name, settings in parts.items()}
        for name, part in made.items():
            if not isinstance(part, FrozenFeature) or isinstance(part, SideBySide):
                raise SettingError(
                    f"parts.{name}: only encoders and hand-made features, which are computed once, stand side by side"
                )
            if part.n_layers > 1:
                raise SettingError(
                    f"parts.{name}.layer: all layers, weighted or to choose the best of, stand alone; name one, or"
                    " some such as [1,2,3]"
                )
        self.sample_rate = _common(made, "sample_rate")
        self.trim_db = _common(made, "trim_db")
        self.frame_rate = _common({name: part for name, part in made.items() if part.frame_rate}, "frame_rate")
        self.n_bands = sum(part.n_bands for part in made.values())
        self.notice = "; ".join(dict.fromkeys(part.notice for part in made.values() if part.notice))
        self.parts: Sequence[FrozenFeature] = nn.ModuleList(made.values())  # type: ignore[assignment]

    @property
    def frame_parameters(self) -> Mapping[str, Any]:
        return {"parts": [part.frame_parameters for part in self.parts]}

    @property
    def title(self) -> str:
        return " | ".join(part.title for part in self.parts)

    def join(self, frames: Sequence[Array]) -> Joined:
        """One clip's frames (bands, frames) of each part, side by side."""
        timed = [one.shape[1] for one, part in zip(frames, self.parts, strict=True) if part.frame_rate]
        return Joined(frames, min(timed, default=1))

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self._beside([part(waveforms, lengths) for part in self.parts], lengths)

    def kept(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self._beside([part.kept(waveforms, lengths) for part in self.parts], lengths)

    def _beside(self, made: Sequence[tuple[Tensor, Tensor]], lengths: Tensor) -> tuple[Tensor, Tensor]:
        timed = [counts for (_, counts), part in zip(made, self.parts, strict=True) if part.frame_rate]
        n_frames = torch.stack(timed).amin(0) if timed else torch.ones_like(lengths)
        longest = int(n_frames.max())
        return torch.cat([frames[..., :longest].expand(-1, -1, longest) for frames, _ in made], dim=1), n_frames


def _common(parts: Mapping[str, FrozenFeature], setting: str) -> Any:
    """What all parts have; None where there are none."""
    values = {name: getattr(part, setting) for name, part in parts.items()}
    if len(set(values.values())) > 1:
        told = ", ".join(f"{name} {json.dumps(value)}" for name, value in values.items())
        raise SettingError(
            f"parts: features side by side need the same {setting}; got {told}; set it alike, or choose others"
        )
    return next(iter(values.values()), None)
