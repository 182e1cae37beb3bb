"""logger=wandb: Weights & Biases."""

import errno
import logging
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ser.config.checks import check_range
from ser.errors import SettingError
from ser.loggers import mistakes
from ser.loggers.base import FOLD, RUN_ID, Job, Logger, check_room, own_id, say_once, scalars
from ser.runs import names
from ser.runs.dimensions.names import SCATTER
from ser.runs.predictions import confidence
from ser.runs.report import Evaluation
from ser.runs.results import plain
from ser.runs.tested import Tested
from ser.store.recordings import Recordings

log = logging.getLogger("ser")

INIT_S = 30.0  # to wait for the server at the start
FINISH_S, UPLOAD_S = 60.0, 600.0  # to wait at the end until all is sent, without and with artifacts
TRAIN_LOSS, VAL_UAR = "train/loss", "val/uar"  # of each epoch
CONFUSION, LEARNING_CURVES, CALIBRATION = "figures/confusion", "figures/curves", "figures/calibration"
MISTAKES = "test/mistakes"
EPOCH = "epoch"
BEST = {VAL_UAR: "max", "val/accuracy": "max", "val/macro_f1": "max", "val/loss": "min"} | {
    "val/ccc": "max",
    "val/pearson": "max",
    "val/rmse": "min",
}
CURVES = (TRAIN_LOSS, *BEST, "lr", "grad_norm", "clips_per_s")
NOT_USED = {  # W&B's own variables, and why
    "WANDB_DIR": "W&B's files lie in the run folder, which paths.outputs=<folder> moves",
    "WANDB_RESUME": "resume=true goes on with a run, and with its run at W&B",
    "WANDB_JOB_TYPE": "it is train, fold or pooled",
    "WANDB_CONSOLE": "the log of the run is sent, not the terminal",
}
MISTAKE_COLUMNS = (names.UTTERANCE, names.SPEAKER, names.EMOTION, names.PREDICTED)  # as in predictions.csv


