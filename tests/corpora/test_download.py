"""Fetching a corpus from a server on this machine that behaves, and from ones that do not."""

import hashlib
import io
import logging
import multiprocessing
import os
import pkgutil
import random
import shutil
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from ser.corpora import download
from ser.corpora.base import About, Release
from ser.corpora.demo import Demo, clip_names
from ser.corpora.download import fetch
from ser.corpora.ravdess import ACTORS, Ravdess
from ser.errors import DownloadError


def archive_of(n_actors: int, n_clips: int, n_bytes: int) -> bytes:
    """Clips of RAVDESS by name, in a zip archive as released; each is noise, and none is audio."""
    noise = random.Random(0)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for actor in ACTORS[:n_actors]:
            for name in clip_names(actor)[:n_clips]:
                archive.writestr(f"Actor_{actor}/{name}", noise.randbytes(n_bytes))
    return file.getvalue()


CONTENT = archive_of(8, 3, 10_000)
Answer = Callable[[BaseHTTPRequestHandler], Any]


def sending(content: bytes = CONTENT, parts: bool = True, length: bool = True, until: float = 1, kind: str = "") -> Any:
    """Send a file, or the part that is asked for; break off when `until` of the whole is sent."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        begin = begin_of(handler) if parts else 0
        handler.send_response(206 if parts else 200)
        if length:
            handler.send_header("Content-Length", str(len(content) - begin))
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        handler.wfile.write(content[begin : int(until * len(content))])

    return answer


def begin_of(handler: BaseHTTPRequestHandler) -> int:
    return int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))


def status(code: int) -> Answer:
    return lambda handler: handler.send_error(code)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Answers each request with the next of `answers`, and with the last one from then on.

    `begins` tells from which byte on each request asked for the file.
    """
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "WAITS_S", (0.0, 0.0))
    monkeypatch.setattr(download, "TIMEOUT_S", 0.3 if "silent" in request.node.name else 10.0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.begins.append(begin_of(self))
            with suppress(ConnectionError):  # whoever asked has gone
                (made.answers[0] if len(made.answers) == 1 else made.answers.pop(0))(self)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        release = release_of(CONTENT, f"http://127.0.0.1:{http.server_port}/corpus.zip")
        made = SimpleNamespace(release=release, answers=[sending()], begins=[])
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield made
        http.shutdown()


def release_of(content: bytes, url: str) -> Release:
    md5 = hashlib.md5(content).hexdigest()
    about = About("RAVDESS", ("English",), 1, 1, "mit", "THE LICENCE", "https://the.page", "THE PAPER")
    return Release(about, url, len(content), md5, 10**6)


def get(release: Release, folder: Path, lacking: str = "other things") -> bool:
    return fetch(release, folder, lambda: lacking)


def assert_whole(folder: Path) -> None:
    """All that is in the archive is there, for everyone to read, and nothing else is left but the empty lock."""
    with zipfile.ZipFile(io.BytesIO(CONTENT)) as archive:
        wanted = {name: archive.read(name) for name in archive.namelist()}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in files} == wanted
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, f".{folder.name}-download.lock"}
    assert folder.stat().st_mode & 0o055 == 0o055


IN_THE_END: dict[str, tuple[list[Answer], list[float]]] = {  # from which part on each request asks for the file
    "as it should be": ([sending()], [0]),
    "gives no parts and no length": ([sending(parts=False, length=False)], [0]),
    "breaks off all the time, and gets on": ([sending(until=n / 5) for n in range(1, 6)], [0, 0.2, 0.4, 0.6, 0.8]),
    "breaks off without a length": ([sending(until=0.5, length=False), sending()], [0, 0.5]),
    "breaks off and gives no parts": ([sending(until=0.5), sending(parts=False)], [0, 0.5]),
    "silent in the middle": ([lambda h: (sending(until=0.5)(h), time.sleep(0.5)), sending()], [0, 0.5]),
    "overloaded at first": ([status(503), status(429), sending()], [0, 0, 0]),
}


@pytest.mark.parametrize(("answers", "parts"), IN_THE_END.values(), ids=IN_THE_END.keys())
def test_a_whole_corpus_in_the_end(answers: list[Answer], parts: list[float], server: Any, tmp_path: Path) -> None:
    server.answers = list(answers)
    assert get(server.release, tmp_path / "data" / "corpus")
    assert_whole(tmp_path / "data" / "corpus")
    for begin, part in zip(server.begins, parts, strict=True):
        assert 0 <= part * len(CONTENT) - begin < download.CHUNK_BYTES


NEVER: dict[str, tuple[Answer, str, int]] = {  # what is said, and how often the server is asked
    "breaks off at the same place": (sending(until=0.5, parts=False), "connection failed at .* is kept; ", 4),
    "silent": (lambda _: time.sleep(0.5), "said nothing for 0.3 s", 3),
    "not found": (status(404), "404 Not Found", 1),
    "a web page": (sending(b"Log in", False, False, kind="text/html; charset=utf-8"), "sent a web page", 1),
    "another length": (sending(CONTENT[:-1]), f"sent {len(CONTENT) - 1:,} bytes where", 1),
    "another content": (sending(CONTENT[::-1]), "its md5 is not .* was deleted; the same command starts anew", 1),
}


