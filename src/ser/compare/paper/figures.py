"""Figures of a paper: as wide as a column, in Times, whose letters are embedded and can be searched."""

import math
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.cells import cell_len

from ser.colors import INK, LINES
from ser.compare.comparison import Table
from ser.runs.figures import save, shortened
from ser.runs.names import EPOCH, validation_column

WIDTH = 3.3  # inches of a column
LINE = 0.22  # inches of a row
LONGEST = 20  # columns of a row's name; where one is longer, rows have their numbers alone
STYLES = ("-", "--", ":")


def draw(folder: Path, number: int, table: Table) -> None:
    """Write scores, confusion of the first row, ranks and learning curves of a table, those that there are."""
    # STIX is Times with more letters. Matplotlib's Computer Modern lacks the underscore, and has other signs for < >.
    with matplotlib.rc_context(
        {
            "font.family": "STIXGeneral",
            "font.size": 8,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 7,
            "axes.linewidth": 0.5,
            "lines.linewidth": 0.8,
            "pdf.fonttype": 42,  # TrueType: many journals refuse Type 3
        }
    ):
        for name, make in {"scores": _scores, "confusion": _confusion, "ranks": _ranks, "curves": _curves}.items():
            figure = make(table)
            if figure:
                save(figure, folder / f"{name}-{number}.pdf")


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _names(table: Table) -> list[str]:
    """What stands for the rows: number and name where all names are short, else the number."""
    short = all(cell_len(label) <= LONGEST for label in table.labels)
    return [f"{index}: {label}" if short else str(index) for index, label in enumerate(table.labels, start=1)]


def _color(index: int) -> str:
    return LINES[index % len(LINES)]


def _scores(table: Table) -> Figure:
    """UAR with intervals, the trainings' own as small dots, chance as a line."""
    figure, axes = _figure(0.7 + LINE * len(table.rows))
    for index, scores in enumerate(table.scores):
        uar = scores["uar"]
        own = uar.spread.values
        if len(own) > 1:
            axes.plot(own, [index] * len(own), ".", color=INK, alpha=0.35, markersize=3, markeredgewidth=0)
        axes.plot([uar.low, uar.high], [index, index], color=_color(index), linewidth=1.5)
        axes.plot(uar.value, index, "o", color=_color(index), markersize=4)
    axes.axvline(1 / len(table.rows[0].labels), color=INK, linestyle=":", linewidth=0.8)
    axes.set_yticks(range(len(table.rows)), _names(table))
    axes.set(xlabel="test UAR, 95 % interval (dotted: chance)", ylabel="row", xlim=(0, 1))
    axes.set_ylim(len(table.rows) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    return figure


def _confusion(table: Table) -> Figure:
    """Per cent of each true emotion, all trainings of the first row together."""
    counts, labels = table.rows[0].pooled, [shortened(label) for label in table.rows[0].labels]
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure(WIDTH * 0.95)
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(counts.shape):
        color = "white" if percent[row, column] > 60 else "black"
        size = 7 if len(labels) <= 9 else 5
        axes.text(column, row, f"{percent[row, column]:.0f}", ha="center", va="center", color=color, fontsize=size)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted emotion", ylabel="true emotion (per cent of its clips)")
    return figure


def _ranks(table: Table) -> Figure | None:
    """Mean ranks, the best at the top; bars join the rows that are not told apart."""
    ranks = table.ranks
    if ranks is None:
        return None
    figure, axes = _figure(0.6 + LINE * len(table.rows))
    names, n = _names(table), len(table.rows)
    line = {index: place for place, index in enumerate(ranks.order)}
    for index, place in line.items():
        axes.plot(ranks.mean[index], place, "o", color=_color(index), markersize=4)
    step = (n - 1) / 16
    for number, column in enumerate(ranks.columns, start=1):
        for group in column:
            places = [line[index] for index in group]
            axes.plot([n + step * number] * len(places), places, "o-", color=INK, linewidth=1.5, markersize=2.5)
    axes.set_yticks(range(n), [names[index] for index in ranks.order])
    axes.set_xticks(range(1, n + 1, -(-n // 10)))
    axes.set(xlabel="mean rank (1 is the best)", ylabel="row", xlim=(0.8, n + step * (len(ranks.columns) + 1)))
    axes.set_ylim(n - 0.5, -0.5)
    axes.grid(alpha=0.3)
    return figure


def _curves(table: Table) -> Figure | None:
    """Validation UAR over the epochs, a line a training; the dot is the epoch kept."""
    figure, axes = _figure(2.2)
    column, names = validation_column("uar"), _names(table)
    for index, row in enumerate(table.rows):
        label: str | None = names[index]
        for training in row.trainings:
            points = {int(epoch[EPOCH]): float(epoch[column]) for epoch in training.history}
            points = {epoch: uar for epoch, uar in points.items() if math.isfinite(uar)}
            if len(points) < 2:  # solved at once
                continue
            style = STYLES[index // len(LINES) % len(STYLES)]
            axes.plot(list(points), list(points.values()), style, color=_color(index), alpha=0.7, label=label)
            label = None
            if training.kept in points:
                axes.plot(training.kept, points[training.kept], "o", color=_color(index), markersize=3)
    if not axes.lines:
        return None
    axes.set(xlabel="epoch", ylabel="validation UAR", ylim=(0, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.legend(title="row", title_fontsize=7, ncols=-(-len(table.rows) // 6))
    return figure
