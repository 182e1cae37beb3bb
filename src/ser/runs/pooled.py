"""The result of all folds of a run together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ser.files import digest
from ser.runs import predictions, report
from ser.runs.history import VALIDATION
from ser.splits.base import ALL_FOLDS


def pool(folder: Path, folders: Mapping[int, Path], seconds: Mapping[str, float], *, n_folds: int) -> None:
    """Write the pooled predictions and their report into `folder`.

    Args:
        folder: the run folder.
        folders: the folders of the folds that were tested, by number.
        seconds: wall times of what the folds share.
        n_folds: how many the protocol has.
    """
    results = [report.read_results(path) for path in folders.values()]
    predictions.pool_predictions(folder, folders)
    times = Counter[str]()
    for result in results:
        times.update({name: result["seconds"][name] for name in ("training", "test")})
    shared = sorted({speaker for result in results for speaker in result["audit"]["shared_speakers"] or []})
    hashes = [result["split"]["hash"] for result in results]
    pooled = {
        **results[0],
        "split": {
            **results[0]["split"],
            "fold": ALL_FOLDS,
            "hash": digest("".join(hashes).encode())[:16],
            "speaker_independent": all(result["split"]["speaker_independent"] for result in results),
        },
        "audit": {
            "shared_speakers": None if results[0]["audit"]["shared_speakers"] is None else shared,
            "identical": [pair for result in results for pair in result["audit"]["identical"]],
        },
        "validation": _mean_validation(results),
        "seconds": {**seconds, **{name: round(value, 1) for name, value in times.items()}},
    }
    pooled.pop("interrupted", None)
    if "interrupted" in results[-1]:
        pooled["interrupted"] = {**results[-1]["interrupted"], "fold": len(results), "n_folds": n_folds}
    report.write_report(folder, pooled, folders)


def _mean_validation(results: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """Mean validation scores over the folds; None where a fold was stopped before it had any."""
    scores = [result["validation"] for result in results]
    if None in scores:
        return None
    return {name: round(float(np.mean([score[name] for score in scores])), 5) for name in VALIDATION}
