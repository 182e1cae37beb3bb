"""Where an exported model comes from: its run, the command that made it, the terms of its data."""

import pkgutil
import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

from ser.config import choices
from ser.errors import ModelError
from ser.runs.names import METRICS, PREDICTIONS, fold_folder
from ser.runs.predictions import Predictions, read_predictions
from ser.runs.results import Results, read_results

UNKNOWN = "other"  # licence, as the hub names it


@dataclass(frozen=True)
class Origin:
    """A run, as far as it is known.

    Attributes:
        folder: with the results; None: of a checkpoint alone, or an exported folder.
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
        return Origin(None, _command(whole), None, None, UNKNOWN, "")
    except ValueError as error:
        raise ModelError(f"{folder / METRICS}: is damaged ({error}); run it again") from None
    return Origin(folder, _command(whole), results, predictions, *_terms(results.facts.corpus.name))


def _command(run: Path) -> str:
    """The command; of places on this machine the last part alone, for they are nobody's business."""
    for folder in (run, run.parent):  # a fold has its run's
        try:
            overrides = yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError, UnicodeError):
            continue
        words = [_shortened(str(word)) for word in overrides or [] if not str(word).startswith(("paths.", "hydra."))]
        return shlex.join(["ser", "train", *words])
    return ""


def _shortened(override: str) -> str:
    name, equals, value = override.partition("=")
    is_place = value.startswith(("/", "~", "\\")) or value[1:3] in (":/", ":\\")
    return f"{name}{equals}{value.replace(chr(92), '/').rstrip('/').rpartition('/')[2]}" if is_place else override


def _terms(corpus: str) -> tuple[str, str]:
    """Licence and terms of a corpus that we know the release of."""
    if corpus in choices.groups()["corpus"]:
        release = pkgutil.resolve_name(str(choices.choice("corpus", corpus)["_target_"])).release
        if release is not None:
            return release.license, release.terms
    return UNKNOWN, ""


def licence_of(card: Path) -> str:
    """The licence that a model card names."""
    from huggingface_hub import ModelCard

    return str(ModelCard.load(card).data.license or UNKNOWN)
