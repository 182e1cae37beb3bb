"""What a run folder may hold beside its report: embeddings, clips to hear, and what later rooms say in metrics.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from matplotlib.image import imsave

from ser.files import write_csv
from ser.runs.names import (
    EMBEDDINGS,
    EMOTION,
    EXAMPLES,
    FOLD,
    METRICS,
    PREDICTED,
    PREDICTIONS,
    ROBUSTNESS,
    UTTERANCE,
    probability_column,
)
from ser.runs.predictions import Predictions, read_predictions

RATE_HZ = 16000
TICKS = [[hz, float(np.log1p(hz / 700) / np.log1p(8000 / 700))] for hz in (0, 500, 1000, 2000, 4000, 8000)]
KINDS = ("mistake", "mistake", "listened", "listened")


def add_embeddings(folder: Path) -> None:
    """Vectors of the first fold's clips in which those of one emotion are near each other."""
    whole = read_predictions(folder / PREDICTIONS)
    predictions = Predictions([row for row in whole.rows if row.get(FOLD, "1") == "1"], whole.labels)
    random = np.random.default_rng(0)
    centres = 3 * random.normal(size=(len(predictions.labels), 16))
    vectors = centres[predictions.truth] + random.normal(size=(len(predictions.rows), 16))
    np.savez(
        folder / EMBEDDINGS,
        utterances=[row[UTTERANCE] for row in predictions.rows],
        vectors=vectors.astype(np.float16),
        fold=1,
    )


def add_examples(folder: Path, duration_s: float = 1.0) -> None:
    """Four clips: a rising tone each, with a spectrogram, and a map of where the model listened."""
    predictions = read_predictions(folder / PREDICTIONS)
    (folder / EXAMPLES).parent.mkdir()
    told = []
    for number, (kind, row) in enumerate(zip(KINDS, predictions.rows, strict=False), start=1):
        audio, picture = (folder / EXAMPLES).with_name(f"{number:02}.flac"), f"{number:02}.png"
        time_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
        soundfile.write(audio, 0.3 * np.sin(2 * np.pi * (300 + 200 * number * time_s) * time_s), RATE_HZ)
        imsave((folder / EXAMPLES).with_name(picture), np.random.default_rng(number).random((64, 120)), cmap="gray")
        told.append(
            {
                **{"utterance": row[UTTERANCE], "kind": kind, "audio": audio.name, "mime": "audio/flac"},
                **{"duration_s": duration_s, "true": row[EMOTION], "predicted": row[PREDICTED]},
                **{"probability": float(row[probability_column(row[PREDICTED])]), "spectrogram": picture},
                **{"top_hz": 8000, "mel_ticks": TICKS},
                "wanted": True,
                "relevance": _relevance(duration_s) if kind == "listened" else None,
            }
        )
    (folder / EXAMPLES).write_text(json.dumps(told), encoding="utf-8")


def _relevance(duration_s: float) -> dict[str, Any]:
    values = np.random.default_rng(0).normal(size=(3, 4))
    return {"times": np.linspace(0, duration_s, 5).tolist(), "bands": [0, 1000, 3000, 8000], "values": values.tolist()}


def say(folder: Path, remove: Sequence[str] = (), **told: Any) -> None:
    """Add to metrics.json, and remove from it."""
    content = {**json.loads((folder / METRICS).read_text(encoding="utf-8")), **told}
    kept = {name: value for name, value in content.items() if name not in remove}
    (folder / METRICS).write_text(json.dumps(kept), encoding="utf-8")


CALIBRATION = {
    **{"ece": 0.1, "brier": 0.3, "brier_of_the_rates": 0.6, "temperature": [1.2, 1.4]},
    "before": {"ece": 0.2, "brier": 0.35},
    "bins": [
        {"low": 0.4, "high": 0.5, "n": 9, "confidence": 0.45, "accuracy": 0.3},
        {"low": 0.9, "high": 1.0, "n": 90, "confidence": 0.97, "accuracy": 0.9},
    ],
    "coverage": {"area": 0.9, "points": [[0.1, 1.0], [0.5, 0.95], [1.0, 0.8]]},
    "conformal": {"level": 0.9, "coverage": 0.88, "mean_size": 1.9, "interval": [0.8, 0.95]},
}


def add_robustness(folder: Path) -> None:
    """Two conditions."""
    clean = {"condition": "clean", "n": 96, "uar": 0.8, "uar_low": 0.7, "uar_high": 0.9, "accuracy": 0.8}
    noisy = {"condition": "noise, 0 dB", "n": 96, "uar": 0.3, "uar_low": 0.2, "uar_high": 0.4, "accuracy": 0.3}
    change = {"change": -0.5, "change_low": -0.6, "change_high": -0.4}
    write_csv(folder / ROBUSTNESS, [{**clean, **dict.fromkeys(change, 0)}, {**noisy, **change}])
