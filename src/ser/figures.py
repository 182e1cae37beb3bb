"""Figures of a report, drawn without a display."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ser.metrics import Counts
from ser.paths import replacing


def confusion(path: Path, counts: Counts, labels: Sequence[str], *, title: str) -> None:
    """Draw a confusion matrix (truth, prediction): colour by recall, counts written in."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.5 + 0.6 * len(labels)
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        color = "white" if share[row, column] > 0.6 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=9)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, label="part of the true class", fraction=0.046)
    _save(figure, path)


def curves(path: Path, histories: Mapping[int, Sequence[Mapping[str, str]]]) -> None:
    """Draw loss and validation UAR over the epochs, a line a fold; the epoch kept is marked."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    for number, (fold, rows) in enumerate(histories.items()):
        epochs = [int(row["epoch"]) for row in rows]
        uar = [float(row["val_uar"]) for row in rows]
        color = f"C{number % 10}"
        name = "" if len(histories) == 1 else f"fold {fold} "
        losses.plot(epochs, [float(row["train_loss"]) for row in rows], color=color, label=f"{name}training")
        losses.plot(
            epochs, [float(row["val_loss"]) for row in rows], color=color, linestyle="--", label=f"{name}validation"
        )
        scores.plot(epochs, uar, color=color, label=f"{name}validation")
        best = int(np.argmax(uar))
        scores.plot(epochs[best], uar[best], "o", color=color, label="epoch kept" if number == 0 else None)
    losses.set(xlabel="epoch", ylabel="loss")
    scores.set(xlabel="epoch", ylabel="UAR", ylim=(0, 1))
    if len(histories) == 1:
        losses.legend()
    else:
        losses.set_title("solid: training, dashed: validation", fontsize=10)
    scores.legend(fontsize=8)
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as beside:
        figure.savefig(beside, dpi=120)
