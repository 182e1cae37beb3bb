"""run(cfg): the only place where the parts are wired."""

import csv
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf

from ser import provenance, report, splits
from ser.config import Trainer, build, check_keys, check_range
from ser.corpora.base import Corpus, Utterance
from ser.data import Part, SpeechData
from ser.errors import CorpusNotFound
from ser.labels import EMOTIONS, label_order
from ser.module import EmotionRecognizer
from ser.paths import replacing
from ser.splits import Audit, Protocol, Split
from ser.store import Recordings, digest, load_recordings
from ser.trainer import best_checkpoint, check_trainer, device_name, make_trainer

log = logging.getLogger("ser")

Settings = dict[str, Any]


@dataclass(frozen=True)
class _Material:
    """What all folds of a run share."""

    recordings: Recordings
    labels: list[str]
    facts: dict[str, Any]


def run(cfg: DictConfig, folder: Path) -> str:
    """Train and test as `cfg` says, and leave the run's files in `folder`.

    Args:
        cfg: the composed configuration (conf/train.yaml).
        folder: the run folder; it exists.

    Returns:
        the text of the report.

    Raises:
        SerError: something that the user can mend.
    """
    settings: Settings = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    check_keys(settings)
    check_range("batch_size", cfg.batch_size, 1, 100_000)
    check_range("seed", cfg.seed, 0, 2**32 - 1)
    check_range("epochs", cfg.epochs, 1, 1_000_000)
    check_trainer(Trainer(**settings["trainer"]))
    corpus: Corpus = build("corpus", settings["corpus"])
    protocol: Protocol = build("split", settings["split"])
    # Built here only so that a wrong setting is refused before any work is done; each fold builds its own.
    feature = _recognizer(settings, EMOTIONS).feature
    if corpus.notice:
        log.warning("%s", corpus.notice)
    started = time.monotonic()
    utterances = corpus.utterances()
    protocol.folds(utterances, {utterance.id: utterance.id for utterance in utterances})  # for the same reason
    recordings = load_recordings(
        utterances, Path(cfg.paths.store).expanduser(), sample_rate=feature.sample_rate, top_db=feature.trim_db
    )
    usable = _leave_out_broken(utterances, recordings, folder)
    labels = label_order(utterance.emotion for utterance in usable)
    if len(labels) < 2:
        raise CorpusNotFound(
            f"corpus: all {len(usable)} usable clips are {labels[0]}; two emotions at least are needed"
        )
    for remark in corpus.remarks(usable):
        log.warning("%s: %s", corpus.name, remark)
    speakers = {utterance.speaker for utterance in usable if utterance.speaker}
    log.info("%s: %d clips, %d emotions, %d speakers", corpus.name, len(usable), len(labels), len(speakers))
    facts = {
        "seed": cfg.seed,
        "corpus": _describe_corpus(corpus, usable, recordings),
        "git_commit": provenance.git_commit(),
        "versions": provenance.library_versions(),
        "seconds": {"audio": round(time.monotonic() - started, 1)},
    }
    material = _Material(recordings, labels, facts)
    folds = protocol.folds(usable, recordings.digests)
    if protocol.fold != splits.ALL_FOLDS:
        return _run_fold(settings, folder, folds[0], material)
    return _run_folds(cfg, settings, folder, folds, material)


def _run_folds(cfg: DictConfig, settings: Settings, folder: Path, folds: Sequence[Split], material: _Material) -> str:
    """Train and test on every fold in a folder of its own, and pool the predictions."""
    folders = {split.fold: folder / f"fold-{split.fold}" for split in folds}
    for split in folds:
        fold_folder = folders[split.fold]
        (fold_folder / ".hydra").mkdir(parents=True, exist_ok=True)
        fold_cfg = cfg.copy()
        fold_cfg.split.fold = split.fold
        OmegaConf.save(fold_cfg, fold_folder / ".hydra" / "config.yaml")
        with _logged(fold_folder / "train.log"):
            log.info("\n%s\n", _run_fold(settings, fold_folder, split, material))
    results = [json.loads((path / "metrics.json").read_text(encoding="utf-8")) for path in folders.values()]
    report.pool_predictions(folder, folders)
    seconds = Counter[str]()
    for result in results:
        seconds.update({name: result["seconds"][name] for name in ("training", "test")})
    shared = sorted({speaker for result in results for speaker in result["audit"]["shared_speakers"] or []})
    pooled = {
        **results[0],
        "split": {
            **results[0]["split"],
            "fold": splits.ALL_FOLDS,
            "hash": digest("".join(split.hash for split in folds).encode())[:16],
            "speaker_independent": all(result["split"]["speaker_independent"] for result in results),
        },
        "audit": {
            "shared_speakers": None if results[0]["audit"]["shared_speakers"] is None else shared,
            "identical": [pair for result in results for pair in result["audit"]["identical"]],
        },
        "seconds": {**material.facts["seconds"], **{name: round(value, 1) for name, value in seconds.items()}},
    }
    return report.write_report(folder, pooled, folders)


