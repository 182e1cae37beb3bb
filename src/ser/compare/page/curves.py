"""Learning curves in the coordinates of an SVG picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 10, 36  # margins, for the axes
HUES = (212, 26, 145, 330, 265, 185, 48, 0)
DASHES = ("", "7 4", "2 3")


@dataclass(frozen=True)
class Curve:
    """Values over the epochs, of the row `index`; `kept` is the epoch kept, where it is known."""

    index: int
    name: str
    points: Sequence[tuple[int, float]]
    kept: int | None


@dataclass(frozen=True)
class Line:
    """A curve as SVG has it; `kept` is the place of the epoch kept."""

    index: int
    name: str
    points: str
    kept: tuple[float, float] | None


@dataclass(frozen=True)
class Panel:
    """A picture: its lines, and the places and words of the ticks of both axes."""

    title: str
    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


def style(index: int) -> str:
    """Colour and dashes of a row's curves, as CSS: 24 that can be told apart, then again."""
    hue = HUES[index % len(HUES)]
    return f"--hue: {hue}; --dash: {DASHES[index // len(HUES) % len(DASHES)] or 'none'}"


def panel(title: str, curves: Sequence[Curve]) -> Panel | None:
    """A picture of curves; values that are no numbers are left out. None where there is nothing to draw."""
    curves = [replace(curve, points=[p for p in curve.points if math.isfinite(p[1])]) for curve in curves]
    xs = [epoch for curve in curves for epoch, _ in curve.points]
    ys = [value for curve in curves for _, value in curve.points]
    if not xs:
        return None
    x_ticks, y_ticks = ticks(min(xs), max(xs), whole=True), ticks(min(ys), max(ys))
    x_low, x_high = min(xs), max(max(xs), min(xs) + 1)
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def place(epoch: float, value: float) -> tuple[float, float]:
        x = LEFT + (epoch - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (value - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)
        return round(x, 1), round(y, 1)

    lines = []
    for curve in curves:
        points = " ".join("{},{}".format(*place(*point)) for point in curve.points)
        kept = next((place(*point) for point in curve.points if point[0] == curve.kept), None)
        lines.append(Line(curve.index, curve.name, points, kept))
    return Panel(
        title,
        lines,
        [(place(tick, y_low)[0], f"{tick:g}") for tick in x_ticks if x_low <= tick <= x_high],
        [(place(x_low, tick)[1], f"{tick:g}") for tick in y_ticks],
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
