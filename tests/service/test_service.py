import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import requests
import soundfile

pytest.importorskip("fastapi")
pytest.importorskip("python_multipart")

from fastapi.testclient import TestClient

from ser.commands import main
from ser.inference.predictor import Predictor
from ser.service import admission, app
from ser.service.app import make_app
from ser.service.batching import Batcher
from ser.web import Limits
from tests.serving import served, untrained

LIMITS = Limits(max_mb=2, max_s=60)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return untrained()


@pytest.fixture(scope="module")
def clips(few: Path) -> list[Path]:
    return sorted(few.rglob("*.wav"))


@pytest.fixture
def client(predictor: Predictor) -> Iterator[TestClient]:
    with TestClient(make_app(predictor, "a model", LIMITS), raise_server_exceptions=False) as client:
        yield client


def sent(content: bytes, name: str = "my.wav") -> dict[str, Any]:
    return {"files": {"file": (name, content)}}


def test_it_says_what_the_predictor_says(client: TestClient, predictor: Predictor, clips: list[Path]) -> None:
    for clip in clips[:4]:
        answer = client.post("/predict", **sent(clip.read_bytes()))
        said = predictor.predict(clip)
        assert answer.status_code == 200
        assert answer.json() == {
            "emotion": said.emotion,
            "probabilities": pytest.approx(said.probabilities, abs=1e-6),
            "duration_s": said.duration_s,
            "timeline": [],
            "remarks": [],
            "model": "a model",
        }


def test_a_long_recording_has_a_timeline(
    client: TestClient, predictor: Predictor, clips: list[Path], tmp_path: Path
) -> None:
    samples = np.concatenate([soundfile.read(clip)[0] for clip in clips[:20]])
    soundfile.write(tmp_path / "long.flac", samples, 16_000)
    answer = client.post("/predict", **sent((tmp_path / "long.flac").read_bytes())).json()
    said = predictor.predict(tmp_path / "long.flac")
    assert [part["emotion"] for part in answer["timeline"]] == [part.emotion for part in said.timeline]
    assert answer["timeline"][-1]["end_s"] == pytest.approx(said.duration_s)


def test_silence_is_said(client: TestClient, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 16_000)
    answer = client.post("/predict", **sent((tmp_path / "a.wav").read_bytes())).json()
    assert (answer["emotion"], answer["probabilities"]) == ("silence", {})


@pytest.mark.parametrize(
    ("posted", "status", "detail"),
    [
        (sent(b"hello"), 422, "my.wav: cannot be read as audio (it is text; get the recording again)"),
        (sent(b""), 422, "my.wav: cannot be read as audio (it is empty; get the recording again)"),
        (sent(b"RIFF" + bytes(100), "声.wav"), 422, "声.wav: cannot be read as audio"),
        (sent(bytes(3_000_000)), 413, "the file is larger than 2 MB, which is the limit here"),
        ({"content": iter([bytes(1_500_000)] * 2)}, 415, "post a form (multipart/form-data)"),
        ({"json": {}}, 415, "post a form (multipart/form-data)"),
        ({"files": {"other": b"a"}}, 422, "the form has no file"),
        ({"files": [("file", b"a"), ("file", b"b")]}, 422, "there are 2 fields file; post one file a request"),
    ],
)
def test_a_refusal_is_one_line(client: TestClient, posted: dict[str, Any], status: int, detail: str) -> None:
    answer = client.post("/predict", **posted)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])
    assert answer.json()["detail"].startswith(detail)


