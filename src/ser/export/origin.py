"""Where an exported model comes from: its run, the command that made it, the terms of its data."""

import pkgutil
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException

from ser.config import choices
from ser.errors import ModelError
from ser.runs.names import METRICS, OVERRIDES, PREDICTIONS, fold_folder
from ser.runs.predictions import Predictions, read_predictions
from ser.runs.provenance import overrides_of
from ser.runs.results import Results, read_results

UNKNOWN = "other"  # licence, as the hub names it
HIDDEN = ("paths.", "hydra.")
HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class Origin:
    """A run, as far as it is known.

    Attributes:
        folder: with the results; None: of a checkpoint alone.
        command: that made it; empty where it is not known.
        results, predictions: of its test.
        license: of the data, as the hub names it.
        terms: of the data, in words; empty where they are not known.
    """

    folder: Path | None
    command: str
    results: Results | None
    predictions: Predictions | None
    license: str
    terms: str


def origin_of(place: Path, fold: int | None) -> Origin:
    """What is known of the model in `place`, or of one of its folds.

    Raises:
        ModelError: its results are damaged.
    """
    whole = place.parent.parent if place.is_file() else place
    folder = fold_folder(whole, fold) if fold is not None else whole
    try:
        results, predictions = read_results(folder), read_predictions(folder / PREDICTIONS)
    except FileNotFoundError:
        return Origin(None, command_of(whole), None, None, UNKNOWN, "")
    except ValueError as error:
        raise ModelError(f"{folder / METRICS}: is damaged ({error}); run it again") from None
    return Origin(folder, command_of(whole), results, predictions, *_terms(results.facts.corpus.name))


def command_of(run: Path) -> str:
    """The command; of places on this machine the last part alone, for they are nobody's business."""
    for folder in (run, run.parent):  # a fold has its run's
        if (folder / OVERRIDES).exists():
            words = [_shortened(word) for word in overrides_of(folder) if not word.lstrip("+~").startswith(HIDDEN)]
            return shlex.join(["ser", "train", *words])
    return ""


def _shortened(override: str) -> str:
    """An override with the last part alone of whatever may be a place; a hub id of a checkpoint stays."""
    name, equals, text = override.partition("=")
    if name.endswith(".checkpoint") and HUB_ID.fullmatch(text) and not Path(text).exists():
        return override
    try:
        parsed = OverridesParser.create().parse_override(override)
        value = _without_places(parsed._value)
        return f"{name}{equals}{Override._get_value_element_as_str(value)}" if value != parsed._value else override
    except HydraException:
        return f"{name}{equals}{_last_part(text)}"


def _without_places(value: Any) -> Any:
    """A value of Hydra's grammar with the last part alone of every string that has several."""
    if isinstance(value, QuotedString):
        return replace(value, text=_last_part(value.text))
    if isinstance(value, str):
        return _last_part(value)
    if isinstance(value, list):
        return [_without_places(one) for one in value]
    if isinstance(value, dict):
        return {_without_places(name): _without_places(one) for name, one in value.items()}
    return value


def _last_part(text: str) -> str:
    return text.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _terms(corpus: str) -> tuple[str, str]:
    """Licence and terms of a corpus, or of several joined by +, of which they are published."""
    known = choices.groups()["corpus"]
    targets = [str(choices.choice("corpus", name)["_target_"]) for name in corpus.split("+") if name in known]
    abouts = [about for target in targets if (about := pkgutil.resolve_name(target).about) is not None]
    licences = {about.license for about in abouts} if len(abouts) == len(corpus.split("+")) else set()
    return licences.pop() if len(licences) == 1 else UNKNOWN, "\n".join(about.terms for about in abouts if about.terms)


def licence_of(card: Path) -> str:
    """The licence that a model card names."""
    from huggingface_hub import ModelCard

    return str(ModelCard.load(card).data.license or UNKNOWN)
