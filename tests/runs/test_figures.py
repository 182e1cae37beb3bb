import logging
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from ser.runs import figures

pytestmark = pytest.mark.filterwarnings("error")

ENGLISH = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
JAPANESE = ["平静", "喜び", "怒り", "悲しみ", "恐れ", "驚き", "嫌悪", "軽蔑"]
LONG = ["pleasantly surprised, with a touch of melancholy", "とても長い名前のついた感情のひとつ", "sad"]


def confusion(
    folder: Path, labels: Sequence[str], title: str = "made, split=random, fold 1 of 1"
) -> npt.NDArray[np.float32]:
    counts = 100 * np.eye(len(labels), dtype=np.int64) + 3
    figures.confusion(folder / "confusion.png", counts, labels, title=title)
    picture: npt.NDArray[np.float32] = imread(folder / "confusion.png")
    return picture


def curves(folder: Path, n_folds: int, n_epochs: int) -> npt.NDArray[np.float32]:
    rows = [
        {"epoch": str(e), "train_loss": str(2 / e), "val_loss": str(2.1 / e), "val_uar": str(1 - 1 / e)}
        for e in range(1, n_epochs + 1)
    ]
    folds = range(1, n_folds + 1)
    figures.curves(folder / "curves.png", dict.fromkeys(folds, rows), kept=dict.fromkeys(folds, n_epochs))
    picture: npt.NDArray[np.float32] = imread(folder / "curves.png")
    return picture


def assert_nothing_is_cut_off(picture: npt.NDArray[np.float32]) -> None:
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 1).all()


@pytest.mark.parametrize(
    "labels", [ENGLISH, JAPANESE, ENGLISH[:2], LONG, LONG[:2], [f"emotion {i}" for i in range(20)]]
)
def test_nothing_of_a_confusion_matrix_is_cut_off(tmp_path: Path, labels: list[str]) -> None:
    picture = confusion(tmp_path, labels)
    assert_nothing_is_cut_off(picture)
    inked = (picture[:, :, :3].min(axis=2) < 0.5).any(axis=0)
    [name_begins, name_ends, names_begin] = np.flatnonzero(np.diff(inked))[:3]
    assert name_ends - name_begins < 20 and names_begin - name_ends >= 5  # the axis has its name, written upwards


def test_a_title_longer_than_the_figure_is_wrapped(tmp_path: Path) -> None:
    assert_nothing_is_cut_off(confusion(tmp_path, ["sad", "happy"], "words " * 20))


@pytest.mark.parametrize(("n_folds", "n_epochs"), [(1, 1), (1, 30), (6, 8), (24, 8)])
def test_curves_fill_their_figure(tmp_path: Path, n_folds: int, n_epochs: int) -> None:
    picture = curves(tmp_path, n_folds, n_epochs)
    assert_nothing_is_cut_off(picture)
    dark = (picture[:, :, :3].max(axis=2) < 0.2).mean(axis=0)
    assert (dark > 0.7).sum() >= 4  # two frames, as high as the figure allows


def test_japanese_is_drawn_as_such(tmp_path: Path) -> None:
    """Not as boxes, which are the same for all characters of a script."""
    first, second = (confusion(tmp_path, names) for names in (["喜", "怒"], ["悲", "恐"]))
    assert first.shape == second.shape
    assert (first != second).any()


def test_a_japanese_figure_changes_nothing_else(tmp_path: Path) -> None:
    settings = dict(matplotlib.rcParams)
    before = confusion(tmp_path, ENGLISH)
    confusion(tmp_path, JAPANESE, "音声　コーパス")  # with an ideographic space
    assert dict(matplotlib.rcParams) == settings
    assert np.array_equal(confusion(tmp_path, ENGLISH), before)


def test_characters_that_no_font_has_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    figures._further_fonts.cache_clear()
    with caplog.at_level(logging.WARNING, "ser"):
        for _ in range(2):
            confusion(tmp_path, ["sad", "𐎠𐎼"])  # Old Persian
    [record] = caplog.records
    assert "𐎠𐎼" in record.getMessage() and "install" in record.getMessage()


def test_a_name_is_no_formula(tmp_path: Path) -> None:
    assert_nothing_is_cut_off(confusion(tmp_path, [r"$\frac$", "a_b^c", "$x$"], "$made$, split=$"))


@pytest.mark.parametrize("validated", [range(2, 9, 2), [3], []])
def test_epochs_that_were_not_validated_are_left_out(
    tmp_path: Path, validated: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.append(figure))
    values = {epoch: str(1 / epoch) if epoch in validated else "nan" for epoch in range(1, 9)}
    rows = [{"epoch": e, "train_loss": "1", "val_loss": v, "val_uar": v} for e, v in values.items()]
    figures.curves(tmp_path / "curves.png", {1: rows}, kept={1: 2})
    losses, scores = drawn[0].axes
    assert [len(line.get_xdata()) for line in losses.lines] == ([8, len(validated)] if validated else [8])
    known, kept = [list(validated)] if validated else [], [[2]] if 2 in validated else []
    assert [list(line.get_xdata()) for line in scores.lines] == [*known, *kept]