@pytest.mark.parametrize(("answer", "said", "n_asked"), NEVER.values(), ids=NEVER.keys())
def test_one_clear_message(answer: Answer, said: str, n_asked: int, server: Any, tmp_path: Path) -> None:
    server.answers = [answer]
    with pytest.raises(DownloadError, match=rf"^{server.release.url}: .*{said}.*https://the.page$") as caught:
        get(server.release, tmp_path / "corpus")
    assert "\n" not in str(caught.value) and len(server.begins) == n_asked and not (tmp_path / "corpus").exists()
    server.answers = [sending()]
    assert get(server.release, tmp_path / "corpus")  # the same command again
    assert (server.begins[-1] > 0) == ("kept; " in said)
    assert_whole(tmp_path / "corpus")


def test_what_a_user_has_there_is_not_touched(server: Any, tmp_path: Path) -> None:
    mine = tmp_path / "here" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    for folder in (mine.parent, mine):
        with pytest.raises(DownloadError, match=f"{folder}, which is not empty .*name another folder"):
            get(server.release, folder)
    with pytest.raises(DownloadError, match=r"notes.txt: cannot be written"):
        get(server.release, mine / "corpus")
    assert list(tmp_path.rglob("*")) == [mine.parent, mine] and not server.begins


def test_a_disk_without_room(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    big = replace(server.release, size=2_000_000, unpacked_size=3_000_000)
    with pytest.raises(DownloadError, match=f"{tmp_path}: 5 MB are needed and 1 MB are free"):
        get(big, tmp_path / "corpus")
    assert not server.begins


KILLS = {  # the call of a function that does not return
    "half has come": ("rich.progress.Progress.advance", 8),
    "half is unpacked": ("shutil.copyfileobj", 12),
    "all is unpacked": ("pathlib.Path.rename", 1),
    "the corpus is in place": ("shutil.rmtree", 1),
}


@pytest.mark.parametrize(("place", "count"), KILLS.values(), ids=KILLS.keys())
def test_a_kill_leaves_no_corpus_or_a_whole_one(place: str, count: int, server: Any, tmp_path: Path) -> None:
    original, calls, folder = pkgutil.resolve_name(place), [], tmp_path / "data" / "corpus"

    def deadly(*args: Any, **settings: Any) -> Any:
        calls.append(args)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **settings)

    killed = multiprocessing.get_context("fork").Process(target=get, args=(server.release, folder))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(place, deadly)
        killed.start()
    killed.join()
    in_place = place == "shutil.rmtree"
    assert killed.exitcode == -signal.SIGKILL and len(list(folder.rglob("*.wav"))) == 24 * in_place
    assert get(server.release, folder, lacking="") == (not in_place)
    assert all(begin > 0 for begin in server.begins[1:]) and len(server.begins) == 1 + ("advance" in place)
    assert_whole(folder)


def test_of_two_processes_the_second_waits_and_finds_it_there(server: Any, tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    server.answers = [lambda handler: (time.sleep(0.2), sending()(handler))]
    first = multiprocessing.get_context("fork").Process(target=get, args=(server.release, tmp_path / "corpus"))
    first.start()
    while not server.begins:
        time.sleep(0.01)
    assert not get(server.release, tmp_path / "corpus", lacking="")
    assert "another process is fetching RAVDESS; waiting for it" in caplog.text and server.begins == [0]
    first.join()
    assert_whole(tmp_path / "corpus")


def test_ctrl_c_keeps_what_has_come_and_says_so(server: Any, tmp_path: Path, caplog: Any, capfd: Any) -> None:
    caplog.set_level(logging.INFO)
    server.answers = [sending(until=0.5), sending()]
    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(time, "sleep", Mock(side_effect=KeyboardInterrupt))  # while it waits for the next try
        get(server.release, tmp_path / "corpus")
    for said in ("THE LICENCE", "THE PAPER", "trying again in 0 s", "is kept in", "the same command goes on with it"):
        assert said in caplog.text
    out, err = capfd.readouterr()
    assert out == "" and "kB" in err  # the progress bar
    assert get(server.release, tmp_path / "corpus") and server.begins[1] > 0
    assert_whole(tmp_path / "corpus")


@pytest.fixture
def ravdess(server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The release has all clips of RAVDESS by name."""
    monkeypatch.chdir(tmp_path)
    content = archive_of(24, 60, 99)
    monkeypatch.setattr(Ravdess, "release", release_of(content, server.release.url))
    server.answers = [sending(content)]


def test_ravdess_is_fetched_once_and_used_as_it_is(ravdess: None, server: Any) -> None:
    Path("disk").mkdir()
    Path("data").symlink_to("disk")  # an empty folder is filled, also behind a link
    assert len(Ravdess(root="data", download=True).utterances()) == 1440 and Path("data").is_symlink()
    assert not Ravdess(root="data", download=False).fetch_release()
    shutil.rmtree("data/Actor_07")
    assert len(Ravdess(root="data", download=True).utterances()) == 1380
    with pytest.raises(DownloadError, match=r"1380 clips where the release has 1440; .* incomplete actors 07\); name"):
        Ravdess(root="data", download=False).fetch_release()
    Path("mine/songs").mkdir(parents=True)
    with pytest.raises(DownloadError, match="no speech clip of RAVDESS in it"):
        Ravdess(root="mine", download=True).utterances()
    with pytest.raises(DownloadError, match="corpus=demo has no release"):
        Demo(root="demo").fetch_release()
    assert server.begins == [0]
