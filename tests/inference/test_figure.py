from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from ser import colors
from ser.corpora.labels import EMOTIONS
from ser.inference import figure
from ser.inference.prediction import SILENCE, Prediction, Segment, named

pytestmark = pytest.mark.filterwarnings("error")

JAPANESE = ["平静", "喜び", "怒り", "悲しみ"]


def made(duration_s: float, speakers: list[str | None], labels: list[str], seed: int = 0) -> Prediction:
    """Everybody speaks for 8 s of 10, all at once but for half a second."""
    random = np.random.default_rng(seed)
    segments = []
    for number, speaker in enumerate(speakers):
        for start_s in np.arange(number / 2, duration_s - 8, 10).tolist():
            for part_s in (start_s, start_s + 4):
                said = named(labels, random.dirichlet(np.ones(len(labels))))
                segments.append(Segment(part_s, part_s + 4, *said, speaker))
            segments.append(Segment(start_s + 8, start_s + 10, SILENCE))
    return Prediction.of(sorted(segments, key=lambda one: one.start_s), duration_s)


def plotted(
    folder: Path, prediction: Prediction, labels: list[str], title: str = "meeting.wav"
) -> npt.NDArray[np.float32]:
    figure.plot(folder / "timeline.png", prediction, title=title, labels=labels)
    picture: npt.NDArray[np.float32] = imread(folder / "timeline.png")[:, :, :3]
    return picture


def area(picture: npt.NDArray[np.float32], color: str) -> int:
    """Pixels of a colour."""
    return int((np.abs(picture - to_rgb(color)).max(axis=2) < 0.01).sum())


@pytest.mark.parametrize(
    ("duration_s", "speakers", "labels"),
    [
        (30.0, [None], [*EMOTIONS]),
        (150.0, ["Anna", "山田 太郎", '$x$ "Bo" with a name that does not end'], JAPANESE),
        (3600.0, [None], [*EMOTIONS]),
    ],
)
def test_nothing_is_cut_off(tmp_path: Path, duration_s: float, speakers: list[str | None], labels: list[str]) -> None:
    picture = plotted(tmp_path, made(duration_s, speakers, labels), labels, "会議 $1.wav " * 3)
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 1).all()
    height, width, _ = picture.shape
    assert height < 2500 and width < 1700


def test_colors_are_those_of_the_emotions_and_silence_has_none(tmp_path: Path) -> None:
    """Half the time happy by 0.9, then silence."""
    labels = ["happy", "sad"]
    segments = [Segment(0, 10, "happy", {"happy": 0.9, "sad": 0.1}), Segment(10, 20, SILENCE)]
    picture = plotted(tmp_path, Prediction.of(segments, 20), labels)
    legend = area(plotted(tmp_path, Prediction(SILENCE, {}, 20), labels), colors.EMOTIONS["happy"])
    happy, sad = (area(picture, colors.EMOTIONS[label]) - legend for label in labels)
    bar, stack = (bottom - top for top, bottom in (figure.BAR, figure.STACK))
    assert happy / sad == pytest.approx((bar + 0.9 * stack) / (0.1 * stack), rel=0.2)
    columns = np.flatnonzero((np.abs(picture[120:] - to_rgb(colors.EMOTIONS["sad"])).max(axis=2) < 0.01).any(axis=0))
    assert columns.max() < 0.6 * picture.shape[1]


@pytest.mark.parametrize(
    ("duration_s", "n_speakers", "n_rows"),
    [(2.0, 1, 1), (45.0, 1, 1), (91.0, 1, 3), (300.0, 3, 10), (3600.0, 3, 12), (7200.0, 1, 12)],
)
def test_rows(monkeypatch: pytest.MonkeyPatch, duration_s: float, n_speakers: int, n_rows: int) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(figure, "save", lambda figure, path: drawn.append(figure))
    prediction = made(max(duration_s, 10), [f"speaker {n}" for n in range(n_speakers)], ["happy", "sad"])
    labels = ["happy", "sad"]
    figure.plot(Path("none.png"), Prediction.of(prediction.timeline, duration_s), title="", labels=labels)
    rows = drawn[0].axes
    assert len(rows) == n_rows
    ends = [axes.get_xlim() for axes in rows]
    assert ends[0][0] == 0 and ends[-1][1] >= duration_s - 1e-6
    assert all(before[1] == after[0] for before, after in pairwise(ends))
    assert [label.get_text() for label in rows[0].get_yticklabels()][:n_speakers] == [
        f"speaker {n}" for n in range(n_speakers)
    ]
    assert rows[-1].get_xlabel() == f"time ({'s' if duration_s < 60 else 'min:s' if duration_s <= 3600 else 'h:min:s'})"


def test_a_waveform_is_drawn_above(tmp_path: Path) -> None:
    prediction = made(30, ["Anna"], ["happy", "sad"])
    without = plotted(tmp_path, prediction, ["happy", "sad"])
    for envelope in (np.abs(np.sin(np.arange(500))), np.zeros(500)):
        path = tmp_path / "waveform.png"
        figure.plot(path, prediction, title="", labels=["happy", "sad"], waveform_envelope=envelope)
        assert imread(path).shape[0] > without.shape[0]
