"""What a run folder holds for its page."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ser.errors import ReportError
from ser.runs.embeddings import Embeddings, read_embeddings
from ser.runs.names import CONFIG, EMBEDDINGS, ENVIRONMENT, HYDRA, METRICS, PATCH, PREDICTIONS, ROBUSTNESS, fold_folders
from ser.runs.report import Evaluation, read_evaluation
from ser.runs.robustness import Heard, read_robustness
from ser.runs.status import read_status


@dataclass(frozen=True)
class Run:
    """A run, or a fold of one.

    Attributes:
        folder: where it lies.
        evaluation: its test.
        trainings: the tests of its folds, by number; of a run of one fold its own.
        choices: what was chosen of each group, such as {"model": "resnet"}.
        config: the composed configuration as YAML; empty where it is not there.
        command: what makes the run again; empty where nothing tells it.
        environment: what environment.json says; empty where it is not there.
        is_changed: whether there is an uncommitted difference to the code.
        embeddings: None where there is no embeddings.npz.
        robustness: the rows of robustness.csv.
    """

    folder: Path
    evaluation: Evaluation
    trainings: Mapping[int, Evaluation]
    choices: Mapping[str, str]
    config: str
    command: str
    environment: Mapping[str, Any]
    is_changed: bool
    embeddings: Embeddings | None
    robustness: list[Heard]


def read(folder: Path) -> Run:
    """What lies in a run folder.

    Raises:
        ReportError: it is not that of a run that came to a test.
        OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError: a file is damaged.
    """
    if not (folder / METRICS).exists() or not (folder / PREDICTIONS).exists():
        status = read_status(folder)
        state = f"the run has {status.state}" if status else f"there is no {METRICS} and {PREDICTIONS}"
        raise ReportError(
            f"{folder}: no result to show, for {state}; name the folder of a run that has come to its end"
        )
    evaluation = read_evaluation(folder)
    facts = evaluation.results.facts
    folders = fold_folders(folder) if facts.split.is_pooled else {}
    folds = {number: read_evaluation(own) for number, own in folders.items() if (own / METRICS).exists()}
    hydra = _yaml(folder / HYDRA).get("hydra", {})
    environment = _json(folder / ENVIRONMENT)
    choices = hydra.get("runtime", {}).get("choices", {})
    return Run(
        folder=folder,
        evaluation=evaluation,
        trainings=folds or {int(facts.split.fold) if not facts.split.is_pooled else 1: evaluation},
        choices={str(name): str(choice) for name, choice in choices.items() if "/" not in name and choice is not None},
        config=_text(folder / CONFIG),
        command=environment.get("command") or _command(evaluation, hydra),
        environment=environment,
        is_changed=(folder / PATCH).exists(),
        embeddings=read_embeddings(folder) if (folder / EMBEDDINGS).exists() else None,
        robustness=read_robustness(folder) if (folder / ROBUSTNESS).exists() else [],
    )


def _command(evaluation: Evaluation, hydra: Mapping[str, Any]) -> str:
    """As far as results and configuration tell it."""
    ensemble = evaluation.results.facts.ensemble
    if ensemble:
        return shlex.join(["ser", "ensemble", *ensemble.members, "--weights", ensemble.weights])
    return shlex.join(["python", "train.py", *hydra.get("overrides", {}).get("task", [])]) if hydra else ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _json(path: Path) -> dict[str, Any]:
    content = json.loads(_text(path) or "{}")
    return content if isinstance(content, dict) else {}


def _yaml(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(_text(path))
    return content if isinstance(content, dict) else {}
