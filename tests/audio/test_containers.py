"""M4A, WebM and their kin: heard as what libsndfile reads, or refused in one line."""

import random
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from ser import audio
from ser.audio import containers
from ser.corpora.files import split_by_content
from ser.errors import AudioError
from tests.audio import films

RATE = 48_000
TIME = np.arange(3 * RATE) / RATE
# Of a rising tone no moment is like another: what is shifted agrees with nothing.
SOUND = (0.4 * np.sin(2 * np.pi * (200 + 150 * TIME) * TIME) * np.sin(2 * np.pi * TIME) ** 2).astype(np.float32)


def agreement(read: npt.NDArray[np.float32], written: npt.NDArray[np.float32]) -> float:
    length = min(len(read), len(written))
    return float(np.corrcoef(read[:length], written[:length])[0, 1])


@pytest.mark.parametrize(
    ("name", "codec", "least"),
    [("a.m4a", "aac", 0.99), ("a.webm", "libopus", 0.98), ("a.mkv", "flac", 0.9999), ("a.avi", "pcm_u8", 0.999)],
)
def test_what_was_written_is_heard(tmp_path: Path, name: str, codec: str, least: float) -> None:
    pytest.importorskip("av")
    films.write(tmp_path / name, codec, RATE, SOUND)
    read = audio.read(tmp_path / name)
    assert (read.sample_rate, read.remarks, read.samples.dtype) == (RATE, {}, np.float32)
    assert len(read.samples) == pytest.approx(len(SOUND), abs=2 * 1024)
    assert agreement(read.samples, SOUND) > least
    np.testing.assert_allclose(np.abs(read.samples).max(), np.abs(SOUND).max(), rtol=0.05)


def test_every_way_of_reading_hears_it(tmp_path: Path) -> None:
    pytest.importorskip("av")
    path = tmp_path / "a"  # without an ending: its content tells
    films.write(tmp_path / "a.m4a", "aac", RATE, SOUND)
    (tmp_path / "a.m4a").rename(path)
    whole = audio.read(path).samples
    assert audio.can_open(path) and split_by_content([path]) == ([path], [])
    np.testing.assert_array_equal(audio.read(path, (1.0, 1.5)).samples, whole[RATE : RATE * 3 // 2])
    beginning, has_more = audio.read_beginning(path, 1.0)
    np.testing.assert_array_equal(beginning.samples, whole[:RATE])
    assert has_more
    blocks = list(audio.stream(path, RATE, block_s=0.5))
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert max(map(len, blocks)) < 0.6 * RATE
    [past] = audio.read_segments(path, [(9.0, 10.0)])
    assert isinstance(past, AudioError) and "is not in it" in str(past)


def test_of_a_film_the_first_track_is_heard_and_one_without_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("av")
    films.write(tmp_path / "a.mp4", "aac", RATE, SOUND, -SOUND[::-1].copy(), picture=True)
    assert agreement(audio.read(tmp_path / "a.mp4").samples, SOUND) > 0.99
    films.write(tmp_path / "mute.mp4", "aac", RATE, picture=True)
    assert not audio.can_open(tmp_path / "mute.mp4")
    with pytest.raises(
        AudioError, match=r"mute\.mp4: cannot be read as audio \(it is an MP4 .*; it has no audio track"
    ):
        audio.read(tmp_path / "mute.mp4")


def test_of_a_broken_copy_what_is_there_is_heard_and_said(tmp_path: Path) -> None:
    pytest.importorskip("av")
    films.write(tmp_path / "a.m4a", "aac", RATE, SOUND)
    content = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "a.m4a").write_bytes(content[: len(content) * 2 // 3])
    read = audio.read(tmp_path / "a.m4a")
    assert RATE < len(read.samples) < 2.5 * RATE and agreement(read.samples, SOUND) > 0.99
    assert read.remarks[audio.OTHER_LENGTH].startswith(("is damaged after", "says 3.0 s"))
    remarks: dict[str, str] = {}
    assert sum(map(len, audio.stream(tmp_path / "a.m4a", RATE, remarks=remarks))) == len(read.samples)
    assert remarks == read.remarks


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x18ftypM4A ", b"\x1aE\xdf\xa3", b"#!AMR\n", b"\xff\xf1", b"wvpk", b"RIFF\xff\0\0\0AVI "]
)
@pytest.mark.parametrize("tail", [b"", bytes(5000), random.Random(0).randbytes(5000)], ids=["none", "zeros", "random"])
def test_what_only_begins_like_one_is_read_or_refused_in_one_line(tmp_path: Path, head: bytes, tail: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(head + tail)
    for load in (lambda: audio.load(path, sample_rate=16_000), lambda: list(audio.stream(path, 16_000))):
        try:
            assert len(load()) < 1e6
        except AudioError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


def test_a_text_that_begins_like_one_stays_a_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("MAC addresses of the recorders\n")
    assert audio.is_plain_text(tmp_path / "a") and not audio.can_open(tmp_path / "a")


@pytest.mark.parametrize("has_program", [True, False])
def test_without_the_package_the_program_decodes_or_one_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_program: bool
) -> None:
    monkeypatch.setattr(containers, "PACKAGE", "no_such_package")
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\0\0\0\x18ftypM4A " + bytes(99))
    stereo = np.stack([SOUND, SOUND], axis=1)
    soundfile.write(tmp_path / "output.au", stereo, RATE, format="AU", subtype="FLOAT", endian="BIG")
    program = tmp_path / "ffmpeg"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *"-f mov -i file:{path} "*) {shutil.which("cat")} {tmp_path}/output.au;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) if has_program else "")
    assert audio.can_open(path) == has_program
    if has_program:
        np.testing.assert_allclose(audio.read(path).samples, SOUND, atol=1e-7)
        assert audio.read_beginning(path, 1.0)[1]
        return
    with pytest.raises(
        AudioError, match=r"\(it is an MP4 .*; to read it, pip install \"ser-lab\[formats\]\", or .*ffmpeg\)$"
    ):
        audio.read(path)


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs the program ffmpeg")
def test_the_program_hears_what_the_package_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    films.write(tmp_path / "a.m4a", "aac", RATE, SOUND)
    by_package = audio.read(tmp_path / "a.m4a").samples
    monkeypatch.setattr(containers, "PACKAGE", "no_such_package")
    by_program = audio.read(tmp_path / "a.m4a").samples
    length = len(SOUND)  # what the encoder put behind it, one of them cuts off
    np.testing.assert_allclose(by_program[:length], by_package[:length], atol=1e-4)
