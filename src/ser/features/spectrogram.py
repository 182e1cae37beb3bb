"""A spectrogram as a picture: what one sees when it is plotted."""

import matplotlib
import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor

from ser.config.checks import check_choice, check_range
from ser.features.base import Feature
from ser.features.decibels import check_levels, limit_range, stft_size
from ser.layers.mask import frame_mask


class SpectrogramPicture(Feature):
    """STFT magnitude in dB, drawn through a colour map: three channels (red, green, blue) in [0, 1].

    The frequency axis is linear and is drawn with `height` rows; time keeps one column a hop. The colours span
    each clip's own loudest point down to `dynamic_range_db` below it, as plotting programs do.

    Args:
        sample_rate: of the waveforms, in Hz.
        trim_db: cut off beginning and end that lie this far below the loudest part, in dB; None: not at all.
        height: rows of the picture.
        window_s: length of the Hann window, in seconds.
        hop_s: distance between frames, in seconds.
        dynamic_range_db: span of the colours.
        colormap: a Matplotlib colour map.
    """

    n_channels = 3
    colors: Tensor

    def __init__(
        self,
        *,
        sample_rate: int,
        trim_db: float | None,
        height: int,
        window_s: float,
        hop_s: float,
        dynamic_range_db: float,
        colormap: str,
    ) -> None:
        super().__init__()
        check_choice("colormap", colormap, matplotlib.colormaps)
        check_levels(trim_db, dynamic_range_db)
        window, hop = stft_size(sample_rate, window_s, hop_s)
        n_fft = 1 << (window - 1).bit_length()
        check_range("height", height, 8, n_fft // 2 + 1)
        self.sample_rate, self.trim_db, self.height = sample_rate, trim_db, height
        self.n_bands = self.n_channels * height
        self.hop, self.dynamic_range_db = hop, dynamic_range_db
        self.spectrogram = torchaudio.transforms.Spectrogram(
            n_fft, win_length=window, hop_length=hop, power=1.0, pad_mode="constant"
        )
        self.decibels = torchaudio.transforms.AmplitudeToDB("magnitude")
        palette = matplotlib.colormaps[colormap].resampled(256)(range(256))[:, :3]
        self.register_buffer("colors", torch.tensor(palette, dtype=torch.float32), persistent=False)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        decibels: Tensor = self.decibels(self.spectrogram(waveforms))  # (batch, n_fft / 2 + 1, frames)
        lengths = torch.div(lengths, self.hop, rounding_mode="floor") + 1
        mask = frame_mask(lengths, decibels.shape[-1])
        decibels = limit_range(decibels, mask, self.dynamic_range_db)
        rows = F.adaptive_avg_pool1d(decibels.transpose(1, 2), self.height)  # (batch, frames, height)
        loudest = rows.masked_fill(~mask[..., None], float("-inf")).amax(dim=(1, 2), keepdim=True)
        level = ((rows - loudest) / self.dynamic_range_db + 1).clamp(0, 1)
        picture = self.colors[(level * 255).round().long()]  # (batch, frames, height, 3)
        return picture.permute(0, 3, 2, 1).flatten(1, 2), lengths
