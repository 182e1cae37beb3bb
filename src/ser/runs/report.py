"""A run's report, from its saved predictions alone: metrics.json, report.txt and figures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.cells import cell_len

from ser import metrics
from ser.files import read_csv, replacing
from ser.runs.history import HISTORY
from ser.runs.predictions import PREDICTIONS, TTA_PREDICTIONS, Predictions, read_predictions

SCORES = ("accuracy", "uar", "macro_f1", "weighted_f1")


def read_results(folder: Path) -> dict[str, Any]:
    """What metrics.json of a run folder says."""
    results: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return results


def write_report(folder: Path, facts: Mapping[str, Any], folds: Mapping[int, Path] | None = None) -> str:
    """Write metrics.json, report.txt, confusion.png and (where there is a history.csv) curves.png into a run folder.

    Args:
        folder: holds predictions.csv.
        facts: what the predictions do not say: protocol, audit, corpus, versions, times. Kept in metrics.json as
            they are, so `write_report(folder, json.load(metrics.json))` makes the report again.
        folds: the folders of the folds that were pooled into this one, by number.

    Returns:
        the text of report.txt.
    """
    from ser.runs import figures

    predictions = read_predictions(folder / PREDICTIONS)
    scores = summarize(predictions)
    results = {**scores, **facts, **scores}  # scores first, and never old ones
    if (folder / TTA_PREDICTIONS).exists():
        views = summarize(read_predictions(folder / TTA_PREDICTIONS))
        results["tta"] = {score: views[score] for score in SCORES}
    if folds:
        results["folds"] = _spread([read_results(path) for path in folds.values()])
    text = render(results)
    with replacing(folder / "report.txt") as beside:
        beside.write_text(text + "\n", encoding="utf-8")
    figures.confusion(folder / "confusion.png", predictions.confusion, predictions.labels, title=headline(results))
    curves = folds or {1: folder}
    histories = {fold: read_csv(path / HISTORY) for fold, path in curves.items() if (path / HISTORY).exists()}
    if histories:
        validation = {fold: (read_results(path) if folds else results)["validation"] for fold, path in curves.items()}
        kept = {fold: scores["epoch"] for fold, scores in validation.items() if scores}
        figures.curves(folder / "curves.png", histories, kept)
    # Last: where it is, the report is complete.
    with replacing(folder / "metrics.json") as beside:
        beside.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return text


def summarize(predictions: Predictions) -> dict[str, Any]:
    """All scores of some predictions, as plain values."""
    confusion = predictions.confusion
    classes = metrics.per_class(confusion)
    return {
        "accuracy": metrics.accuracy(confusion),
        "uar": metrics.uar(confusion),
        "macro_f1": metrics.macro_f1(confusion),
        "weighted_f1": metrics.weighted_f1(confusion),
        "n_test": int(confusion.sum()),
        "per_class": {
            label: {
                "precision": float(classes["precision"][i]),
                "recall": float(classes["recall"][i]),
                "f1": float(classes["f1"][i]),
                "support": int(classes["support"][i]),
            }
            for i, label in enumerate(predictions.labels)
        },
        "labels": predictions.labels,
        "confusion": confusion.tolist(),
    }


def _spread(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each score's mean, standard deviation (of a sample) and values over the folds."""
    spread = {}
    for score in SCORES:
        values = [float(result[score]) for result in results]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        spread[score] = {"mean": float(np.mean(values)), "std": deviation, "values": values}
    return spread


def headline(results: Mapping[str, Any]) -> str:
    """What was tested, in one line."""
    fold, n_folds = results["split"]["fold"], results["split"]["n_folds"]
    which = f"fold {fold} of {n_folds}"
    if fold == "all":
        n_tested = len(results["folds"]["uar"]["values"])
        which = f"all {n_folds} folds pooled" if n_tested == n_folds else f"{n_tested} of {n_folds} folds pooled"
    return f"{results['corpus']['name']}, split={results['split']['name']}, {which}"


