"""Figures of a run of task=dimensions."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ser.colors import BLUE
from ser.metrics import Floats
from ser.runs.figures import save, shortened

MOST_COLUMNS = 3


def scatter(
    path: Path, truth: Floats, predicted: Floats, dimensions: Sequence[str], said: Sequence[str], *, title: str
) -> None:
    """Draw what was told against the truth, a panel a dimension, three in a row, on equal axes with the line where they
    agree.

    Args:
        truth, predicted: (n_clips, n_dimensions).
        said: what stands in each panel's legend.
    """
    n_columns = min(len(dimensions), MOST_COLUMNS)
    n_rows = math.ceil(len(dimensions) / n_columns)
    figure = Figure(figsize=(4.2 * n_columns + 0.4, 4.2 * n_rows + 0.4), layout="constrained")
    alpha = float(np.clip(20 / np.sqrt(len(truth)), 0.08, 0.7))
    for place, (name, own, x, y) in enumerate(zip(dimensions, said, truth.T, predicted.T, strict=True), start=1):
        axes = figure.add_subplot(n_rows, n_columns, place)
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        room = 0.04 * (high - low)
        ends = [low - room, high + room]
        axes.plot(ends, ends, "--", color="black", linewidth=1)
        axes.plot(x, y, "o", color=BLUE, markersize=4, alpha=alpha, markeredgewidth=0, label=own)
        axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel=f"true {shortened(name)}", ylabel="predicted")
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.legend(fontsize=9, loc="upper left")
    figure.suptitle(title, fontsize=10, wrap=True)
    save(figure, path)
