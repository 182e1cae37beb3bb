"""The page in a browser."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import soundfile

if find_spec("gradio") is None:  # to import it takes seconds, also in the processes that run other tests
    pytest.skip("gradio is not installed", allow_module_level=True)

from ser.demo.drawing import N_COLUMNS, mel_picture, waveform_path
from ser.demo.page import make_app
from ser.demo.rendering import answer
from ser.demo.texts import TEXTS
from ser.inference.prediction import Prediction, Segment
from ser.inference.predictor import Predictor
from ser.web import Limits
from tests.browsing import asked, browsing
from tests.serving import LABELS, served, untrained

HOSTILE = "<img src=https://example.org/x onerror=alert(1)>"


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return untrained()


@pytest.fixture(scope="module")
def address(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    models = {"first": predictor, HOSTILE: untrained()}
    with served(make_app(models, Limits(max_mb=2, max_s=60), tmp_path_factory.mktemp("heard"))) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as chrome:
        yield chrome


@pytest.fixture(scope="module")
def clip(few: Path) -> Path:
    return min(few.rglob("*.wav"))


@pytest.fixture(scope="module")
def long(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.flac"
    soundfile.write(path, np.concatenate([soundfile.read(clip)[0] for clip in sorted(few.rglob("*.wav"))[:20]]), 16_000)
    return path


def until(browser: Any, condition: Callable[[Any], Any]) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 20, poll_frequency=0.05).until(condition)


def drop(browser: Any, address: str, recording: Path) -> Any:
    """The answer on a fresh page."""
    browser.get(address)
    until(browser, lambda page: page.find_elements("css selector", "input[type=file]"))[0].send_keys(str(recording))
    return until(browser, lambda page: page.find_elements("css selector", ".ser"))[0]


def test_a_recording_is_answered(browser: Any, address: str, clip: Path, predictor: Predictor) -> None:
    asked(browser)
    browser.get_log("browser")
    shown = drop(browser, address, clip)
    said = predictor.predict(clip)
    first, second = shown.find_elements("css selector", ".models section")
    assert first.find_element("css selector", "h3").text == "first"
    assert second.find_element("css selector", "h3").text == HOSTILE
    assert first.find_element("css selector", ".said").text == said.emotion
    rows = [row.text for row in first.find_elements("css selector", "tbody tr")]
    ranked = sorted(said.probabilities, key=lambda name: -said.probabilities[name])
    assert rows == [f"{name} {100 * said.probabilities[name]:.0f} %" for name in ranked]
    assert shown.find_element("css selector", "svg path").rect["width"] > 500
    assert browser.execute_script("return document.querySelector('.ser img').naturalWidth") > 100
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert [url for url in asked(browser) if not url.startswith((address, "data:"))] == []


def test_a_click_plays_a_part(browser: Any, address: str, long: Path) -> None:
    shown = drop(browser, address, long)
    parts = shown.find_elements("css selector", ".timeline:first-of-type button")
    assert len(parts) > 3
    start, end = (float(parts[2].get_attribute(f"data-{name}")) for name in ("start", "end"))
    until(browser, lambda page: page.execute_script("return document.querySelector('.ser audio').readyState > 2"))
    browser.execute_script("document.querySelector('.ser audio').playbackRate = 8; arguments[0].click()", parts[2])
    heard = "const a = document.querySelector('.ser audio'); return [a.paused, a.currentTime]"
    until(browser, lambda page: page.execute_script(heard)[1] > start)
    until(browser, lambda page: page.execute_script(heard)[0])  # it ends by itself
    assert end <= browser.execute_script(heard)[1] < end + 2
    shown.find_element("css selector", ".seek img").click()  # in its middle
    until(browser, lambda page: page.execute_script(heard)[1] >= soundfile.info(long).duration / 2 - 0.2)
    assert browser.execute_script(heard)[0] is False


def test_what_cannot_be_used_is_said(browser: Any, address: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.flac", np.zeros(61 * 8000), 8000)
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "large.wav").write_bytes(bytes(3_000_000))
    assert "up to 60 s" in drop(browser, address, tmp_path / "long.flac").text
    assert "text.wav: cannot be read as audio (it is text" in drop(browser, address, tmp_path / "text.wav").text
    asked(browser)
    assert "up to 2 MB" in drop(browser, address, tmp_path / "large.wav").text
    assert not any("/upload" in url for url in asked(browser))


def test_japanese_on_a_phone(address: str, long: Path) -> None:
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    with browsing("ja") as browser:
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        shown = drop(browser, address, long)
        assert "音声の感情" in browser.find_element("css selector", "body").text
        assert shown.get_attribute("lang") == "ja"
        names = {row.text for row in shown.find_elements("css selector", "tbody th")}
        assert names == {TEXTS["ja"][label] for label in LABELS}
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.execute_script(
            "const edge = document.querySelector('.ticks').getBoundingClientRect();"
            "return [...document.querySelectorAll('.ticks span')].map((tick) => tick.getBoundingClientRect())"
            ".every((tick) => tick.right <= edge.right && tick.bottom <= edge.bottom)"
        )
        parts = shown.find_elements("css selector", ".timeline button")
        assert all(not part.text or part.rect["width"] > 15 for part in parts)


def test_only_what_was_uploaded_is_heard(
    predictor: Predictor, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "heard"
    folder.mkdir()
    shutil.copy(clip, tmp_path)
    fetched: list[str] = []
    monkeypatch.setattr("gradio.processing_utils.async_ssrf_protected_get", lambda url, *_: fetched.append(url))
    named = (str(clip), f"{folder}/../{clip.name}", "/etc/passwd", "http://127.0.0.1:9/x.wav", f"file:{clip}")
    with served(make_app({"a": predictor}, Limits(max_mb=2, max_s=60), folder)) as address:
        for number, (path, is_stream) in enumerate(itertools.product(named, (False, True))):
            file = {"path": path, "is_stream": is_stream, "meta": {"_type": "gradio.FileData"}}
            joined = {"data": [file], "fn_index": 0, "session_hash": f"s{number}"}
            requests.post(f"{address}gradio_api/queue/join", json=joined, timeout=20).raise_for_status()
            said = requests.get(f"{address}gradio_api/queue/data?session_hash=s{number}", timeout=20).text
            assert "only what was uploaded is heard" in said and '"success":false' in said
    assert fetched == [] and not [path for path in folder.rglob("*") if path.is_file()]


def test_no_address_is_fetched(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    monkeypatch.setattr("gradio.routes.secure_url_stream_response", lambda url, _: fetched.append(url))
    for word in ("file", "proxy"):
        for url in ("http://example.org/a.wav", "http%3A%2F%2Fexample.org/a.wav"):
            assert requests.get(f"{address}gradio_api/{word}={url}", timeout=20).status_code == 404
    assert fetched == []
    film = requests.post(f"{address}gradio_api/process_recording", files={"video": b"#EXTM3U"}, timeout=20)
    assert film.status_code == 404


def test_both_languages_say_the_same() -> None:
    assert set(TEXTS["en"]) <= set(TEXTS["ja"])


def test_every_recording_can_be_drawn() -> None:
    for n_samples in (1600, 16_000 * 3000):
        samples = np.zeros(n_samples, np.float32)
        assert waveform_path(samples).count("L") <= 2 * N_COLUMNS
        assert mel_picture(samples, 16_000).startswith("data:image/png;base64,")


@pytest.mark.parametrize(("end_s", "n_words"), [(0.5, 1), (0.4, 0)])
def test_no_word_in_a_narrow_part(end_s: float, n_words: int) -> None:
    parts = [Segment(0.0, end_s, "odd", {"odd": 1.0}), Segment(end_s, 9.0, "sad", {"sad": 1.0})]
    said = Prediction("sad", {"sad": 1.0}, 9.0, parts, [])
    shown = answer({"a": said}, np.zeros(16_000 * 9, np.float32), 16_000, "a.wav", "en", TEXTS["en"])
    assert shown.count('">odd</button>') == n_words


def test_labels_and_remarks_are_text() -> None:
    part = Segment(0.0, 1.0, HOSTILE, {HOSTILE: 0.6, "sad": 0.4})
    said = Prediction(HOSTILE, part.probabilities, 1.0, [part], [HOSTILE])
    shown = answer({HOSTILE: said}, np.zeros(16_000, np.float32), 16_000, "a.wav", "en", TEXTS["en"])
    assert "<img src=https" not in shown
    assert shown.count("&lt;img src=https") > 5
