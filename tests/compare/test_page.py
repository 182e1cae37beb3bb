"""The page in a browser: Chromium without a display."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ser.commands import main
from ser.page import drawing
from tests.browsing import asked, barriers, browsing, seen_in
from tests.compare.made import LSTM, RESNET, clips, make_run

HOSTILE = "<script>document.title='taken'</script>"
ATTRIBUTE = "x\" onmouseover=\"document.title='taken'\" y='<img src=https://example.org/x onerror=alert(1)>"
LABELS = ("怒り", HOSTILE, ATTRIBUTE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as chrome:
        yield chrome


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two tables: three rows, one of two seeds; and one of another corpus. A run is left out."""
    folder = tmp_path_factory.mktemp("runs")
    tested = clips(n_speakers=8, labels=LABELS)
    made: dict[str, Any] = {"tested": tested, "labels": LABELS}
    make_run(folder / "a", skill=0.9, validation=0.7, choices={"model": "resnet"}, **made)
    make_run(folder / "b", skill=0.8, validation=0.8, seed=1, choices={"model": "resnet"}, **made)
    make_run(folder / "c", skill=0.3, validation=0.4, model=LSTM, choices={"model": "lstm"}, **made)
    make_run(folder / "d", skill=0.7, validation=0.5, model={**RESNET, "pool": HOSTILE}, **made)
    make_run(folder / "e", corpus={"fingerprint": "xyz", "name": ATTRIBUTE}, **made)
    (make_run(folder / HOSTILE.replace("/", "")) / "metrics.json").unlink()
    assert (
        main(["compare", str(folder), "--html", str(folder / "page.html"), "--output", str(folder / "table.txt")]) == 0
    )
    return folder / "page.html"


@pytest.fixture
def page(browser: Any, written: Path) -> Any:
    browser.get(written.as_uri())
    return browser


def test_epochs_without_a_value_are_left_out() -> None:
    points = [(1, math.nan), (2, 0.5), (3, math.nan), (4, 0.7)]
    some, none = drawing.Curve(0, "a", points, [2]), drawing.Curve(1, "b", points[:1], [1])
    drawn = drawing.over_epochs("validation UAR", [some, none], "UAR")
    assert drawn is not None
    assert [len(line.points.split()) for line in drawn.lines] == [2, 0]
    assert drawn.lines[0].dots and not drawn.lines[1].dots
    assert drawing.over_epochs("validation UAR", [none], "UAR") is None


def texts(page: Any, selector: str) -> list[str]:
    """What the reader sees of the elements."""
    return [element.text for element in page.find_elements("css selector", selector)]


def test_it_opens_without_errors_and_asks_for_nothing(page: Any, written: Path) -> None:
    asked(page)
    page.get_log("browser")
    page.get(written.as_uri())
    assert page.get_log("browser") == []
    assert asked(page) == [written.as_uri()]
    assert page.title == "Runs compared"


def test_rows_tests_and_what_is_left_out(page: Any) -> None:
    first, second = page.find_elements("css selector", "section")
    assert len(first.find_elements("css selector", ".scores tbody tr")) == 3
    assert len(second.find_elements("css selector", ".scores tbody tr")) == 1
    assert "fingerprint of the corpus is xyz here and abc there" in second.text
    assert len(first.find_elements("css selector", ".tests li")) == 2
    assert "1 is better than 3: UAR +0." in first.text
    [line] = texts(page, ".left-out")
    assert line.startswith("left out: 1 of 6 runs; unfinished (1): ")


def test_a_hostile_label_is_text(page: Any) -> None:
    page.execute_script("document.querySelectorAll('[title]').forEach(e => e.dispatchEvent(new Event('mouseover')))")
    assert page.title == "Runs compared"
    assert page.find_elements("css selector", "img, [onmouseover], .scores script, .confusion script") == []
    assert HOSTILE in texts(page, ".scores td")
    assert {*LABELS} <= set(texts(page, ".confusion tbody th"))


def test_the_pages_of_its_runs_are_linked(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "runs" / name, seed=seed) for seed, name in enumerate(("a #1", "話"))]
    (runs[0] / "report.html").write_text("")
    (tmp_path / "pages").mkdir()
    assert main(["compare", *map(str, runs), "--html", str(tmp_path / "pages" / "page.html")]) == 0
    html = (tmp_path / "pages" / "page.html").read_text(encoding="utf-8")
    assert html.count("<a ") == 1 and '<a href="../runs/a%20%231/report.html">' in html


