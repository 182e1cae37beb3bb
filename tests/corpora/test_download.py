"""Fetching a corpus from a server on this machine that behaves, and from ones that do not."""

import hashlib
import io
import logging
import os
import random
import runpy
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Command

from ser.config.places import conf_dir
from ser.corpora import ravdess, transfer
from ser.corpora.demo import clip_names
from ser.corpora.download import Release, fetch
from ser.corpora.ravdess import ACTORS, Ravdess
from ser.errors import DownloadError

ROOT = conf_dir().parent
WAITS_S = (0.0, 0.0)
Members = dict[str | zipfile.ZipInfo, bytes]


def zipped(members: Members, compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def clips(n_actors: int, n_clips: int, n_bytes: int) -> bytes:
    """Clips of RAVDESS by name, in a zip archive as released; each is noise, and none is audio."""
    noise = random.Random(0)
    names = [f"Actor_{actor}/{name}" for actor in ACTORS[:n_actors] for name in clip_names(actor)[:n_clips]]
    return zipped({"Actor_01/": b"", **{name: noise.randbytes(n_bytes) for name in names}})


Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@dataclass
class Server:
    """Answers each request with the next of `answers`, and with the last one from then on."""

    url: str
    content: bytes
    answers: list[Answer]
    asked: list[str | None] = field(default_factory=list)  # the Range of each request


def begin_of(asked: str | None) -> int:
    return int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0


def send(handler: BaseHTTPRequestHandler, content: bytes, *, parts: bool = True, until: int | None = None) -> None:
    """Send a file, or the part of it that is asked for; break off at byte `until` of it."""
    asked = handler.headers["Range"] if parts else None
    begin = begin_of(asked)
    handler.send_response(206 if asked else 200)
    if asked:
        handler.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - begin))
    handler.end_headers()
    handler.wfile.write(content[begin:until])


def breaking_off(part: float, *, parts: bool = True) -> Answer:
    return lambda handler, content: send(handler, content, parts=parts, until=int(part * len(content)))


