"""What `ser listen` does: WAV files and a picture of a clip before and after an augmentation."""

import textwrap
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import soundfile
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from ser import audio
from ser.augment.base import Augment
from ser.augment.combined import Combined
from ser.augment.waveform import WaveformAugment
from ser.commands.composing import composed
from ser.config.build import build
from ser.corpora.demo import Demo, clip_names, make_actors
from ser.errors import SerError
from ser.features.base import Feature, Heard, Normalization
from ser.files import replacing
from ser.runs import figures

PICTURE = "features.png"


def listen(clip: Path | None, overrides: Sequence[str], folder: Path | None, n_versions: int, seed: int) -> None:
    """Write `before.wav`, `after-1.wav`, ... and the picture, and print what was written.

    Args:
        clip: an audio file; None: one of the demo corpus.
        overrides: settings, as `ser train` takes them.
        folder: to write to; None: a new one.
        n_versions: how many changed versions.
        seed: of what is drawn.

    Raises:
        SerError: something that the user can mend.
    """
    config = composed(overrides)
    feature: Feature = build("feature", config.feature, Feature)
    given = {"n_channels": feature.n_channels, "sample_rate": feature.sample_rate}
    augment: Augment = build("augment", config.augment, Augment, **given)
    clip = clip or _demo_clip(Path(config.paths.data))
    if folder is None:
        folder = Path(config.paths.outputs) / "listen" / f"{datetime.now():%Y-%m-%d-%H-%M-%S-%f}"
    before = torch.from_numpy(audio.load(clip, sample_rate=feature.sample_rate, top_db=feature.trim_db))
    torch.manual_seed(seed)
    after, titles = _changed(augment, before, n_versions)
    versions = {"before": before} | {f"after-{number}": one for number, one in enumerate(after, start=1)}
    _make_room(folder, [*(f"{name}.wav" for name in versions), PICTURE])
    try:
        _write(folder, versions, feature.sample_rate)
        figures.save(_draw(clip.name, feature, augment, versions, titles), folder / PICTURE, dpi=110)
    except (OSError, soundfile.LibsndfileError) as error:
        reason = getattr(error, "strerror", None) or "is the disk full?"
        raise SerError(f"--out: cannot write ({reason}); free space, or name another folder with --out") from None
    for name, title in zip(versions, ["", *titles], strict=True):
        print(f"{folder / name}.wav  {title}".rstrip())
    print(folder / PICTURE)


def _demo_clip(data: Path) -> Path:
    root = Demo(root=data / "demo").root
    make_actors(["01"], root)
    return root / "Actor_01" / clip_names("01")[-1]


@torch.no_grad()
def _changed(augment: Augment, before: Tensor, n_versions: int) -> tuple[list[Tensor], list[str]]:
    """Changed versions of a waveform (samples,), and what was done to each, where that is known."""
    batch, lengths = before.repeat(n_versions, 1), torch.full((n_versions,), len(before))
    part = augment.waveform if isinstance(augment, Combined) else augment
    done: list[list[str]] = [[] for _ in range(n_versions)]
    if isinstance(part, WaveformAugment):
        drawn = part.draw(n_versions)
        after, lengths = part.change(batch, lengths, drawn)
        for item in drawn:
            for name, values in item.parameters.items():
                for row, value in zip(item.rows.tolist(), values.tolist(), strict=True):
                    done[row].append(f"{name} {value:.4g}")
    else:
        after, lengths = augment.waveforms(batch, lengths)
    return [row[:length] for row, length in zip(after, lengths.tolist(), strict=True)], [", ".join(d) for d in done]


def _make_room(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        if (folder / name).exists():
            raise SerError(f"--out: {folder / name} exists and would be lost; name another folder with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SerError(f"--out: {folder} cannot be written to ({error.strerror}); name another folder") from None


def _write(folder: Path, versions: dict[str, Tensor], sample_rate: int) -> None:
    # All by the same factor, so that they keep their loudness beside each other.
    peak = max(float(waveform.abs().max()) for waveform in versions.values())
    if peak > 1:
        print(
            f"all files are turned down by {20 * np.log10(peak):.1f} dB, or the loudest would not fit into a WAV file"
        )
    for name, waveform in versions.items():
        with replacing(folder / f"{name}.wav") as beside:
            soundfile.write(beside, (waveform / max(1.0, peak)).numpy(), sample_rate, subtype="PCM_16")


@torch.no_grad()
def _draw(clip: str, feature: Feature, augment: Augment, versions: dict[str, Tensor], titles: Sequence[str]) -> Figure:
    """Each version's feature, and what the augmentation of features makes of it; normalised by the clip itself."""
    frames = {name: feature(waveform[None], torch.tensor([len(waveform)])) for name, waveform in versions.items()}
    normalization = Normalization(feature.n_bands)
    normalization.fit([Heard(*frames["before"])])
    frame_s = len(versions["before"]) / feature.sample_rate / int(frames["before"][1])
    figure = Figure(figsize=(9, 0.8 + 1.7 * len(versions)), layout="constrained")
    figure.suptitle(f"{clip}: left the feature, right what the model sees in training", fontsize=12)
    axes = figure.subplots(len(versions), 2, sharex=True, squeeze=False)
    for row, name, title in zip(axes, versions, ["", *titles], strict=True):
        seen, lengths = normalization(*frames[name]), frames[name][1]
        heading = textwrap.fill(f"{name}: {title}" if title else name, 110)
        image = _show(row[0], seen, lengths, feature.n_channels, frame_s, heading)
        if name == "before":
            row[1].set_axis_off()
        else:
            heard, lengths = augment(seen, lengths)
            _show(row[1], heard, lengths, feature.n_channels, frame_s)
    figure.colorbar(image, ax=axes, label="standard deviations from the mean of the clip", aspect=60, extend="both")
    return figure


def _show(axes: Axes, features: Tensor, lengths: Tensor, n_channels: int, frame_s: float, title: str = "") -> AxesImage:
    clip = features[0, :, : int(lengths[0])]
    picture = clip.reshape(n_channels, -1, clip.shape[-1]).mean(dim=0)
    extent = (0, frame_s * picture.shape[1], 0, len(picture))
    image = axes.imshow(picture.numpy(), origin="lower", aspect="auto", vmin=-3, vmax=3, extent=extent)
    axes.set_title(title, fontsize=9, loc="left")
    axes.set(xlabel="time (s)", ylabel="band")
    axes.label_outer()
    return image
