"""Run folders made of predictions: as a training would leave them, without one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import yaml

from ser.corpora.base import Utterance
from ser.runs import report
from ser.runs.predictions import PREDICTIONS, pool_predictions, write_predictions
from ser.runs.status import FINISHED, Status

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


def write_fold(folder: Path, facts: dict[str, Any], tested: Sequence[Utterance], labels: Sequence[str]) -> None:
    """Predictions that are right as often as `facts["skill"]` says; three epochs of history; the report."""
    folder.mkdir(parents=True)
    random = np.random.default_rng([facts["seed"], facts["split"]["fold"], int(1000 * facts["skill"])])
    truth = [labels.index(clip.emotion) for clip in tested]
    right = random.random(len(tested)) < facts["skill"]
    wrong = (np.array(truth) + random.integers(1, len(labels), len(tested))) % len(labels)
    write_predictions(
        folder / PREDICTIONS, tested, labels, np.eye(len(labels), dtype=np.float32)[np.where(right, truth, wrong)]
    )
    uar = facts["validation"]["uar"] if facts["validation"] else 0.5
    rows = [f"{epoch},1.2,{1.5 / epoch},{uar * epoch / 2},0.4,0.3,0.001" for epoch in (1, 2, 3)]
    header = "epoch,train_loss,val_loss,val_uar,val_accuracy,val_macro_f1,lr"
    (folder / "history.csv").write_text("\n".join([header, *rows]))
    report.write_report(folder, facts)


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
    scores = None if validation is None else {"epoch": 2, "loss": 1.0, "uar": validation, "accuracy": 0.5}
    facts: dict[str, Any] = {
        "skill": skill,
        "seed": seed,
        "corpus": {"name": "made", "notice": None, "n_broken": 0, "fingerprint": "abc", **(corpus or {})},
        "split": {"name": "kfold", "fold": fold, "n_folds": 2, "seed": 0, "hash": "def"}
        | {"speaker_independent": True, **(split or {})},
        "audit": {"shared_speakers": [], "identical": []},
        "validation": scores,
    }
    with patch("ser.runs.figures.confusion"), patch("ser.runs.figures.curves"):
        if fold == "all":
            folders = {number: folder / f"fold-{number}" for number in (1, 2)}
            half = len(tested) // 2
            for number, path in folders.items():
                part = tested[:half] if number == 1 else tested[half:]
                own = scores and {**scores, "uar": scores["uar"] + 0.01 * number}
                write_fold(path, facts | {"split": facts["split"] | {"fold": number}, "validation": own}, part, labels)
            pool_predictions(folder, folders)
            report.write_report(folder, facts, folders)
        else:
            write_fold(folder, facts, tested, labels)
    config = {
        **{"seed": seed, "epochs": 3, "ckpt_path": None, "paths": {"data": str(folder)}, "model": RESNET},
        **{"split": {"_target_": "x", "k": 2, **{key: facts["split"][key] for key in ("name", "fold", "seed")}}},
        **settings,
    }
    hydra = {"runtime": {"choices": choices or {}}, "overrides": {"task": list(typed)}}
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    (folder / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump({"hydra": hydra}), encoding="utf-8")
    Status(FINISHED, 1.0).write(folder)
    return folder


def results(folder: Path) -> dict[str, Any]:
    """metrics.json."""
    read: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return read
