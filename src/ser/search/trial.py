"""A run as a trial of a search: where the search is, and what it says of the trial."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ser.files import replacing
from ser.search.database import open_database
from ser.search.settings import Pruner

TRIAL = "trial.json"


@dataclass(frozen=True)
class Trial:
    """trial.json of a run folder, which is there while a search has this run at work.

    Attributes:
        storage: URL of the search's database: it is opened by the run itself, in whichever process that is.
        study: the search's name in the database.
        number: the trial's number in the search, from 0.
        pruner: settings of the pruner, see `ser.search.settings.Pruner`.
    """

    storage: str
    study: str
    number: int
    pruner: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / TRIAL) as beside:
            beside.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read_trial(folder: Path) -> Trial | None:
    """Of which search the run in this folder is a trial; None: of none."""
    try:
        return Trial(**json.loads((folder / TRIAL).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


class OptunaTrial:
    """The trial in the search's database, as the run itself sees it."""

    def __init__(self, trial: Trial) -> None:
        from optuna import load_study

        self.storage = open_database(trial.storage)
        self.study = load_study(study_name=trial.study, storage=self.storage)
        study_id = self.storage.get_study_id_from_name(trial.study)
        self.trial_id = self.storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
        self.pruner = Pruner(**trial.pruner).make()

    def report(self, value: float, step: int) -> None:
        """Tell the search what the trial has come to at `step`; the same may be told again."""
        self.storage.set_trial_intermediate_value(self.trial_id, step, value)

    def should_prune(self) -> bool:
        """Whether the trial shall end, by what was reported last."""
        return self.pruner.prune(self.study, self.storage.get_trial(self.trial_id))
