"""The picture of robustness: a row a condition, a colour and a mark a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ser.colors import LINES
from ser.runs.figures import save, shortened
from ser.runs.robustness import Heard

MARKS = ("o", "s", "^", "D", "v", "P")
MOST_RUNS = len(MARKS)
SPREAD = 0.6  # of a row's height, over which its runs stand


def plot(path: Path, runs: Mapping[str, Sequence[Heard]], n_emotions: int) -> None:
    """Draw the UAR with its 95 % interval under every condition, the clean one of each run as a line, and chance.

    Args:
        path: of the picture to write.
        runs: by name, `MOST_RUNS` at most.
        n_emotions: chance is one of so many.
    """
    names = list(dict.fromkeys(row.condition for rows in runs.values() for row in rows))
    figure = Figure(figsize=(7.5, 1.6 + len(names) * (0.22 + 0.1 * len(runs))), layout="constrained")
    axes = figure.subplots()
    for number, (run, rows) in enumerate(runs.items()):
        color = LINES[number]
        places = [names.index(row.condition) + SPREAD * ((number + 0.5) / len(runs) - 0.5) for row in rows]
        axes.hlines(places, [row.uar_low for row in rows], [row.uar_high for row in rows], color=color, linewidth=1.5)
        axes.plot([row.uar for row in rows], places, MARKS[number], color=color, label=shortened(run))
        axes.axvline(rows[0].uar, color=color, linewidth=0.9, alpha=0.6, zorder=0)
    axes.axvline(1 / n_emotions, color="black", linestyle="--", linewidth=1, label="chance")
    for place in range(0, len(names), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="#F3F3F3", zorder=-1, linewidth=0)
    axes.set_yticks(range(len(names)), names)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(0, 1), ylabel="what happens to the recording")
    axes.set_xlabel("UAR (0 to 1), with its 95 % interval; lines: clean")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    save(figure, path)
