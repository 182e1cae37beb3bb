"""logger=mlflow."""

import logging
import os
from collections.abc import Mapping
from typing import Any

from filelock import FileLock

from ser.config.extras import need
from ser.loggers.base import Job, Logger, scalars
from ser.runs.dimensions.names import SCATTER
from ser.runs.names import CALIBRATION, CONFUSION, CURVES, REPORT
from ser.runs.tested import Tested
from ser.store.recordings import Recordings

# What a call may take where the server is gone: unsaid, MLflow tries for a quarter of an hour.
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


class Mlflow(Logger):
    """An MLflow run for each training, and one for the pooled result of folds.

    Args:
        tracking_uri: of a server, such as http://127.0.0.1:5000; None: the file `mlflow.db` in `paths.outputs`.
        experiment: where the runs belong.
    """

    def __init__(self, *, tracking_uri: str | None, experiment: str) -> None:
        need("logger=mlflow", "mlflow", extra="mlflow")
        self.tracking_uri, self.experiment = tracking_uri, experiment

    def start(self, job: Job) -> None:
        from pytorch_lightning.loggers import MLFlowLogger

        logging.getLogger("urllib3").setLevel(logging.ERROR)  # each try in vain would be told
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        self._job = job
        outputs = job.outputs.absolute()
        is_local = self.tracking_uri is None
        tags = {"folder": str(job.folder.absolute()), "kind": job.kind, "group": job.group or ""}
        outputs.mkdir(parents=True, exist_ok=True)
        with FileLock(outputs / "mlflow.lock"):  # the first of several runs makes the file
            uri = self.tracking_uri or f"sqlite:///{outputs / 'mlflow.db'}"
            self._flow: Any = MLFlowLogger(
                experiment_name=self.experiment,
                run_name=job.name,
                tracking_uri=uri,
                tags=tags,
                artifact_location=(outputs / "mlflow").as_uri() if is_local else None,
                run_id=self._begun(uri, tags["folder"]),
            )
            self._flow.log_hyperparams(job.config)

    def log_epoch(self, epoch: int, scores: Mapping[str, float]) -> None:
        self._flow.log_metrics(dict(scores), step=epoch)

    def log_results(self, evaluation: Tested, recordings: Recordings) -> None:
        self._flow.log_metrics(scalars(evaluation.results))
        for name in (CONFUSION, SCATTER, CURVES, CALIBRATION, REPORT):
            if (self._job.folder / name).exists():
                self._flow.experiment.log_artifact(self._flow.run_id, str(self._job.folder / name))

    def close(self, exit_code: int) -> None:
        self._flow.finalize("success" if exit_code == 0 else "failed")

    def _begun(self, uri: str, folder: str) -> str | None:
        """The id of the run that was begun in this folder, to go on with it."""
        from mlflow.tracking import MlflowClient

        client = MlflowClient(uri)
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            return None
        runs = client.search_runs([experiment.experiment_id], filter_string=f"tags.folder = '{folder}'")
        return runs[0].info.run_id if runs else None
