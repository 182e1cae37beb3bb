"""Run folders made of predictions: as a training would leave them, without one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import DEFAULT, patch

import numpy as np
import yaml

from ser.corpora.base import Utterance
from ser.files import write_csv
from ser.runs.names import CONFIG, HISTORY, HYDRA, OVERRIDES, fold_folder
from ser.runs.pooled import pool
from ser.runs.predictions import predictions_of
from ser.runs.report import Evaluation, write_report
from ser.runs.results import Facts, Validation
from ser.runs.status import FINISHED, Status
from tests.facts import facts

LABELS = ("neutral", "sad", "angry")
RESNET = {"_target_": "ser.models.resnet.ResNet", "depth": 18, "dropout": 0.2}
LSTM = {"_target_": "ser.models.recurrent.LSTM", "hidden": 64, "dropout": 0.2}


def clips(
    n_speakers: int = 8, n_each: int = 4, labels: Sequence[str] = LABELS, named: bool = True, first: int = 0
) -> list[Utterance]:
    """So many clips of each label from each speaker; `first` is the number of the first speaker."""
    return [
        Utterance(f"s{s}/{label}-{n}", Path(f"{n}.wav"), label, f"話者{s}" if named else None, "made")
        for s in range(first, first + n_speakers)
        for label in labels
        for n in range(n_each)
    ]


def write_test(
    folder: Path, told: Facts, skill: float, tested: Sequence[Utterance], labels: Sequence[str]
) -> Evaluation:
    """Predictions that are right as often as `skill` says; three epochs of history; the report."""
    folder.mkdir(parents=True)
    random = np.random.default_rng([told.seed, int(told.split.fold), int(1000 * skill)])
    truth = [labels.index(clip.emotion) for clip in tested]
    right = random.random(len(tested)) < skill
    wrong = (np.array(truth) + random.integers(1, len(labels), len(tested))) % len(labels)
    probabilities = np.eye(len(labels), dtype=np.float32)[np.where(right, truth, wrong)]
    uar = told.validation.uar if told.validation else 0.5
    history = [
        {"epoch": str(epoch), "train_loss": "1.2", "val_loss": str(1.5 / epoch), "val_uar": str(uar * epoch / 2)}
        | {"val_accuracy": "0.4", "val_macro_f1": "0.3", "lr": "0.001"}
        for epoch in (1, 2, 3)
    ]
    write_csv(folder / HISTORY, history)
    return write_report(folder, told, predictions_of(tested, labels, probabilities), history=history)


def make_run(
    folder: Path,
    *,
    skill: float = 0.6,
    validation: float | None = 0.6,
    seed: int = 0,
    fold: int | str = 1,
    corpus: dict[str, Any] | None = None,
    split: dict[str, Any] | None = None,
    choices: dict[str, str | None] | None = None,
    typed: Sequence[str] = (),
    tested: Sequence[Utterance] | None = None,
    labels: Sequence[str] = LABELS,
    **settings: Any,
) -> Path:
    """A finished run; `settings` are those of the top level. With fold="all" two folds share the clips."""
    tested = clips(labels=labels) if tested is None else tested
    numbers = [1, 2] if fold == "all" else [int(fold)]
    own = [None if validation is None else validation + 0.01 * number * (fold == "all") for number in numbers]
    told = [
        facts(
            seed=seed,
            corpus=corpus or {},
            split={"n_folds": 2, **(split or {}), "fold": number},
            validation=None if uar is None else Validation(epoch=2, loss=1.0, uar=uar, accuracy=0.5, macro_f1=0.4),
        )
        for number, uar in zip(numbers, own, strict=True)
    ]
    with patch.multiple("ser.runs.figures", confusion=DEFAULT, curves=DEFAULT, calibration=DEFAULT):
        if fold == "all":
            half = len(tested) // 2
            folds = {
                number: write_test(fold_folder(folder, number), told[number - 1], skill, part, labels)
                for number, part in ((1, tested[:half]), (2, tested[half:]))
            }
            pool(folder, folds, audio_s=1.0, n_folds=2)
        else:
            write_test(folder, told[0], skill, tested, labels)
    protocol = {"name": told[0].split.name, "fold": fold, "seed": told[0].split.seed}
    config = {
        **{"seed": seed, "epochs": 3, "resume": False, "paths": {"data": str(folder)}, "model": RESNET},
        **{"trainer": {"max_epochs": "${epochs}"}, "split": {"_target_": "x", "k": 2, **protocol}},
        **settings,
    }
    hydra = {"runtime": {"choices": choices or {}}, "overrides": {"task": list(typed)}}
    (folder / CONFIG).parent.mkdir()
    (folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    (folder / HYDRA).write_text(yaml.safe_dump({"hydra": hydra}, sort_keys=False), encoding="utf-8")
    (folder / OVERRIDES).write_text(yaml.safe_dump(list(typed)), encoding="utf-8")
    Status(FINISHED, 1.0).write(folder)
    return folder
