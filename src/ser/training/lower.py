"""A model's frozen lower part: when training may read what it gives from the store, instead of the waveforms."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ser.errors import ConfigError
from ser.features.lower import LowerLayers, Variant
from ser.models.base import WaveformModel
from ser.store.frozen import load_frames
from ser.store.recordings import Recordings
from ser.training.data import TRAINING_CLIP_S, Input
from ser.training.recognizer import EmotionRecognizer

log = logging.getLogger("ser")


def constant_part(recognizer: EmotionRecognizer, recordings: Recordings, n_views: int) -> LowerLayers | None:
    """The model's lower part, where it gives the same for a clip in every epoch; says which way it goes, and why.

    Raises:
        ConfigError: variants are wanted and cannot be kept.
    """
    model = recognizer.model
    if not isinstance(model, WaveformModel):
        return None
    lower = None if model.lower is None else LowerLayers(model.lower)
    why = _why_not(lower, recordings, n_views, varies=recognizer.augment.changes_waveforms and not model.variants)
    if why and model.variants:
        raise ConfigError(f"model.variants={model.variants}: cannot be kept, since {why}; mend that, or set it to 0")
    if lower is None or why:
        log.info("model: hears every clip from the waveform up in every epoch, since %s", why)
        return None
    beside = f", beside {model.variants} variants of each training clip" if model.variants else ""
    log.info("model: what %s give is computed once, and read from the store in every epoch%s", lower.title, beside)
    return lower


def _why_not(lower: LowerLayers | None, recordings: Recordings, n_views: int, *, varies: bool) -> str:
    """Why the lower part's frames cannot stand in for the waveforms; empty: they can."""
    if lower is None:
        return "no lower part of it always gives the same (model.freeze_layers, model.time_masking)"
    if varies:
        return "augment changes the waveforms (model.variants=N would keep N changed versions)"
    if n_views:
        return f"tta={n_views} hears clips at other speeds"
    at_once = min(TRAINING_CLIP_S, lower.longest / lower.sample_rate)
    if max(map(len, recordings.waveforms.values()), default=0) > at_once * lower.sample_rate:
        return f"a clip is longer than the {at_once:g} s that are heard at once"
    return ""


def load_variants(
    recognizer: EmotionRecognizer,
    lower: LowerLayers,
    recordings: Recordings,
    names: Iterable[str],
    *,
    folder: Path,
    settings: Mapping[str, Any],
    device: torch.device,
    precision: str,
) -> Mapping[str, Sequence[Input]]:
    """Frames of changed versions of some clips, computed once; as many as the model wants of each.

    Args:
        recognizer: for its augmentation.
        lower: of its model.
        recordings: of the corpus.
        names: of the clips.
        folder, device, precision: as of `load_frames`.
        settings: of the augmentation.

    Returns:
        by utterance id, memory-mapped frames of each version; empty where none are wanted.
    """
    model, change = recognizer.model, recognizer.augment.waveforms
    assert isinstance(model, WaveformModel)
    waveforms = {name: recordings.waveforms[name] for name in names}
    found: dict[str, list[Input]] = {name: [] for name in waveforms} if model.variants else {}
    for number in range(1, model.variants + 1):
        variant = Variant(lower, change, settings, number)
        some = replace(recordings, waveforms=waveforms, broken={})  # a version that cannot be used is not one's clip
        for name, frames in load_frames(variant, some, folder, device=device, precision=precision).items():
            found[name].append(frames)
    return found
