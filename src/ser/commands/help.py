"""What `ser train --help` says, out of conf/ as it lies there: Hydra would take seconds for it."""

import json
import textwrap
from typing import Any

from ser.config import choices

HEADER = """\
Usage: ser train [NAME=VALUE]... [OPTIONS]

  Train a speech emotion recogniser, test it, and report a result that holds.

Examples:
  ser train                                      # needs no data
  ser train corpus=ravdess corpus.download=true
  ser train experiment=assignment1_improved corpus.root=my/ravdess
  ser train feature=spectrogram augment=none model.depth=34 epochs=60
  ser train -m model.depth=10,18 seed=0,1        # a run for each combination
  ser train -m search=resnet_melspec             # a search for good settings
"""

FOOTER = """\
Options:
  -m            a run for each combination of values with commas between them
  --cfg job     print every setting with its value, and run nothing
  --hydra-help  tell what Hydra can do, which reads these words
  -h, --help    show this message and exit

docs/index.md explains every setting, file and message."""

SETTINGS = {
    "epochs": "times through the training data",
    "batch_size": "clips in a training step",
    "seed": "same seed, same machine: same result",
    "corpus.root": "folder where the corpus lies",
    "corpus.download": "true: fetch it if missing (corpus=ravdess)",
    "split.fold": "which part is the test, or all: each in turn",
    "model.depth": "layers of the ResNet: 10, 18, 34 or 50",
    "optim.lr": "highest learning rate",
    "loss.class_weights": "true: each emotion counts alike",
    "sampling": "balanced: each emotion is drawn equally often",
    "labels.min_clips": "emotions with fewer clips are left out",
    "training.patience": "epochs without a better one until it stops",
    "tta": "views of a test clip whose mean is told apart",
    "resume": "true: go on with the newest run, or sweep (-m)",
    "paths.outputs": "where the run folders go",
}


def page() -> str:
    """The whole help, at most 80 columns wide."""
    return "\n".join([HEADER, _groups(), _settings(), FOOTER])


def _groups() -> str:
    defaults = choices.defaults()
    lines = ["Groups, as group=name; * is the default:"]
    for group, names in choices.groups().items():
        marked = ", ".join(f"{name}*" if name == defaults.get(group) else name for name in names)
        lines += textwrap.wrap(marked, 78, initial_indent=f"  {group:11} ", subsequent_indent=14 * " ")
    return "\n".join(lines) + "\n"


def _settings() -> str:
    lines = ["Settings used most, as name=value, with their defaults:"]
    lines += [f"  {name:18} {_written(choices.value(name)):9} {meaning}" for name, meaning in SETTINGS.items()]
    return "\n".join(lines) + "\n"


def _written(value: Any) -> str:
    """A value as YAML has it; nothing for one that depends on others."""
    if isinstance(value, str):
        return "" if "${" in value else value
    return json.dumps(value)
