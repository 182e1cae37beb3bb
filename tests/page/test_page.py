"""What the pages share."""

from pathlib import Path

import numpy as np

from ser.page.drawing import Axis, Curve, confusion, panel, part, style
from ser.page.rendering import render
from tests.browsing import barriers, browsing, seen_in

TEMPLATE = """{% extends "base.html" %}
{% import "macros.html" as ui %}
{% block title %}x{% endblock %}
{% block main %}{{ ui.confusion(labels, matrix, counts=true) }}{% endblock %}
"""


def test_a_panel_places_its_points_and_ticks() -> None:
    drawn = panel("t", [Curve(0, "a", [(0, 0), (1, 1)], [1])], Axis("x in s", 0, 2, [0, 2]), part("y"))
    [line] = drawn.lines
    assert line.points == "52.0,272.0 299.0,34.0" and line.dots == [(299.0, 34.0)]
    assert drawn.x_ticks == [(52.0, "0"), (546.0, "2")] and drawn.y_ticks[-1] == (34.0, "1")
    assert (drawn.x_name, drawn.y_name) == ("x in s", "y")


def test_styles_can_be_told_apart() -> None:
    assert len({style(index) for index in range(24)}) == 24 and style(24) == style(0)


def test_numbers_in_a_confusion_matrix_are_legible_whatever_the_colour(tmp_path: Path) -> None:
    parts = np.array([0, 20, 40, 50, 60, 63, 64, 65, 70, 80, 100])
    counts = np.diag(parts) + np.roll(np.diag(100 - parts), 1, axis=1)
    (tmp_path / "page.html").write_text(TEMPLATE)
    html = render(tmp_path / "page.html", labels=[f"e{n}" for n in range(len(counts))], matrix=confusion(counts))
    (tmp_path / "shown.html").write_text(html, encoding="utf-8")
    with browsing() as browser:
        for scheme in ("light", "dark"):
            with seen_in(browser, scheme):
                browser.get((tmp_path / "shown.html").as_uri())
                assert barriers(browser) == []
