"""The page of a run in a browser, and what is said where something is missing."""

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ser.corpora.base import Listeners
from ser.errors import ReportError
from ser.experiment import _draw_page
from ser.page.drawing import N_COLORS, N_SHAPES
from ser.report.embedding import make_map
from ser.report.page import write_page
from ser.runs.embeddings import Embeddings
from ser.runs.names import CONFIG, EMBEDDINGS, ENVIRONMENT, EXAMPLES, HYDRA, METRICS, PREDICTIONS, ROBUSTNESS
from ser.runs.predictions import read_predictions
from tests.browsing import asked, barriers, browsing, seen_in
from tests.compare.made import clips, make_run
from tests.report import made

HOSTILE = "</script><script>document.title='taken'</script>"
ATTRIBUTE = "x\" onmouseover=\"document.title='taken'\" y='<img src=https://example.org/x onerror=alert(1)>"
LABELS = ("怒り", HOSTILE, ATTRIBUTE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two folds with everything that a page may show; its names are hostile."""
    folder = tmp_path_factory.mktemp("runs") / "all"
    tested = [
        replace(clip, attributes={"gender": "女" if number % 2 else HOSTILE})
        for number, clip in enumerate(clips(n_speakers=8, labels=LABELS))
    ]
    corpus = {"notice": ATTRIBUTE, "listeners": Listeners(0.6, HOSTILE, "somebody")}
    make_run(folder, skill=0.7, fold="all", tested=tested, labels=LABELS, corpus=corpus, typed=[f"model={HOSTILE}"])
    made.add_embeddings(folder)
    made.add_examples(folder)
    made.add_robustness(folder)
    made.say(folder, calibration=made.CALIBRATION, check={"name": "shuffled", "passed": True, "said": HOSTILE})
    (folder / ENVIRONMENT).write_text('{"folder": "~/<my> speech"}', encoding="utf-8")
    write_page(folder)
    return folder


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("plain") / "run", typed=["seed=1"])
    made.add_examples(folder)
    return folder


@pytest.fixture
def plain(made_once: Path, tmp_path: Path) -> Path:
    """A run of one fold, with examples."""
    return Path(shutil.copytree(made_once, tmp_path / "run"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as chrome:
        yield chrome


@pytest.fixture
def page(browser: Any, folder: Path) -> Any:
    browser.get((folder / "report.html").as_uri())
    return browser


def texts(page: Any, selector: str) -> list[str]:
    """What the reader sees of the elements."""
    return [element.text for element in page.find_elements("css selector", selector)]


def test_it_opens_without_errors_and_asks_for_nothing(browser: Any, folder: Path) -> None:
    asked(browser)
    browser.get_log("browser")
    browser.get((folder / "report.html").as_uri())
    assert browser.get_log("browser") == []
    assert [url for url in asked(browser) if not url.startswith("data:")] == [(folder / "report.html").as_uri()]


def test_hostile_names_are_text(page: Any) -> None:
    page.execute_script(
        "document.querySelectorAll('[title], svg *').forEach(e => e.dispatchEvent(new Event('mouseover')))"
    )
    assert page.title.startswith("check=shuffled, NO RESULT: made, split=kfold, all 2 folds pooled: UAR 0.")
    assert page.find_elements("css selector", "img, [onmouseover], main script:not([type='application/json'])") == []
    assert set(LABELS) == set(texts(page, "#classes tbody th"))
    assert texts(page, ".notice") == [f"A check, and no result. {HOSTILE}", ATTRIBUTE]


def test_what_it_says(page: Any) -> None:
    assert "95 % interval 0." in texts(page, ".headline")[0].replace("\u00a0", " ")
    assert (
        "bootstrap over 8 speakers" in texts(page, "#result")[0] and "Listeners: </script>" in texts(page, "#result")[0]
    )
    assert "No speaker of the test is in training or validation" in texts(page, "#protocol")[0]
    assert "no difference can be shown between" in texts(page, "#breakdown")[0]
    assert "Told worst is 話者" in texts(page, "#breakdown")[0]
    assert "The temperature 1.20 to 1.40 by fold, fitted on validation; without it" in texts(page, "#calibration")[0]
    assert "2 of 4 clips; more would have taken too long" in texts(page, "#listened > p")[0]
    assert all("the strongest field, " in text for text in texts(page, "#listened .levels"))
    assert texts(page, "#again .note")[0].startswith("Typed in ~/<my> speech. ")
    assert [line.count("dB") for line in texts(page, "#robustness tbody th")] == [0, 1]
    assert texts(page, "#command") == [
        f"ser train 'model={HOSTILE.replace(chr(39), chr(39) + chr(34) + chr(39) + chr(34) + chr(39))}'"
    ]
    assert len(page.find_elements("css selector", "#curves .panels polyline")) == 6
    counts = [int(text) for text in texts(page, "#confusion small")]
    assert sum(counts) == 8 * 4 * len(LABELS)


def test_sounds_play(page: Any) -> None:
    sounds = page.find_elements("css selector", "#mistakes audio, #listened audio")
    assert len(sounds) == 4
    assert all(sound.get_attribute("aria-label") for sound in sounds)
    page.execute_script("arguments[0].muted = true; arguments[0].play()", sounds[0])
    until = time.monotonic() + 5
    while not page.execute_script("return arguments[0].currentTime", sounds[0]) and time.monotonic() < until:
        time.sleep(0.05)
    assert page.execute_script("return arguments[0].currentTime", sounds[0]) > 0


def test_tables_are_sorted_by_mouse_and_keyboard(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    recall = next(b for b in page.find_elements("css selector", "#classes button") if b.text == "recall")

    def values() -> list[float]:
        return [float(text) for text in texts(page, "#classes tbody td:nth-of-type(2)")]

    recall.click()
    assert values() == sorted(values(), reverse=True)
    recall.send_keys(Keys.ENTER)
    assert values() == sorted(values())
    assert recall.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"


def test_the_map_is_coloured_and_read_by_keyboard(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select

    dots = page.find_elements("css selector", "#map .dots use")
    assert len(dots) == 4 * 4 * len(LABELS), "of the first fold"
    assert set(texts(page, "#map .legend li")) == set(LABELS)
    Select(page.find_element("css selector", "#map select")).select_by_visible_text("right or wrong")
    assert set(texts(page, "#map .legend li")) == {"right", "wrong"}
    picture = page.find_element("css selector", "#map svg")
    seen = set()
    for key in (Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_UP):
        picture.send_keys(key)
        seen.add(texts(page, "#map output")[0])
    assert len(seen) > 2 and all("; speaker 話者" in said for said in seen)


def test_the_command_can_be_copied(page: Any) -> None:
    page.find_element("css selector", ".command button").click()
    until = time.monotonic() + 5
    while not texts(page, ".command [role=status]")[0] and time.monotonic() < until:
        time.sleep(0.05)
    assert page.execute_script("return getSelection().toString()") == texts(page, "#command")[0]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_everybody_can_use_it(browser: Any, folder: Path, scheme: str, width: int) -> None:
    """And nothing but tables is moved sideways."""
    with seen_in(browser, scheme, width):
        browser.get((folder / "report.html").as_uri())
        browser.execute_script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert barriers(browser) == []


def test_it_is_printed_with_all_that_is_folded_up(page: Any) -> None:
    assert base64.b64decode(page.print_page()).startswith(b"%PDF")
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert page.find_elements("css selector", "details:not([open])") == []
    page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert len(page.find_elements("css selector", "details:not([open])")) == 2


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", typed=["seed=1"])
    html = write_page(folder).read_text(encoding="utf-8")
    for said in ("no embeddings.npz", "no examples", "no robustness.csv", "no environment.json"):
        assert said in html
    assert "ser train seed=1" in html
    for name in ("config", "hydra", "overrides"):
        (folder / ".hydra" / f"{name}.yaml").unlink()
    html = write_page(folder).read_text(encoding="utf-8")
    assert "does not tell the command" in html and "no configuration" in html


def test_a_run_of_an_earlier_version(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    made.say(folder, remove=("intervals", "baselines", "breakdown", "gaps", "calibration"))
    html = write_page(folder).read_text(encoding="utf-8")
    for said in ("The run has no intervals", "Nothing is known of the clips", "The run has no calibration"):
        assert said in html


def test_no_result_no_page(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"empty: no result to show, for there is no metrics.json"):
        (tmp_path / "empty").mkdir()
        write_page(tmp_path / "empty")
    folder = make_run(tmp_path / "run")
    (folder / METRICS).unlink()
    with pytest.raises(ReportError, match="the run has finished"):
        write_page(folder)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (EMBEDDINGS, "nothing", "embeddings.npz is damaged: "),
        (ENVIRONMENT, "{", "environment.json is damaged: "),
        (ENVIRONMENT, "[]", "environment.json is damaged: it is no mapping"),
        (EXAMPLES, "[{}]", "examples/examples.json is damaged: "),
        (EXAMPLES, "[", "examples/examples.json is damaged: "),
        (HYDRA, "hydra: [", ".hydra/hydra.yaml is damaged: "),
        (HYDRA, "hydra:", ".hydra/hydra.yaml is damaged: "),
        (CONFIG, b"\xff", ".hydra/config.yaml is damaged: "),
        (ROBUSTNESS, "condition\nclean\n", "robustness.csv is damaged: "),
    ],
)
def test_what_is_damaged_is_left_out_and_said(plain: Path, name: str, content: str | bytes, said: str) -> None:
    (plain / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    html = write_page(plain).read_text(encoding="utf-8")
    assert f"Left out: {said}" in html and str(plain) not in html
    assert "ser train seed=1" in html


@pytest.mark.parametrize(("name", "value"), [("duration_s", 0.0), ("probability", "high"), ("audio", "gone.flac")])
def test_an_odd_example_costs_the_examples_alone(plain: Path, name: str, value: Any) -> None:
    told = json.loads((plain / EXAMPLES).read_text(encoding="utf-8"))
    told[0][name] = value
    (plain / EXAMPLES).write_text(json.dumps(told), encoding="utf-8")
    assert write_page(plain).read_text(encoding="utf-8").count("Left out: examples/examples.json is damaged: ") == 2


def test_the_home_folder_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    words = ["paths.outputs=/home/somebody/o", "corpus.root='/home/somebody/my clips'", "x=/home/somebody2"]
    folder = make_run(tmp_path / "run", typed=words, feature={"checkpoint": "/home/somebody/whisper"})
    (folder / ENVIRONMENT).write_text(json.dumps({"packages": {"own": "1 @ /home/somebody/own"}}), encoding="utf-8")
    html = write_page(folder).read_text(encoding="utf-8")
    assert "/home/somebody2" in html and not re.search("/home/somebody(?!2)", html)
    assert "checkpoint: ~/whisper" in html and "@ ~/own" in html
    [command] = re.findall(r'aria-label="The command">(.*)</pre>', html)
    typed = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {unescape(command)}"], capture_output=True, text=True, check=True
    )
    assert typed.stdout.splitlines() == ["ser", "train", *words]


def test_a_page_that_cannot_be_made_costs_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _draw_page(tmp_path)
    assert "the run is whole, but for its page" in caplog.text and "ser report makes it again" in caplog.text


def test_a_map_is_always_the_same(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    predictions = read_predictions(folder / PREDICTIONS)
    names = [row["utterance"] for row in predictions.rows]
    vectors = (np.eye(3)[predictions.truth] + 0.1 * np.random.default_rng(0).random((len(names), 3))).astype(np.float16)
    one, other = (make_map(Embeddings(names, vectors, 1), predictions) for _ in range(2))
    assert one == other
    assert "100% have its emotion (33% by chance)" in one["said"]
    assert list(one["columns"]) == ["emotion", "predicted", "right or wrong", "speaker"]
    assert {*np.array(one["places"]).ravel().tolist()} <= {*range(1001)}
    assert len(one["places"]) == len(one["clips"]) == len(names) <= N_COLORS * N_SHAPES * 10
    vectors[5, 1] = np.nan
    without = make_map(Embeddings(names, vectors, 1), predictions)
    assert (len(without["places"]), without["n_not_finite"], without["n_left_out"]) == (len(names) - 1, 1, 0)
    vectors[5, 1] = 0
    assert make_map(Embeddings(names[:3], vectors[:3], 1), predictions) == {}
    assert make_map(Embeddings(names, np.zeros_like(vectors), 1), predictions)["places"][0] == [500, 500]
