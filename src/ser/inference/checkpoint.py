"""Recognisers from files that may come from anybody: nothing in them is run, nor believed beyond its size."""

import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ser.config.build import build
from ser.config.trust import check_trusted
from ser.errors import ModelError, SerError
from ser.features.base import Feature
from ser.models.base import Model
from ser.recognizer import Recognizer, n_outputs

SETTINGS = ("feature", "model", "labels", "speakers", "prior")  # the arguments of a recogniser; and
SCALES = "scales"  # which those of emotions may lack
WEIGHTS, DESCRIPTION, ENCODER = "model.safetensors", "config.json", "encoder"  # of an exported folder
FORMAT = "ser-recognizer"
MOST_LABELS = 10_000
SPARE = 1_000_000  # numbers that a model may have beside those that its file holds: what is computed when it is made


def from_checkpoint(path: Path, trusted: Sequence[str] = ()) -> Recognizer:
    """The recogniser of a run's checkpoint.

    Args:
        path: of the file.
        trusted: packages beside ours whose classes it may name.

    Raises:
        ModelError: it is missing, damaged, too large for what it holds, or names a class that is not trusted.
        SerError: what it was trained with cannot be had, such as its encoder.
    """
    _check_archive(path)
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        settings = {name: content["hyper_parameters"][name] for name in SETTINGS}
        settings[SCALES] = content["hyper_parameters"].get(SCALES)
        state, reads_lower = content["state_dict"], bool(content["SpeechData"]["lower"])
    except Exception as error:  # torch has many words for a file that is not what it expects
        raise _damaged(path, error) from None
    check_trusted(content["hyper_parameters"], trusted, str(path))
    recognizer = _filled(path, settings, state)
    recognizer.reads_lower = reads_lower
    return recognizer


def from_export(folder: Path, trusted: Sequence[str] = ()) -> list[tuple[Recognizer, float]]:
    """The recognisers in a folder as `ser export` writes it, each with its weight in their mean.

    Arguments and errors as of `from_checkpoint`.
    """
    from safetensors.torch import load_file

    made = []
    try:
        about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']!r}")
        members = about.get("members", [about])
        for own, name in zip(members, weight_names(len(members)), strict=True):
            settings = {key: own[key] for key in SETTINGS}
            facts = bool(own["reads_lower"]), float(own.get("weight", 1.0))
            made.append((settings, load_file(folder / name), *facts))
    except Exception as error:  # likewise
        raise _damaged(folder, error) from None
    recognizers = []
    for settings, state, reads_lower, weight in made:
        check_trusted(settings, trusted, str(folder))
        recognizer = _filled(folder, _with_own_encoder(settings, folder), state)
        recognizer.reads_lower = reads_lower
        recognizers.append((recognizer, weight))
    return recognizers


def weight_names(n_members: int) -> list[str]:
    """The files with the weights of an exported folder's recognisers.

    >>> weight_names(1), weight_names(2)
    (['model.safetensors'], ['model-1.safetensors', 'model-2.safetensors'])
    """
    if n_members == 1:
        return [WEIGHTS]
    return [WEIGHTS.replace(".", f"-{number}.") for number in range(1, n_members + 1)]


def is_export(folder: Path) -> bool:
    """Whether a folder holds an exported recogniser."""
    has_weights = any((folder / weight_names(n)[0]).is_file() for n in (1, 2))
    return (folder / DESCRIPTION).is_file() and has_weights


def _with_own_encoder(settings: Any, folder: Path) -> Any:
    """The settings, with encoders that lie in the folder, `encoder/...`, found there."""
    if isinstance(settings, Mapping):
        return {name: _with_own_encoder(value, folder) for name, value in settings.items()}
    if isinstance(settings, str) and settings.split("/")[0] == ENCODER and ".." not in settings:
        return str(folder / settings)
    return settings


def _check_archive(path: Path) -> None:
    """Refuse what is no archive of torch, or one that would grow when it is read: those of torch are not compressed."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such checkpoint; name the folder of a finished run") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from None
    if any(one.compress_type != zipfile.ZIP_STORED or one.file_size != one.compress_size for one in members):
        raise ModelError(f"{path}: is compressed, as no checkpoint is; it is not read")
    if sum(one.file_size for one in members) > path.stat().st_size:
        raise ModelError(f"{path}: claims to hold more than it does; it is not read")


def _filled(source: Path, settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> Recognizer:
    """A recogniser with these settings and weights, in evaluation mode."""
    try:
        _check_size(source, settings, state)
        recognizer = Recognizer(**settings)
        recognizer.load_state_dict({name: state[name] for name in state if _is_told(name)})
    except SerError as error:
        raise type(error)(f"{source}: {error}") from None
    except (RuntimeError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise _damaged(source, error) from None
    return recognizer.eval().requires_grad_(False)


def _is_told(name: str) -> bool:
    """Whether a weight is of the recogniser, and not of its training."""
    return name.split(".")[0] in ("feature", "model", "layer_sum", "normalization", "temperature")


def _check_size(source: Path, settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Refuse settings of a model that would take much more memory than the file has weights for."""
    labels, mean, scales = settings["labels"], state["normalization.mean"], settings.get(SCALES)
    fewest = 1 if scales else 2
    if not isinstance(labels, list) or len(labels) < fewest or len({*map(str, labels)}) < len(labels):
        raise ValueError("its emotions are no list of different words")
    if scales and (len(scales) != len(labels) or not all(math.isfinite(one) for pair in scales for one in pair)):
        raise ValueError("its dimensions and their scales are not as many")
    if len(settings["speakers"]) + 1 != len(mean) or len(labels) > MOST_LABELS:
        raise ValueError("its emotions or speakers are not as many as its weights are for")
    if not all(one.isfinite().all() for one in state.values() if one.is_floating_point()):
        raise ValueError("weights are no numbers, as after a training that broke up")
    if "temperature" in state and not state["temperature"].gt(0).all():
        raise ValueError("its temperature is not above 0")
    feature: Feature = build("feature", settings["feature"], Feature)
    bands = {"n_bands": feature.n_bands // feature.n_layers, "n_channels": feature.n_channels}
    with torch.device("meta"):
        model: Model = build("model", settings["model"], Model, **bands, n_classes=n_outputs(labels, scales))
    wanted = sum(one.numel() for one in (*model.parameters(), *model.buffers()))
    held = sum(one.untyped_storage().nbytes() // one.element_size() for one in state.values())
    if wanted > held + SPARE:
        raise ModelError(f"its settings want {wanted} weights, and it holds {held}; it is not loaded")


def _damaged(source: Path, error: Exception) -> ModelError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return ModelError(f"{source}: cannot be loaded ({reason}); it is damaged, or no recogniser of ser")
