"""Figures of a report, drawn without a display."""

import logging
import math
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from rich.cells import cell_len, set_cell_size

from ser.colors import BLUE, LINES, VERMILION
from ser.files import replacing
from ser.metrics import Counts
from ser.runs.calibration import Calibration
from ser.runs.history import History
from ser.runs.names import EPOCH, TRAIN_LOSS, validation_column

log = logging.getLogger("ser")

LONGEST_NAME = 24  # columns, of which a Chinese or Japanese character takes two
FEW_FOLDS = len(LINES)  # as many as there are colours


def confusion(path: Path, counts: Counts, labels: Sequence[str], *, title: str) -> None:
    """Draw a confusion matrix (truth, prediction): colour by recall, counts written in; long names are cut off."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = [shortened(label) for label in labels]
    size = 2.5 + 0.6 * len(labels)
    room = 0.08 * max(0, max(map(cell_len, labels)) - 10)  # inches, for names longer than ten columns
    figure = Figure(figsize=(size + 0.8 + room, size + 0.7 * room), layout="compressed")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        color = "white" if share[row, column] > 0.6 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=9)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted emotion", ylabel="true emotion")
    axes.set_title(title, fontsize=10, wrap=True)
    figure.colorbar(image, ax=axes, label="part of the true emotion's clips", fraction=0.046)
    save(figure, path)


def curves(
    path: Path, histories: Mapping[int, History], kept: Mapping[int, int], *, score: tuple[str, str] = ("uar", "UAR")
) -> None:
    """Draw loss and a score on validation (its key, and the word for it) over the epochs, a line a fold; the epoch kept
    of each fold (from 1) is marked.

    Of more folds than there are colours each line is thin, in the colour of its part. An epoch without a value, such
    as one that was not validated, is left out.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    one, many = len(histories) == 1, len(histories) > FEW_FOLDS
    thin = {"linewidth": 0.8, "alpha": 0.6} if many else {}
    for number, (fold, rows) in enumerate(histories.items()):
        color = VERMILION if one or many else LINES[number]
        first = number == 0
        told = {"color": BLUE if one or many else color, "label": "training" if first else None, **thin}
        _line(losses, _known(rows, TRAIN_LOSS), **told)
        told = {"color": color, "linestyle": "--", **thin}
        _line(losses, _known(rows, validation_column("loss")), label="validation" if first else None, **told)
        values = _known(rows, validation_column(score[0]))
        name = "validation" if one else f"fold {fold}" if not many else f"each of {len(histories)} folds"
        _line(scores, values, color=color, label=name if first or not many else None, **thin)
        if kept.get(fold) in values:
            is_last = number == len(histories) - 1
            scores.plot(kept[fold], values[kept[fold]], "o", color=color, label="epoch kept" if is_last else None)
    losses.set(xlabel="epoch", ylabel="loss")
    scores.set(xlabel="epoch", ylabel=f"validation {score[1]}", ylim=(0, 1))
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=9)
    save(figure, path)


def calibration(path: Path, calibration: Calibration, *, title: str) -> None:
    """Draw the reliability diagram with the number of clips in each bin, and accuracy against coverage."""
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    axes = figure.subplot_mosaic([["promised", "coverage"], ["clips", "coverage"]], height_ratios=[4, 1])
    promised, clips, coverage = axes["promised"], axes["clips"], axes["coverage"]
    columns = ("low", "high", "n", "confidence", "accuracy")
    low, high, n, sure, right = np.array([[getattr(one, name) for name in columns] for one in calibration.bins]).T
    promised.plot([0, 1], [0, 1], "--", color="black", label="as often right as promised")
    promised.bar(low, right, high - low, align="edge", color=BLUE, edgecolor="white", alpha=0.4)
    promised.plot(sure, right, "o-", color=BLUE, label=f"answers; expected error {calibration.ece:.3f}")
    promised.set(ylabel="accuracy (part that is right)", xlim=(0, 1), ylim=(0, 1))
    promised.tick_params(labelbottom=False)
    clips.bar(low, n, high - low, align="edge", color=BLUE, edgecolor="white")
    clips.set(xlabel="confidence (probability of the answer)", ylabel="clips", xlim=(0, 1))
    label = f"mean accuracy {calibration.coverage.area:.3f}"
    coverage.plot(*np.array(calibration.coverage.points).T, ".-", color=VERMILION, label=label)
    coverage.set(xlabel="coverage (part of the clips, the surest first)", ylabel="accuracy (part that is right)")
    coverage.set(xlim=(0, 1), ylim=(0, 1.02))
    for one in (promised, coverage):
        one.legend(fontsize=9, loc="lower left" if one is coverage else "upper left")
    for one in axes.values():
        one.grid(alpha=0.3)
        one.set_axisbelow(True)
    figure.suptitle(title, fontsize=10, wrap=True)
    save(figure, path)


def _known(rows: History, column: str) -> dict[int, float]:
    """The values of a column by epoch, those that are numbers."""
    values = {int(row[EPOCH]): float(row[column]) for row in rows}
    return {epoch: value for epoch, value in values.items() if math.isfinite(value)}


def _line(axes: Axes, values: Mapping[int, float], **style: Any) -> None:
    """A line over the epochs; a single value is a point."""
    if values:
        axes.plot(list(values), list(values.values()), marker="." if len(values) == 1 else None, **style)


def shortened(label: str) -> str:
    """
    >>> shortened("neither happy nor sad, but both")
    'neither happy nor sad, …'
    """
    return label if cell_len(label) <= LONGEST_NAME else set_cell_size(label, LONGEST_NAME - 1) + "…"


def save(figure: Figure, path: Path, dpi: int = 120) -> None:
    """Save as it stands: a name's dollar signs are no formula, and its characters are drawn in any script."""
    texts = figure.findobj(Text)
    families = _further_fonts(_missing("".join(text.get_text() for text in texts)))
    for text in texts:
        text.set_parse_math(False)
        if families:
            text.set_fontfamily([*text.get_fontfamily(), *families])
    with replacing(path) as beside, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # _further_fonts has told
        # A PDF without its date: the same figure is the same file.
        figure.savefig(beside, dpi=dpi, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)


def _missing(text: str) -> frozenset[str]:
    """The characters that Matplotlib's font in use does not have, but for control characters."""
    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    seen = {character for character in text if not unicodedata.category(character).startswith("C")}
    return frozenset(character for character in seen if not font.get_char_index(ord(character)))


@cache
def _further_fonts(missing: frozenset[str]) -> list[str]:
    """Families that have the missing characters: matplotlib-fontja's Japanese font first, then those installed."""
    if not missing:
        return []
    with matplotlib.rc_context():  # importing it makes its font the default; here it is to help out only
        import matplotlib_fontja
    shipped = matplotlib_fontja.get_font_ttf_path()
    entries = sorted(font_manager.fontManager.ttflist, key=lambda entry: entry.fname != shipped)
    families = []
    for entry in entries:
        if not missing:
            break
        font = font_manager.get_font(entry.fname)
        found = {character for character in missing if font.get_char_index(ord(character))}
        if found and not entry.name.startswith("Last Resort"):  # that one has a box for everything
            families.append(entry.name)
            missing -= found
    if missing:
        log.warning(
            "figures show boxes for %s: no font on this machine has them; install one that has, Noto Sans for one",
            "".join(sorted(missing)),
        )
    return families
