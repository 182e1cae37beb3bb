"""What a run folder holds for its page."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ser.errors import ReportError
from ser.runs.embeddings import Embeddings, read_embeddings
from ser.runs.environment import read_environment
from ser.runs.names import CONFIG, EMBEDDINGS, ENVIRONMENT, HYDRA, METRICS, PATCH, PREDICTIONS, ROBUSTNESS, fold_folders
from ser.runs.provenance import command_of
from ser.runs.report import Evaluation, read_evaluation
from ser.runs.robustness import Heard, read_robustness
from ser.runs.status import read_status

log = logging.getLogger("ser")

T = TypeVar("T")


class Parts:
    """The files of a run folder that its page can do without.

    Attributes:
        left_out: why what cannot be shown is not, by the file's name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left_out: dict[str, str] = {}

    def read(self, name: str, make: Callable[[Path], T], otherwise: T) -> T:
        """What `make` makes of the run folder; `otherwise` where the file is not there, or is damaged."""
        if not (self.folder / name).exists():
            return otherwise
        try:
            return make(self.folder)
        except Exception as error:  # whatever is in it, the rest can be shown
            said = str(error).replace(f"{self.folder}{os.sep}", "") or type(error).__name__
            self.left_out[name] = said if name in said else f"{name} is damaged: {said}"
            log.warning("%s: left out of the page: %s", self.folder, self.left_out[name])
            return otherwise


@dataclass(frozen=True)
class Run:
    """A run, or a fold of one.

    Attributes:
        parts: what else lies there, and what of it is damaged.
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

    parts: Parts
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
        OSError, ValueError, KeyError, TypeError: a file is damaged without which there is no page.
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
    parts = Parts(folder)
    environment: dict[str, Any] = parts.read(ENVIRONMENT, read_environment, {})
    command = facts.trained.command if facts.trained else command_of(folder, facts.ensemble)
    return Run(
        parts=parts,
        folder=folder,
        evaluation=evaluation,
        trainings=folds or {int(facts.split.fold) if not facts.split.is_pooled else 1: evaluation},
        choices=parts.read(HYDRA, _choices, {}),
        config=parts.read(CONFIG, lambda folder: (folder / CONFIG).read_text(encoding="utf-8"), ""),
        command=str(environment.get("command") or command),
        environment=environment,
        is_changed=(folder / PATCH).exists(),
        embeddings=parts.read(EMBEDDINGS, read_embeddings, None),
        robustness=parts.read(ROBUSTNESS, read_robustness, []),
    )


def _choices(folder: Path) -> dict[str, str]:
    choices = yaml.safe_load((folder / HYDRA).read_text(encoding="utf-8"))["hydra"]["runtime"]["choices"]
    return {str(name): str(choice) for name, choice in choices.items() if "/" not in name and choice is not None}
