"""Figures of a search."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ser.colors import BLUE, GREY, INK, ORANGE
from ser.runs.figures import save

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def history(path: Path, trials: Sequence["FrozenTrial"], score: str) -> None:
    """Draw validation scores (`score` is their word) by trial, the best so far as a line, pruned ones as crosses."""
    complete = [(trial.number, trial.value) for trial in trials if trial.state.name == "COMPLETE"]
    pruned = [(trial.number, trial.value) for trial in trials if trial.state.name == "PRUNED" and trial.value]
    failed = [trial.number for trial in trials if trial.state.name == "FAIL"]
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    if complete:
        numbers, values = zip(*complete, strict=True)
        axes.plot(numbers, values, "o", color=BLUE, label="complete")
        numbers = (*numbers, max(len(trials) - 1, numbers[-1]))
        best = list(accumulate(values, max))
        axes.step(numbers, [*best, best[-1]], where="post", color=ORANGE, label="best so far")
    if pruned:
        axes.plot(*zip(*pruned, strict=True), "x", color=GREY, label="pruned")
    low, high = axes.get_ylim()
    if failed:
        axes.plot(failed, [low] * len(failed), "|", color=INK, label="failed", markersize=12)
        axes.set_ylim(low, high)
    axes.set(xlabel="trial", ylabel=f"validation {score}", xlim=(-0.5, max(len(trials) - 0.5, 0.5)))
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if complete or pruned or failed:
        axes.legend(fontsize=9)
    save(figure, path)


def importance(path: Path, shares: Mapping[str, float], score: str) -> None:
    """Draw each parameter's share in the variance of the validation score (its word)."""
    figure = Figure(figsize=(7, 1.2 + 0.4 * len(shares)), layout="constrained")
    axes = figure.subplots()
    ranked = sorted(shares.items(), key=lambda item: item[1])
    bars = axes.barh([name for name, _ in ranked], [share for _, share in ranked], color=BLUE)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=9)
    axes.set(xlabel=f"share in the variance of validation {score} (fANOVA)", xlim=(0, 1.08))
    axes.grid(alpha=0.3, axis="x")
    axes.set_axisbelow(True)
    save(figure, path)