def _run_fold(settings: Settings, folder: Path, split: Split, material: _Material) -> str:
    """Train on one fold, test, and write its files."""
    audit = splits.audit(split, material.recordings.digests)
    report.write_split(folder, split)
    log.info(
        "split=%s, fold %d of %d: %d clips for training, %d for validation, %d for test; speaker_independent: %s",
        *(split.name, split.fold, split.n_folds, len(split.train), len(split.val), len(split.test)),
        "yes" if audit.speaker_independent else "no",
    )
    pl.seed_everything(settings["seed"], workers=True, verbose=False)
    parts = {name: _part(getattr(split, name), material.recordings, material.labels) for name in splits.PARTS}
    weighted = settings["loss"]["class_weights"]
    weights = _balanced_weights(parts["train"].targets, len(material.labels)) if weighted else None
    recognizer = _recognizer(settings, material.labels, weights)
    trainer = make_trainer(
        Trainer(**settings["trainer"]),
        folder,
        n_epochs=settings["epochs"],
        title="Training" if split.n_folds == 1 else f"Training, fold {split.fold} of {split.n_folds}",
    )
    data = SpeechData(parts, batch_size=settings["batch_size"], seed=settings["seed"])
    started = time.monotonic()
    trainer.fit(recognizer, datamodule=data)
    trained = time.monotonic()
    best = EmotionRecognizer.load_from_checkpoint(best_checkpoint(trainer), weights_only=True)
    outputs: Any = trainer.predict(best, datamodule=data)
    places, probabilities = (torch.cat(tensors) for tensors in zip(*outputs, strict=True))
    report.write_predictions(folder, split.test, material.labels, probabilities[places.argsort()].numpy())
    facts = {
        **material.facts,
        "split": _describe_split(split, audit, settings["split"]["seed"]),
        "audit": {"shared_speakers": audit.shared_speakers, "identical": audit.identical},
        "n_parameters": sum(parameter.numel() for parameter in recognizer.model.parameters()),
        "device": device_name(trainer),
        "precision": str(trainer.precision),
        "seconds": {
            **material.facts["seconds"],
            "training": round(trained - started, 1),
            "test": round(time.monotonic() - trained, 1),
        },
    }
    return report.write_report(folder, facts)


def _recognizer(
    settings: Settings, labels: Sequence[str], class_weights: Sequence[float] | None = None
) -> EmotionRecognizer:
    groups = {group: settings[group] for group in ("feature", "model", "augment", "optim", "loss")}
    return EmotionRecognizer(**groups, labels=list(labels), class_weights=class_weights)


def _part(utterances: Sequence[Utterance], recordings: Recordings, labels: Sequence[str]) -> Part:
    number = {label: index for index, label in enumerate(labels)}
    waveforms = [recordings.waveforms[utterance.id] for utterance in utterances]
    return Part(waveforms, [number[utterance.emotion] for utterance in utterances])


def _balanced_weights(targets: Sequence[int], n_classes: int) -> list[float]:
    """Weights by which every class counts alike, 1 on average over the clips."""
    counts = Counter(targets)
    return [len(targets) / (n_classes * counts[label]) for label in range(n_classes)]


def _leave_out_broken(utterances: Sequence[Utterance], recordings: Recordings, folder: Path) -> list[Utterance]:
    """Leave out the clips that cannot be used, and list them in broken.csv."""
    broken = recordings.broken
    usable = [utterance for utterance in utterances if utterance.id not in broken]
    if not usable:
        raise CorpusNotFound(f"none of the {len(broken)} clips can be used; the first: {next(iter(broken.values()))}")
    if broken:
        with replacing(folder / "broken.csv") as beside, beside.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([("utterance", "problem"), *sorted(broken.items())])
        log.warning(
            "left out %d of %d clips that cannot be used, listed in %s; the first: %s",
            *(len(broken), len(utterances), folder / "broken.csv", next(iter(broken.values()))),
        )
    return usable


def _describe_corpus(corpus: Corpus, usable: Sequence[Utterance], recordings: Recordings) -> dict[str, Any]:
    content = "\n".join(sorted(f"{utterance.id}\t{recordings.files[utterance.id]}" for utterance in usable))
    return {
        "name": corpus.name,
        "notice": corpus.notice,
        "n_utterances": len(usable),
        "n_broken": len(recordings.broken),
        "fingerprint": digest(content.encode())[:16],
    }


def _describe_split(split: Split, audit: Audit, seed: int) -> dict[str, Any]:
    return {
        "name": split.name,
        "fold": split.fold,
        "n_folds": split.n_folds,
        "seed": seed,
        "hash": split.hash,
        "speaker_independent": audit.speaker_independent,
        "n_train": len(split.train),
        "n_val": len(split.val),
    }


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Write what is logged meanwhile to a file too, in the form of the run's own train.log."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("[%(asctime)s] %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
