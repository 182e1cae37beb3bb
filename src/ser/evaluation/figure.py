"""The matrix of training against test corpora as a heat map."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ser.evaluation.matrix import Cell
from ser.runs.figures import save, shortened


def plot(path: Path, cells: Sequence[Cell]) -> None:
    """Draw UAR with its 95 % interval, a row a run; a frame marks its own test, which is within a corpus.

    Args:
        path: of the picture to write.
        cells: row by row.
    """
    rows, columns = (list(dict.fromkeys(getattr(cell, side) for cell in cells)) for side in ("trained_on", "tested_on"))
    uar = [cell.results.scores.uar if cell.results else float("nan") for cell in cells]
    figure = Figure(figsize=(2.6 + 1.35 * len(columns), 1.6 + 0.85 * len(rows)), layout="constrained")
    axes = figure.subplots()
    values = [uar[start : start + len(columns)] for start in range(0, len(cells), len(columns))]
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for number, (cell, value) in enumerate(zip(cells, uar, strict=True)):
        row, column = divmod(number, len(columns))
        told = cell.text.replace(" [", "\n[", 1)
        axes.text(column, row, told, ha="center", va="center", color="white" if value > 0.6 else "black", fontsize=9)
        if cell.is_own:
            axes.add_patch(Rectangle((column - 0.48, row - 0.47), 0.96, 0.94, fill=False, edgecolor="black"))
    axes.set_xticks(range(len(columns)), map(shortened, columns))
    axes.set_yticks(range(len(rows)), map(shortened, rows))
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0)
    axes.set_xlabel("tested on", labelpad=8)
    axes.set_ylabel("trained on")
    figure.colorbar(image, ax=axes, label="UAR, with its 95 % interval", fraction=0.08)
    figure.supxlabel("framed: within the corpus, by the run's own protocol", fontsize=9)
    save(figure, path)