def slow(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()  # no length either
    step = len(content) // 8 + 1
    for begin in range(0, len(content), step):
        handler.wfile.write(content[begin : begin + step])
        time.sleep(0.05)


def silent(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    time.sleep(0.5)


def silent_in_the_middle(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    send(handler, content, until=len(content) // 2)
    handler.wfile.flush()
    time.sleep(0.5)


def status(code: int) -> Answer:
    return lambda handler, content: handler.send_error(code)


def redirect(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    if handler.path == "/moved":
        return send(handler, content)
    handler.send_response(302)
    handler.send_header("Location", "/moved")
    handler.end_headers()


def web_page(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html; charset=utf-8")
    handler.end_headers()
    handler.wfile.write(b"<html>Please log in")


def other_part(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 0-9/{len(content)}")
    handler.end_headers()
    handler.wfile.write(content[:10])


def without_parts(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    send(handler, content, parts=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.headers["Range"])
            answer = made.answers[0] if len(made.answers) == 1 else made.answers.pop(0)
            with suppress(ConnectionError):  # whoever asked has gone
                answer(self, made.content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        made = Server(f"http://127.0.0.1:{http.server_port}/corpus.zip", clips(8, 3, 10_000), [send])
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield made
        http.shutdown()


@pytest.fixture
def release(server: Server) -> Release:
    return release_of(server)


def release_of(server: Server) -> Release:
    md5 = hashlib.md5(server.content).hexdigest()
    return Release("RAVDESS", server.url, "https://the.page", len(server.content), md5, 10**6, "LICENCE AND CITATION")


def get(release: Release, folder: Path, **settings: Any) -> bool:
    return fetch(release, folder, lambda: "other things", **{"timeout_s": 5.0, "waits_s": WAITS_S, **settings})


def assert_whole(folder: Path, content: bytes) -> None:
    """All that is in the archive is there, for everyone to read, and nothing else is left."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        wanted = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in files} == wanted
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert folder.stat().st_mode & 0o055 == 0o055


def assert_refused(release: Release, folder: Path, *said: str, **settings: Any) -> None:
    with pytest.raises(DownloadError) as caught:
        get(release, folder, **settings)
    for words in said:
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not folder.exists() or not any(folder.iterdir())


# Servers that give the file in the end, and from which part of it on each request asks for it
IN_THE_END: dict[str, tuple[list[Answer], list[float]]] = {
    "as it should be": ([send], [0]),
    "breaks off": ([breaking_off(0.5), send], [0, 0.5]),
    "breaks off all the time, and gets on": (
        [*(breaking_off(part / 10) for part in range(1, 10)), send],
        [part / 10 for part in range(10)],
    ),
    "breaks off and gives no parts": ([breaking_off(0.5), without_parts], [0, 0.5]),
    "slow": ([slow], [0]),
    "silent at first": ([silent, send], [0, 0]),
    "silent in the middle": ([silent_in_the_middle, send], [0, 0.5]),
    "overloaded at first": ([status(500), status(503), send], [0, 0, 0]),
    "too many requests": ([status(429), send], [0, 0]),
    "redirects": ([redirect], [0, 0]),
    "breaks off and redirects": ([breaking_off(0.5), redirect], [0, 0.5, 0.5]),
    "gives another part": ([breaking_off(0.5), other_part, send], [0, 0.5, 0]),
    "cannot give this part": ([breaking_off(0.5), status(416), send], [0, 0.5, 0]),
}


@pytest.mark.parametrize(("answers", "parts"), IN_THE_END.values(), ids=IN_THE_END.keys())
def test_a_whole_corpus_in_the_end(answers: list[Answer], parts: list[float], server: Server, tmp_path: Path) -> None:
    server.answers = list(answers)
    assert get(release_of(server), tmp_path / "data" / "corpus", timeout_s=0.3)
    assert_whole(tmp_path / "data" / "corpus", server.content)
    assert len(server.asked) == len(parts)
    for asked, part in zip(server.asked, parts, strict=True):
        assert 0 <= part * len(server.content) - begin_of(asked) < transfer.CHUNK_BYTES


# Servers that never give it: what is said, how often they are asked, and what is kept
NEVER: dict[str, tuple[Answer, list[str], int, bool]] = {
    "breaks off at the same place": (
        breaking_off(0.5, parts=False),
        ["broke off at", "tried 3 times", "kept"],
        3,
        True,
    ),
    "silent": (silent, ["said nothing for 0.3 s", "tried 3 times"], 3, False),
    "not found": (status(404), ["404 Not Found"], 1, False),
    "forbidden": (status(403), ["403 Forbidden"], 1, False),
    "broken": (status(500), ["500 Internal Server Error", "tried 3 times"], 3, False),
    "overloaded": (status(503), ["503 Service Unavailable", "tried 3 times"], 3, False),
    "a web page": (web_page, ["a web page"], 1, False),
    "a shorter file": (lambda h, content: send(h, content[:-1]), ["the server sent", "bytes"], 1, False),
    "a longer file": (lambda h, content: send(h, content + b"x"), ["the server sent", "bytes"], 1, False),
    "a longer file of unknown length": (lambda h, content: slow(h, 2 * content), ["the server sent more"], 1, True),
}


@pytest.mark.parametrize(("answer", "said", "n_asked", "kept"), NEVER.values(), ids=NEVER.keys())
def test_one_clear_message(
    answer: Answer, said: list[str], n_asked: int, kept: bool, server: Server, tmp_path: Path
) -> None:
    server.answers = [answer]
    assert_refused(release_of(server), tmp_path / "corpus", server.url, "https://the.page", *said, timeout_s=0.3)
    assert len(server.asked) == n_asked
    assert (tmp_path / ".corpus-download").exists() == kept
    server.answers = [send]
    assert get(release_of(server), tmp_path / "corpus")  # the same command again
    assert_whole(tmp_path / "corpus", server.content)


def test_the_wrong_file_is_deleted_and_the_next_call_starts_anew(server: Server, tmp_path: Path) -> None:
    release = release_of(server)
    server.answers = [lambda handler, content: send(handler, content[::-1]), send]
    assert_refused(release, tmp_path / "corpus", release.md5, "deleted", "https://the.page")
    assert list(tmp_path.iterdir()) == []
    assert get(release, tmp_path / "corpus")
    assert_whole(tmp_path / "corpus", server.content)
    assert server.asked == [None, None]


def test_no_server(release: Release, tmp_path: Path) -> None:
    nobody = replace(release, url="http://127.0.0.1:9/corpus.zip")
    assert_refused(nobody, tmp_path / "data" / "corpus", "no connection to 127.0.0.1", "https://the.page")


def test_a_later_call_goes_on_with_what_was_kept(server: Server, tmp_path: Path) -> None:
    server.answers = [breaking_off(0.5), status(503)]
    assert_refused(release_of(server), tmp_path / "corpus", "kept")
    server.asked, server.answers = [], [send]
    assert get(release_of(server), tmp_path / "corpus")
    assert len(server.asked) == 1 and begin_of(server.asked[0]) > 0.4 * len(server.content)
    assert_whole(tmp_path / "corpus", server.content)


def test_the_terms_are_said_once(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server.answers = [breaking_off(0.5), send]
    get(release_of(server), tmp_path / "corpus")
    get(release_of(server), tmp_path / "other")
    get_again = fetch(release_of(server), tmp_path / "corpus", lambda: "")
    assert not get_again and caplog.text.count("LICENCE AND CITATION") == 2
    assert "broke off" in caplog.text and "going on at" in caplog.text and "trying again in 0 s" in caplog.text


# Archives


def link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


ARCHIVES: dict[str, tuple[bytes, list[str]]] = {
    **{
        f"climbs: {name}": (zipped({"Actor_01/a.wav": b"a", name: b"b"}), [repr(name), "would leave the folder"])
        for name in ("../b.wav", "Actor_01/../../b.wav", "/b.wav", "C:/b.wav", "C:b.wav", "..\\b.wav", "\\b.wav")
    },
    "a link": (zipped({"Actor_01/a.wav": b"a", link("Actor_02"): b"/"}), ["'Actor_02'", "is a link"]),
    "cut off": (zipped({"a.wav": bytes(10_000)})[:5000], ["cannot be unpacked"]),
    "a wrong byte": (
        zipped({"a.wav": bytes(10_000)}).replace(bytes(10_000), b"x" + bytes(9999)),
        ["cannot be unpacked"],
    ),
    "no archive": (b"hello", ["cannot be unpacked"]),
}


@pytest.mark.parametrize(("content", "said"), ARCHIVES.values(), ids=ARCHIVES.keys())
def test_an_archive_is_unpacked_whole_or_not_at_all(
    content: bytes, said: list[str], server: Server, tmp_path: Path
) -> None:
    server.content = content
    assert_refused(release_of(server), tmp_path / "here" / "corpus", *said)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"archive.zip", ".corpus-download.lock"}


# Places


def test_an_empty_folder_is_filled_also_behind_a_link(server: Server, tmp_path: Path) -> None:
    (tmp_path / "disk" / "corpus").mkdir(parents=True)
    (tmp_path / "corpus").symlink_to(tmp_path / "disk" / "corpus")
    assert get(release_of(server), tmp_path / "corpus")
    assert (tmp_path / "corpus").is_symlink()
    assert_whole(tmp_path / "disk" / "corpus", server.content)


def test_what_a_user_has_there_is_not_touched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(DownloadError, match=f"{folder}.*not empty .*name another folder"):
            get(release_of(server), folder)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"] and not server.asked


def test_what_comes_there_meanwhile_is_not_touched(server: Server, tmp_path: Path) -> None:
    def putting(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        (tmp_path / "corpus").mkdir()
        (tmp_path / "corpus" / "notes.txt").write_text("mine")
        send(handler, content)

    server.answers = [putting]
    with pytest.raises(DownloadError, match="corpus: cannot be written"):
        get(release_of(server), tmp_path / "corpus")
    assert [path.name for path in (tmp_path / "corpus").iterdir()] == ["notes.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(release: Release, tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    assert_refused(release, tmp_path / "corpus", str(tmp_path), "cannot be written", "Permission denied")
    tmp_path.chmod(0o755)


def test_a_file_where_a_folder_should_be(release: Release, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="file: cannot be written"):
        get(release, tmp_path / "file" / "corpus")


def test_a_full_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked before the download by the size that is known roughly, and after it by the size that the archive says."""
    free = 0
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    big = replace(release_of(server), size=2_000_000, unpacked_size=3_000_000)
    assert_refused(big, tmp_path / "corpus", str(tmp_path), "5 MB are needed and 0 MB are free", "another disk")
    assert not server.asked and list(tmp_path.iterdir()) == []
    server.content = zipped({"a.wav": bytes(3_000_000)}, zipfile.ZIP_DEFLATED)
    free = len(server.content)
    dense = replace(release_of(server), unpacked_size=0)
    assert_refused(dense, tmp_path / "corpus", "3 MB are needed and 0 MB are free")
    free = 3_000_000
    assert get(dense, tmp_path / "corpus") and len(server.asked) == 1  # the archive was kept


# Kills, interrupts, and other processes

CHILD = """
import logging, os, pathlib, shutil, signal, sys, zipfile
from ser.download import Release, fetch
logging.basicConfig(level=logging.INFO, format="%(message)s")
place, count = sys.argv[1], int(sys.argv[2])
owner, _, name = place.rpartition(".")
if owner:
    owner = {"zipfile.ZipFile": zipfile.ZipFile, "pathlib.Path": pathlib.Path, "shutil": shutil}[owner]
    original, calls = getattr(owner, name), []
    def deadly(*args, **settings):
        calls.append(args)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **settings)
    setattr(owner, name, deadly)
release = Release(*sys.argv[3:6], int(sys.argv[6]), sys.argv[7], int(sys.argv[8]), sys.argv[9])
print(fetch(release, pathlib.Path(sys.argv[10]), lambda: ""))
"""


def child(release: Release, folder: Path, place: str = "", count: int = 0) -> "subprocess.Popen[str]":
    """Fetch in a process of its own, which is killed at a certain call of a function."""
    words = [place, count, *(getattr(release, item.name) for item in fields(release)), folder]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, words)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


KILLS = {  # a function and the call of it that does not return
    "the download is whole": ("shutil.move", 1),
    "half is unpacked": ("zipfile.ZipFile.extract", 12),
    "all is unpacked": ("pathlib.Path.rename", 1),
    "the corpus is in place": ("pathlib.Path.unlink", 1),
    "the archive is gone": ("pathlib.Path.rmdir", 1),
    "only the lock is left": ("pathlib.Path.unlink", 2),
}


@pytest.mark.parametrize(("place", "count"), KILLS.values(), ids=KILLS.keys())
def test_a_kill_leaves_no_corpus_or_a_whole_one(place: str, count: int, server: Server, tmp_path: Path) -> None:
    release, folder = release_of(server), tmp_path / "data" / "corpus"
    killed = child(release, folder, place, count)
    output, _ = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, output
    assert len(list(folder.rglob("*.wav"))) in (0, 24) and len(list(folder.parent.iterdir())) > 1
    fetch(release, folder, lambda: "", waits_s=WAITS_S)
    assert_whole(folder, server.content)
    assert len(server.asked) == 1 + (place == "shutil.move")


def test_of_two_processes_the_second_waits_and_finds_it_there(server: Server, tmp_path: Path) -> None:
    def patient(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        time.sleep(1)
        send(handler, content)

    server.answers = [patient]
    both = [child(release_of(server), tmp_path / "corpus") for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sorted(output.splitlines()[-1] for output in outputs) == ["False", "True"]
    assert "another process is fetching RAVDESS" in "".join(outputs)
    assert server.asked == [None]
    assert_whole(tmp_path / "corpus", server.content)


# From the command line


@pytest.fixture
def script(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """`script("ravdess", ...)` does what `python scripts/fetch_corpus.py ravdess ...` does, with the test's server."""
    monkeypatch.chdir(tmp_path)
    server.content = clips(24, 60, 99)
    monkeypatch.setattr(ravdess, "RELEASE", replace(release_of(server), terms=ravdess.RELEASE.terms))
    main: Callable[..., int] = runpy.run_path(str(ROOT / "scripts" / "fetch_corpus.py"))["main"]
    return lambda *words: main(words)


def test_the_script(
    script: Callable[..., int], server: Server, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert script("ravdess") == 0
    assert_whole(Path("data/ravdess").resolve(), server.content)
    assert "CC BY-NC-SA 4.0" in caplog.text and "10.1371/journal.pone.0196391" in caplog.text
    assert "python train.py corpus=ravdess corpus.root=data/ravdess" in capfd.readouterr().out
    assert script("ravdess") == 0
    assert "already: nothing to do" in capfd.readouterr().out
    Path("data/ravdess/Actor_07/03-01-06-01-02-02-07.wav").unlink()
    assert script("ravdess") == 1
    said = capfd.readouterr().err
    assert "1439 clips where the release has 1440; missing 1 fearful; incomplete actors 07" in said
    assert "name another folder" in said and said.count("\n") == 1
    assert server.asked == [None] and len(list(Path("data/ravdess").rglob("*.wav"))) == 1439


def test_an_interrupted_download_goes_on(
    script: Callable[..., int],
    server: Server,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    server.answers = [breaking_off(0.5), send]
    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", interrupt)  # Ctrl-C while it waits for the next try
        assert script("ravdess", "big disk/ravdess") == 130
    assert "is kept in" in caplog.text and "the same command goes on with it" in caplog.text
    assert "Traceback" not in capfd.readouterr().err
    assert script("ravdess", "big disk/ravdess") == 0
    assert begin_of(server.asked[1]) > 0
    assert_whole(Path("big disk/ravdess").resolve(), server.content)
    assert "'corpus.root=big disk/ravdess'" in capfd.readouterr().out


@pytest.mark.parametrize("words", [["--help"], [], ["absent"]])
def test_the_script_says_what_it_can_do(
    words: list[str], script: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        script(*words)
    captured = capfd.readouterr()
    assert (stop.value.code == 0) == (words == ["--help"])
    assert "ravdess" in captured.out + captured.err and "Traceback" not in captured.err
    if words == ["--help"]:
        assert "CC BY-NC-SA 4.0" in captured.out and max(map(len, captured.out.splitlines())) <= 80


def test_a_first_run_downloads(command: Command, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.content = clips(24, 60, 99)
    monkeypatch.setattr(ravdess, "RELEASE", replace(release_of(server), terms=ravdess.RELEASE.terms))
    words = ["corpus=ravdess", "corpus.root=data/ravdess", "hydra.run.dir=run"]
    without = command(*words)
    assert without.code == 1 and "no folder data/ravdess" in without.output
    assert "corpus.download=true" in without.output and not server.asked
    outcome = command(*words, "corpus.download=true")
    assert "CC BY-NC-SA 4.0" in outcome.output
    assert "none of the 1440 clips can be used" in outcome.output  # noise, no audio
    assert (outcome.code, server.asked) == (1, [None])
    assert sorted(path.name for path in Path("data").iterdir()) == ["ravdess"]
    server.answers = [status(404)]
    missing = command("corpus=ravdess", "corpus.root=other", "corpus.download=true", "hydra.run.dir=run")
    assert missing.code == 1 and "404 Not Found" in missing.output and "Traceback" not in missing.output


def test_clips_that_are_there_are_used_as_they_are(server: Server, tmp_path: Path) -> None:
    (tmp_path / "Actor_01").mkdir()
    (tmp_path / "Actor_01" / "03-01-01-01-01-01-01.wav").write_bytes(b"")
    assert len(Ravdess(root=tmp_path, download=True).utterances()) == 1
    (tmp_path / "Actor_01" / "03-01-01-01-01-01-01.wav").rename(tmp_path / "mine.wav")
    with pytest.raises(DownloadError, match="no speech clip"):
        Ravdess(root=tmp_path, download=True).utterances()
    assert not server.asked
