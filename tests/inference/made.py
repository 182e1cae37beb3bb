"""Recognisers that nobody has trained, quickly made, for tests of what is done with them. Not a test itself."""

from pathlib import Path
from typing import Any

import torch

from ser.recognizer import Recognizer
from tests import components

FEATURE = components.settings("feature/melspec", n_bands=8)
MODEL = components.settings("model/probe", hidden=4)
LABELS = ["happy", "sad"]


def content(**changed: Any) -> dict[str, Any]:
    """What a run's checkpoint holds, with some of its settings changed afterwards."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {"feature": FEATURE, "model": MODEL, "labels": LABELS, "speakers": [], "prior": 0.0}
    state = Recognizer(**settings).state_dict()
    return {"hyper_parameters": {**settings, **changed}, "state_dict": state, "SpeechData": {"lower": ""}}


def make_checkpoint(path: Path, **changed: Any) -> Path:
    """Write one."""
    torch.save(content(**changed), path)
    return path
