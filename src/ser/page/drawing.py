"""Pictures in the coordinates of SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ser.metrics import Counts, Floats

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 48  # margins, for the axes
N_COLORS = 8  # of page.css
DASHES = ("none", "7 4", "2 3")
N_SHAPES = 9  # of the dots of a map, of page.js; none in common with the colours, so that 72 pairs are different


@dataclass(frozen=True)
class Curve:
    """Points (x, y), joined, of the row or fold `index`; a dot stands on those whose x is one of `marked`."""

    index: int
    name: str
    points: Sequence[tuple[float, float]]
    marked: Sequence[float] = ()
    dash: str | None = None


@dataclass(frozen=True)
class Line:
    """A curve as SVG has it: its points, its dots, its colour and dashes as CSS."""

    index: int
    name: str
    points: str
    dots: list[tuple[float, float]]
    style: str


@dataclass(frozen=True)
class Axis:
    """What an axis shows, with its unit, from `low` to `high`."""

    name: str
    low: float
    high: float
    ticks: Sequence[float]

    def place(self, value: float) -> float:
        """0 at its low end, 1 at its high one."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Panel:
    """A picture: its lines, and the places and words of the ticks of both axes."""

    title: str
    lines: list[Line]
    x_name: str
    y_name: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


def style(index: int, dash: str | None = None) -> str:
    """Colour and dashes of a row's curves, as CSS: 24 that can be told apart, then again."""
    dash = dash or DASHES[index // N_COLORS % len(DASHES)]
    return f"--color: var(--color-{index % N_COLORS}); --dash: {dash}"


def part(name: str) -> Axis:
    """An axis of what lies between 0 and 1."""
    return Axis(name, 0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1])


def over_epochs(title: str, curves: Sequence[Curve], name: str) -> Panel | None:
    """Curves of `name` over the epochs, but for values that are no numbers; None where there is nothing to draw."""
    known = [(curve, [point for point in curve.points if math.isfinite(point[1])]) for curve in curves]
    xs = [epoch for _, points in known for epoch, _ in points]
    ys = [value for _, points in known for _, value in points]
    if not xs:
        return None
    x_low, x_high = min(xs), max(max(xs), min(xs) + 1)
    y_ticks = ticks(min(ys), max(ys))
    epochs = Axis(
        "epoch", x_low, x_high, [tick for tick in ticks(x_low, x_high, whole=True) if x_low <= tick <= x_high]
    )
    curves = [Curve(curve.index, curve.name, points, curve.marked, curve.dash) for curve, points in known]
    return panel(title, curves, epochs, Axis(name, y_ticks[0], y_ticks[-1], y_ticks))


def panel(title: str, curves: Sequence[Curve], x: Axis, y: Axis) -> Panel:
    """A picture of curves."""

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = LEFT + x.place(point[0]) * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - y.place(point[1]) * (HEIGHT - TOP - BOTTOM)
        return round(across, 1), round(down, 1)

    lines = [
        Line(
            curve.index,
            curve.name,
            " ".join("{},{}".format(*place(point)) for point in curve.points),
            [place(point) for point in curve.points if point[0] in curve.marked],
            style(curve.index, curve.dash),
        )
        for curve in curves
    ]
    return Panel(
        title,
        lines,
        x.name,
        y.name,
        [(place((tick, y.low))[0], f"{tick:g}") for tick in x.ticks],
        [(place((x.low, tick))[1], f"{tick:g}") for tick in y.ticks],
    )


def ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about five.

    >>> ticks(0.13, 0.87), ticks(1, 12, whole=True), ticks(1, 1, whole=True)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0, 5, 10, 15], [1, 2])
    """
    span = (high - low) / 5 or (1 if whole else abs(low) / 5 or 1)
    power = 10 ** math.floor(math.log10(span))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= span * 0.999)
    if whole:
        step = max(1, round(step))
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return [step * number if whole else round(step * number, 10) for number in range(first, last + 1)]


def confusion(counts: Counts | Floats) -> list[list[dict[str, Any]]]:
    """Cells of a confusion matrix (truth, prediction): counts, and what part of the true emotion each is."""
    return [
        [{"count": int(count), "part": count / max(row.sum(), 1), "total": int(row.sum())} for count in row]
        for row in counts
    ]
