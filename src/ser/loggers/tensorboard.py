"""logger=tensorboard."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ser.config.extras import need
from ser.loggers.base import Job, Logger, check_room, scalars
from ser.runs.dimensions.names import SCATTER
from ser.runs.names import CALIBRATION, CONFUSION, CURVES
from ser.runs.tested import Tested
from ser.store.recordings import Recordings


class Tensorboard(Logger):
    """Event files in `tensorboard/` of the run folder: `tensorboard --logdir outputs` shows all runs below."""

    def __init__(self) -> None:
        need("logger=tensorboard", "tensorboard", extra="tensorboard")

    def start(self, job: Job) -> None:
        from pytorch_lightning.loggers import TensorBoardLogger

        self._job = job
        self._files = job.folder / "tensorboard"
        self._files.mkdir(exist_ok=True)
        check_room(self._files)
        self._board: Any = TensorBoardLogger(job.folder, name=None, version="tensorboard", default_hp_metric=False)
        self._board.experiment.add_text("name", job.name)

    def log_epoch(self, epoch: int, scores: Mapping[str, float]) -> None:
        check_room(self._files)
        self._board.log_metrics(dict(scores), step=epoch)
        self._board.experiment.flush()

    def log_results(self, evaluation: Tested, recordings: Recordings) -> None:
        from matplotlib.image import imread

        check_room(self._files)
        self._board.log_hyperparams(self._job.config, scalars(evaluation.results))
        for path in (self._job.folder / name for name in (CONFUSION, SCATTER, CURVES, CALIBRATION)):
            if path.exists():
                picture = np.round(255 * imread(path)[..., :3]).astype(np.uint8)
                self._board.experiment.add_image(path.stem, picture, dataformats="HWC")

    def close(self, exit_code: int) -> None:
        self._board.experiment.close()
