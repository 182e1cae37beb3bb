"""Mean ranks in the coordinates of an SVG picture: a line a row, and bars that join rows not told apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from ser.compare.ranks import Ranks

WIDTH, LINE = 560, 26
LEFT, TOP, BOTTOM = 190, 24, 44  # margins, for names, and for the axis
BAR, BARS = 16, 240  # from one bar to the next, and room for all at most
LONGEST, BRIEFEST = 16, 11  # columns of a label, and of one on a phone, whose letters are larger


@dataclass(frozen=True)
class Place:
    """A row: its mean rank, its label as far as there is room, its name, and where its dot lies."""

    index: int
    rank: str
    number: int
    label: str
    brief: str
    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Bar:
    """A group of rows not told apart: its rows in words, where it stands, and where the dots of its rows do."""

    words: str
    x: float
    dots: list[float]


@dataclass(frozen=True)
class Diagram:
    """A picture: its size, where the axis is and reaches to, its ticks, rows and bars."""

    height: int
    bottom: float
    right: float
    ticks: list[tuple[float, str]]
    places: list[Place]
    bars: list[Bar]


def diagram(ranks: Ranks, labels: Sequence[str], names: Sequence[str]) -> Diagram:
    """A picture of mean ranks, after Demšar (2006): the best is at the top, and to the left.

    Args:
        ranks: of a table's rows.
        labels: what tells each row from the others.
        names: all that sets each row apart.
    """
    gap = min(BAR, BARS / max(len(ranks.columns), 1))
    right = WIDTH - 14 - gap * len(ranks.columns)

    def x(rank: float) -> float:
        return round(LEFT + (rank - 1) / (len(names) - 1) * (right - LEFT), 1)

    y = {index: TOP + LINE * line for line, index in enumerate(ranks.order)}
    places = [
        Place(
            *(
                index,
                f"{ranks.mean[index]:.2f}",
                index + 1,
                _cut(labels[index], LONGEST),
                _cut(labels[index], BRIEFEST),
            ),
            *(names[index], x(ranks.mean[index]), line),
        )
        for index, line in y.items()
    ]
    bars = [
        Bar(", ".join(str(index + 1) for index in group), right + gap * number + 10, [y[index] for index in group])
        for number, column in enumerate(ranks.columns, start=1)
        for group in column
    ]
    bottom = TOP + LINE * (len(names) - 1) + 16
    step = -(-len(names) // 10)  # few enough to be legible
    ticks = [(x(rank), str(rank)) for rank in range(1, len(names) + 1, step)]
    return Diagram(bottom + BOTTOM, bottom, right, ticks, places, bars)


def _cut(label: str, longest: int) -> str:
    """Of a long label its beginning and end, between which the others are likely alike.

    >>> _cut("whisper_linear", 16), _cut("whisper_linear", 11)
    ('whisper_linear', 'whisp…inear')
    """
    if cell_len(label) <= longest:
        return label
    half = (longest - 1) // 2
    return f"{set_cell_size(label, longest - 1 - half)}…{set_cell_size(label[::-1], half)[::-1]}"