def render(results: Mapping[str, Any]) -> str:
    """The report for a person."""
    lines = [headline(results), ""]
    if results["corpus"].get("notice"):
        lines += [results["corpus"]["notice"], ""]
    if "interrupted" in results:
        lines += [_stopped(results["interrupted"]), ""]
    if "untested" in results:
        n_all = results["n_test"] + results["untested"]
        lines += [
            f"ONLY {results['n_test']} of {n_all} test clips were heard, as the Trainer was told: this is no result",
            "",
        ]
    lines += [*_class_table(results), ""]
    lines += [f"accuracy {results['accuracy']:.3f}   UAR {results['uar']:.3f}   macro-F1 {results['macro_f1']:.3f}"]
    if "folds" in results:
        parts = [
            f"{score} {s['mean']:.3f} ± {s['std']:.3f}" for score, s in results["folds"].items() if score in SCORES[:3]
        ]
        lines += [
            f"mean ± deviation over the folds: {'   '.join(parts)}".replace("uar", "UAR").replace(
                "macro_f1", "macro-F1"
            )
        ]
    if "tta" in results:
        views = results["tta"]
        lines += [
            f"test-time augmentation, mean of {results['tta_views']} views, apart from the above: accuracy"
            f" {views['accuracy']:.3f}   UAR {views['uar']:.3f}   macro-F1 {views['macro_f1']:.3f}"
        ]
    lines += ["", *_verdict(results["audit"])]
    broken = results["corpus"]["n_broken"]
    if broken:
        lines += [f"left out: {broken} clips that could not be used; broken.csv in the run folder lists them"]
    lines += [
        f"split hash {results['split']['hash']}, seed {results['seed']}, corpus {results['corpus']['fingerprint']}"
    ]
    return "\n".join(lines)


def _stopped(interrupted: Mapping[str, Any]) -> str:
    where = f"epoch {interrupted['epoch']} of {interrupted['n_epochs']}"
    if "fold" in interrupted:
        where += f" in fold {interrupted['fold']} of {interrupted['n_folds']}"
    return f"INTERRUPTED in {where}: this is no finished result; go on with ckpt_path=last"


def _verdict(audit: Mapping[str, Any]) -> list[str]:
    """The audit in plain words, beside the score."""
    shared, identical = audit["shared_speakers"], audit["identical"]
    if shared is None:
        speakers = "no (the corpus does not name its speakers)"
    elif shared:
        speakers = f"no ({len(shared)} speakers are in both training and test: expect less on new speakers)"
    else:
        speakers = "yes"
    lines = [f"speaker_independent: {speakers}"]
    lines += [f"identical recordings in training and test: {len(identical)}"]
    lines += [f"  {train} = {test}" for train, test in identical[:5]]
    return lines


def _class_table(results: Mapping[str, Any]) -> list[str]:
    """Per-class table in the form of scikit-learn's classification report; a wide character takes two columns."""
    classes = results["per_class"]
    width = max(map(cell_len, ["weighted avg", *classes]))
    lines = [f"{'':>{width}}  precision    recall  f1-score   support", ""]

    def row(name: str, values: Sequence[float], support: int) -> str:
        return (
            " " * (width - cell_len(name))
            + f"{name}  "
            + " ".join(f"{value:>9.2f}" for value in values)
            + f" {support:>9}"
        )

    for label, scores in classes.items():
        lines.append(row(label, [scores["precision"], scores["recall"], scores["f1"]], scores["support"]))
    n_test = results["n_test"]
    lines += ["", f"{'accuracy':>{width}}  {'':>9} {'':>9} {results['accuracy']:>9.2f} {n_test:>9}"]
    table = np.array([[s["precision"], s["recall"], s["f1"], s["support"]] for s in classes.values()])
    seen = metrics.seen(np.array(results["confusion"]))
    lines.append(row("macro avg", table[seen, :3].mean(axis=0).tolist(), n_test))
    lines.append(row("weighted avg", np.average(table[:, :3], axis=0, weights=table[:, 3]).tolist(), n_test))
    return lines