def test_a_form_that_does_not_say_its_size(client: TestClient) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    pieces = iter([head, *[bytes(500_000)] * 5, b"\r\n--x--\r\n"])
    answer = client.post("/predict", content=pieces, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 413


def test_a_recording_that_is_too_long(client: TestClient, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros(61 * 8000), 8000)
    answer = client.post("/predict", **sent((tmp_path / "a.flac").read_bytes(), "a.flac"))
    assert answer.status_code == 413
    assert answer.json()["detail"] == "a.flac: lasts longer than 60 s, which is the limit here; cut it into parts"


def test_no_file_stays(client: TestClient, clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    statuses = [client.post("/predict", **sent(content)).status_code for content in (clips[0].read_bytes(), b"hello")]
    assert statuses == [200, 422]
    assert list(tmp_path.iterdir()) == []


def test_health_and_description(client: TestClient) -> None:
    health = client.get("/health").json()
    assert health == {"status": "ok", "model": "a model", "emotions": ["happy", "sad", "angry"], "n_inside": 0}
    described = client.get("/openapi.json").json()
    assert {"200", "413", "415", "422", "429"} <= set(described["paths"]["/predict"]["post"]["responses"])
    page = client.get("/")
    assert "POST /predict" in page.text and "a model" in page.text
    assert "http" not in page.text and "<script" not in page.text
    assert client.get("/docs").status_code == 404


def test_a_hundred_at_once(predictor: Predictor, clips: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [clip.read_bytes() for clip in clips[:10]]
    expected = [predictor.predict(clip).emotion for clip in clips[:10]]
    sizes = []
    told = predictor.predict_each

    def slowly(paths: list[Path]) -> Iterator[Any]:
        sizes.append(len(paths))
        time.sleep(0.05)
        return told(paths)

    monkeypatch.setattr(predictor, "predict_each", slowly)
    with served(make_app(predictor, "a model", LIMITS, n_at_once=20)) as address, ThreadPoolExecutor(100) as pool:

        def post(number: int) -> requests.Response:
            return requests.post(f"{address}predict", files={"file": contents[number % 10]}, timeout=60)

        answers = list(pool.map(post, range(100)))
        assert requests.get(f"{address}health", timeout=10).json()["n_inside"] == 0
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 429}
    assert statuses[200] >= 20
    for number, answer in enumerate(answers):
        if answer.status_code == 200:
            assert answer.json()["emotion"] == expected[number % 10]
        else:
            assert int(answer.headers["Retry-After"]) > 0
    assert sum(sizes) == statuses[200] and max(sizes) > 1  # heard together


@pytest.mark.parametrize(("max_mb", "n_at_once", "status"), [(20, 0, 429), (5, 1, 413)])
def test_who_is_refused_hears_so(predictor: Predictor, max_mb: float, n_at_once: int, status: int) -> None:
    """A connection that is closed while the client sends would lose the answer."""
    with served(make_app(predictor, "a model", Limits(max_mb, 60), n_at_once=n_at_once)) as address:
        answer = requests.post(f"{address}predict", files={"file": bytes(10_000_000)}, timeout=60)
    assert answer.status_code == status


def test_who_sends_nothing_does_not_keep_a_place(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "UPLOAD_S", 0.2)
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with served(make_app(predictor, "a model", LIMITS)) as address:
        port = int(address.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(head + b"Content-Length: 1000\r\n\r\n--x\r\n")
            assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")


class Forgetful:
    """Has no memory left for some recordings."""

    def predict_each(self, paths: list[Path]) -> Iterator[Any]:
        if any(path.name == "large" for path in paths):
            raise MemoryError
        time.sleep(0.01)
        return iter([path.name for path in paths])


def test_one_that_fails_takes_no_other_along() -> None:
    predictor: Any = Forgetful()
    batcher = Batcher(predictor)
    answers = {name: batcher.hear(Path(name), 1.0) for name in ("a", "b", "large", "c")}
    batcher.close()
    assert [answers[name].result(0) for name in "abc"] == ["a", "b", "c"]
    assert isinstance(answers["large"].exception(0), MemoryError)


class Held:
    """Hears nothing before it may."""

    def __init__(self) -> None:
        self.may = Event()
        self.batches: list[list[str]] = []

    def predict_each(self, paths: list[Path]) -> Iterator[Any]:
        self.may.wait(10)
        self.batches.append([path.name for path in paths])
        time.sleep(0.01)
        return iter(self.batches[-1])


def test_a_short_one_does_not_wait_for_long_ones() -> None:
    predictor: Any = Held()
    batcher = Batcher(predictor)
    lengths_s = {"first": 1, "600": 600, "599": 599, "2": 2, "40": 40, "30": 30, "3": 3}
    for name, length_s in lengths_s.items():
        batcher.hear(Path(name), length_s)
        while name == "first" and not batcher._at_work:
            time.sleep(0.001)
    assert [batcher.ahead_s(length_s) for length_s in (1, 35, 1000)] == [1, 36, sum(lengths_s.values())]
    assert batcher.wait_s(1) == 5
    predictor.may.set()
    batcher.close()
    assert predictor.batches == [["first"], ["2", "3", "30"], ["40"], ["599"], ["600"]]
    assert batcher.ahead_s(1000) == 0 and batcher.wait_s(1000) == 1


def test_so_much_speech_may_wait(client: TestClient, clips: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_AHEAD_S", 0)
    answer = client.post("/predict", **sent(clips[0].read_bytes()))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert answer.json() == {"detail": "too many recordings are waiting already; come again in 5 s"}


def test_a_mistake_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path)]) == 1
    assert "holds no trained model" in capsys.readouterr().err


def test_a_port_that_is_taken(predictor: Predictor, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("ser.inference.loading.load", lambda *_, **__: predictor)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "a", "--port", str(port)]) == 1
    said = f"cannot listen on 127.0.0.1, port {port} (Address already in use); name another with --port or --host"
    assert said in capsys.readouterr().err