def test_folders_have_their_last_names_where_these_tell_them_apart(tmp_path: Path) -> None:
    for name, other in (("whisper", "same"), ("wavlm", "here/same")):
        model = {**RESNET, "checkpoint": f"/models/{name}", "front": f"/parts/{other}"}
        make_run(tmp_path / name, model=model, validation=len(name) / 10)
    assert main(["compare", str(tmp_path), "--html", str(tmp_path / "page.html")]) == 0
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<span title="/models/whisper">whisper</span>' in html
    assert "<span>/parts/same</span>" in html and "<span>/parts/here/same</span>" in html
    assert "1: whisper</span>" in html  # of the learning curves


def numbers(page: Any) -> list[str]:
    return texts(page, "section:first-of-type .scores tbody td:first-child")


def test_sorting_by_mouse_and_keyboard(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    buttons = {one.text: one for one in page.find_elements("css selector", "section:first-of-type .scores button")}
    assert list(buttons)[:5] == ["#", "validation UAR", "test UAR", "test accuracy", "test macro-F1"]
    assert list(buttons)[5:] == ["runs", "model", "model.pool"]
    assert numbers(page) == ["1", "2", "3"]
    buttons["validation UAR"].click()
    assert numbers(page) == ["3", "2", "1"]
    assert buttons["validation UAR"].find_element("xpath", "..").get_attribute("aria-sort") == "ascending"
    buttons["test UAR"].send_keys(Keys.ENTER)
    assert numbers(page) == ["1", "2", "3"]
    assert buttons["validation UAR"].find_element("xpath", "..").get_attribute("aria-sort") is None
    buttons["runs"].click()
    assert numbers(page)[0] == "1"
    buttons["#"].click()
    assert numbers(page) == ["3", "2", "1"]


def test_confusion_matrices(page: Any, written: Path) -> None:
    matrices = page.find_elements("css selector", "section:first-of-type .confusion")
    assert len(matrices) == 3
    assert all(matrix.is_displayed() for matrix in matrices)
    cells = matrices[0].find_elements("css selector", "td")
    assert len(cells) == len(LABELS) ** 2
    right = cells[0]
    count, total = map(int, right.get_attribute("title").removeprefix("怒り named 怒り: ").split(" of "))
    assert total == 2 * 8 * 4  # two seeds, eight speakers, four clips
    assert right.text == str(round(100 * count / total))


def test_curves_can_be_hidden(page: Any) -> None:
    [uar, loss] = page.find_elements("css selector", "section:first-of-type .panels figure")
    for panel, title in ((uar, "validation UAR"), (loss, "validation loss")):
        assert title in panel.text
        lines = panel.find_elements("css selector", "polyline")
        assert len(lines) == 4
        assert all(line.is_displayed() and line.size["width"] > 100 for line in lines)
        assert len(panel.find_elements("css selector", "circle")) == 4
    box = page.find_element("css selector", "section:first-of-type .legend input")
    box.click()
    assert [line.is_displayed() for line in uar.find_elements("css selector", "polyline")] == [False, False, True, True]
    box.click()
    assert all(line.is_displayed() for line in uar.find_elements("css selector", "polyline"))


def test_ranks_are_drawn(page: Any) -> None:
    first, second = page.find_elements("css selector", "section")
    [figure] = first.find_elements("css selector", ".ranks")
    assert "mean rank (1 is the best)" in figure.text and "Not told apart" in figure.text
    assert next(word.text for word in figure.find_elements("css selector", "g:not(.alike) text")).startswith("1: ")
    places = [dot.location["x"] for dot in figure.find_elements("css selector", "g:not(.alike) circle")]
    assert len(places) == 3 and places == sorted(places)
    assert not second.find_elements("css selector", ".ranks")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_on_a_phone(page: Any, written: Path, scheme: str) -> None:
    with seen_in(page, scheme, 360):
        page.get(written.as_uri())
        assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        labels = "return [...document.querySelectorAll('.ranks text')].every(word => word.getBBox().x >= 0)"
        assert page.execute_script(labels)
        colors = page.execute_script("const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]")
        ink, paper = (sum(map(int, color[4:-1].split(", "))) for color in colors)
        assert (ink < paper) == (scheme == "light")
        assert abs(ink - paper) > 400
        assert barriers(page) == []