class Wandb(Logger):
    """A W&B run for each training, and one for the pooled result of folds; its files are in `wandb/` of the run folder.

    Args:
        project, entity: where it belongs.
        offline: send nothing.
        tags: beside the sweep's name.
        checkpoint: upload best.ckpt as an artifact.
        predictions: upload predictions.csv, split.csv and metrics.json as an artifact.
        n_mistakes: the worst mistakes that can be listened to, 0 to 200.
    """

    def __init__(
        self,
        *,
        project: str,
        entity: str | None,
        offline: bool,
        tags: list[str],
        checkpoint: bool,
        predictions: bool,
        n_mistakes: int,
    ) -> None:
        if not project or len(project) > 128 or re.search(r"[/\\#?%:]", project):
            raise SettingError(f"project: 1 to 128 characters, none of / \\ # ? % :; got {project!r}")
        for tag in tags:
            if not 1 <= len(tag) <= 64:
                raise SettingError(f"tags: a tag has 1 to 64 characters; got {tag!r}")
        check_range("n_mistakes", n_mistakes, 0, 200)
        self.project, self.entity, self.tags, self.offline = project, entity, tags, offline
        self.checkpoint, self.predictions, self.n_mistakes = checkpoint, predictions, n_mistakes
        self._mode: str | None = None
        self._run: Any = None

    def start(self, job: Job) -> None:
        import wandb

        if os.environ.get(RUN_ID) == "":
            del os.environ[RUN_ID]  # W&B takes it for an id
        wandb.setup(wandb.Settings(silent=True))
        self._folder = job.folder
        self._files = job.folder / "wandb"
        self._files.mkdir(exist_ok=True)
        check_room(self._files)
        self._say_what_is_not_used(job)
        self._mode = self._mode or self._find_mode(job)
        mode = self._mode
        if job.kind == FOLD and "WANDB_SWEEP_ID" in os.environ:
            mode = "disabled"  # an agent knows one run for each command: the pooled one
        self._run = self._init(job, mode)
        if mode != "disabled" and not Path(self._run.dir).is_relative_to(self._files):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(self._files))  # W&B went elsewhere
        self._run.define_metric(EPOCH, hidden=True)
        for name in CURVES:
            self._run.define_metric(name, step_metric=EPOCH, summary=BEST.get(name))
        if self._run.url:  # not offline
            log.info("W&B: %s", self._run.url)

    def log_epoch(self, epoch: int, scores: Mapping[str, float]) -> None:
        check_room(self._files)
        self._run.log({EPOCH: epoch, **scores})

    def log_results(self, evaluation: Tested, recordings: Recordings) -> None:
        import wandb

        check_room(self._files)
        results = evaluation.results.content()
        content = {**scalars(evaluation.results), **self._scores(evaluation)}
        for key, name in ((LEARNING_CURVES, names.CURVES), (CALIBRATION, names.CALIBRATION)):
            if (self._folder / name).exists():
                content[key] = wandb.Image(str(self._folder / name))
        with self._staging():
            if self.n_mistakes and isinstance(evaluation, Evaluation):
                content[MISTAKES] = self._mistakes(evaluation, recordings)
            self._run.log(content)
            facts = {
                key: results[key]
                for key in ("n_test", "n_parameters", "device", "seconds", "folds", "interrupted")
                if key in results
            }
            self._run.summary.update(facts)
            if self.checkpoint:
                self._upload("model", [names.BEST])
            if self.predictions:
                self._upload("predictions", [names.PREDICTIONS, names.SPLIT, names.METRICS])

    def close(self, exit_code: int) -> None:
        run, self._run = self._run, None
        run.finish(exit_code=exit_code)

    def _say_what_is_not_used(self, job: Job) -> None:
        """Of W&B's own variables, those whose place is taken here."""
        taken = {name: why for name, why in NOT_USED.items() if name in os.environ}
        if job.group and "WANDB_RUN_GROUP" in os.environ:
            taken["WANDB_RUN_GROUP"] = f"runs that belong together are the group {job.group}"
        if (begun := run_id(job.folder)) and os.environ.get(RUN_ID, begun) != begun:
            taken[RUN_ID] = f"the run in {job.folder} goes on under its own"
        if taken:
            say_once("not used: " + "; ".join(f"{name} ({why})" for name, why in taken.items()))

    def _find_mode(self, job: Job) -> str:
        """Online, offline or disabled; asks nobody, and says where it goes offline by itself."""
        import wandb

        asked: str = os.environ.get("WANDB_MODE") or wandb.setup().settings.mode
        if asked == "disabled":
            return asked
        if self.offline or asked in ("offline", "dryrun"):
            log.info("W&B is offline; to send this run: wandb sync %s", _offline(job))
            return "offline"
        if not wandb.login(prompt=False, verify=False):
            log.warning(
                "no W&B key was found: W&B is offline; to send this run: wandb login; wandb sync %s", _offline(job)
            )
            return "offline"
        return "online"

    def _init(self, job: Job, mode: Any) -> Any:
        import wandb
        from wandb.errors import CommError

        settings = wandb.Settings(
            silent=True,
            console="off",
            capture_loggers={"ser": "INFO"},
            init_timeout=INIT_S,
            finish_timeout=UPLOAD_S if self.checkpoint or self.predictions else FINISH_S,
            finish_timeout_raises=True,
        )
        arguments: dict[str, Any] = {
            **{"project": self.project, "entity": self.entity, "dir": str(job.folder), "config": job.config},
            **{"name": _name(job), "group": job.group, "job_type": job.kind, "settings": settings},
            **{"tags": [*self.tags, *_tags(), *(tag[-64:] for tag in job.tags)], "reinit": "create_new"},
            **{"id": run_id(job.folder) or own_id(job) or os.environ.get(RUN_ID), "resume": "allow"},
        }
        try:
            return wandb.init(mode=mode, **arguments)
        except CommError as error:
            if mode != "online":
                raise
            self._mode = "offline"
            log.warning(
                "W&B cannot be reached (%s): W&B is offline; to send this run: wandb sync %s",
                *(str(error).splitlines()[0], _offline(job)),
            )
            return wandb.init(mode="offline", **arguments)

    def _scores(self, evaluation: Tested) -> dict[str, Any]:
        """Pictures and tables of the scores."""
        import wandb

        if not isinstance(evaluation, Evaluation):
            return {"test/scatter": wandb.Image(str(self._folder / SCATTER))}
        predictions = evaluation.predictions
        classes = [[label, *values.values()] for label, values in plain(evaluation.results.scores.per_class).items()]
        return {
            "test/confusion": wandb.plot.confusion_matrix(
                y_true=predictions.truth, preds=predictions.predicted, class_names=predictions.labels, title="test"
            ),
            "test/per_class": wandb.Table(columns=["emotion", "precision", "recall", "f1", "support"], data=classes),
            CONFUSION: wandb.Image(str(self._folder / names.CONFUSION)),
        }

    def _mistakes(self, evaluation: Evaluation, recordings: Recordings) -> Any:
        import wandb

        table = wandb.Table(columns=[*MISTAKE_COLUMNS, "confidence", "p_emotion", "audio", "spectrogram"])
        sample_rate = recordings.sample_rate
        for row in mistakes.worst(evaluation.predictions, self.n_mistakes):
            clip = recordings.waveforms[row[names.UTTERANCE]]
            table.add_data(
                *(row[column] for column in MISTAKE_COLUMNS),
                confidence(row),
                float(row[names.probability_column(row[names.EMOTION])]),
                wandb.Audio(clip, sample_rate=sample_rate),
                wandb.Image(mistakes.spectrogram(clip, sample_rate)),
            )
        return table

    def _upload(self, kind: str, files: list[str]) -> None:
        import wandb

        artifact = wandb.Artifact(f"{kind}-{self._run.id}", type=kind)
        for name in files:
            if (self._folder / name).exists():  # pooled results have no checkpoint and no split of their own
                artifact.add_file(str(self._folder / name))
        if artifact.manifest.entries:
            self._run.log_artifact(artifact)

    @contextmanager
    def _staging(self) -> Iterator[None]:
        """Let W&B keep what it has yet to send in the run folder, not in the home folder, unless told otherwise."""
        if "WANDB_DATA_DIR" in os.environ:
            yield
            return
        os.environ["WANDB_DATA_DIR"] = str(self._files)
        try:
            yield
        finally:
            del os.environ["WANDB_DATA_DIR"]


def _name(job: Job) -> str:
    """What W&B calls a run: as WANDB_NAME says, with what tells the runs of one command apart."""
    given = os.environ.get("WANDB_NAME")
    if not given:
        return job.name
    return given if job.is_first and job.group is None else f"{given} {job.name}"


def _tags() -> list[str]:
    """Those of WANDB_TAGS, between commas."""
    return [tag.strip()[:64] for tag in os.environ.get("WANDB_TAGS", "").split(",") if tag.strip()]


def _offline(job: Job) -> str:
    """Where the offline runs of a command are, for a shell: of all its folds, where this is one."""
    run = shlex.quote(str(job.folder.parent if job.kind == FOLD else job.folder))
    folders = [run, f"{run}/{names.FOLDS}"] if job.kind == FOLD else [run]
    return " ".join(f"{folder}/wandb/offline-run-*" for folder in folders)


def run_id(folder: Path) -> str | None:
    """The id of the W&B run that was begun in a run folder, to go on with it; None where there is none."""
    logs = sorted(folder.glob("wandb/*run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime)
    return logs[-1].stem.removeprefix("run-") if logs else None
