"""Files whose header says something else than the body: the body is heard, and the difference said."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser import audio
from ser.audio import contents, reading
from ser.errors import AudioError

RATE = 16_000
SOUND = np.random.default_rng(0).uniform(-0.4, 0.4, 5 * RATE).astype(np.float32)

Change = Callable[[bytearray], None]


def encoded(format_: str, subtype: str, samples: np.ndarray = SOUND) -> bytearray:  # type: ignore[type-arg]
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=format_, subtype=subtype)
    return bytearray(file.getvalue())


def number(name: bytes, behind: int, form: str, value: int) -> Change:
    """Write a number so many bytes behind the start of a chunk's name."""

    def change(content: bytearray) -> None:
        struct.pack_into(form, content, content.index(name) + behind, value)

    return change


def at(place: int, form: str, value: int) -> Change:
    return lambda content: struct.pack_into(form, content, place, value)


def flac(n_samples: int) -> Change:
    def change(content: bytearray) -> None:
        content[21:26] = bytes([content[21] & 0xF0]) + n_samples.to_bytes(4, "big")

    return change


def several(*changes: Change) -> Change:
    def change(content: bytearray) -> None:
        for one in changes:
            one(content)

    return change


def cut(content: bytearray) -> None:
    del content[len(content) // 2 :]


HALF = SOUND.nbytes // 4  # bytes of half of the samples in 16 bits
# format, subtype, what is changed, and whether it must be said; the sound is all there
LIES: dict[str, tuple[str, str, Change, bool]] = {
    "WAV, killed at once": ("WAV", "PCM_16", several(number(b"data", 4, "<I", 0), at(4, "<I", 0)), True),
    "WAV, killed later": ("WAV", "PCM_16", several(number(b"data", 4, "<I", HALF), at(4, "<I", 36 + HALF)), True),
    "WAV, an odd size": ("WAV", "PCM_16", number(b"data", 4, "<I", 1001), True),
    "WAV, hours": ("WAV", "PCM_16", number(b"data", 4, "<I", 7200 * 32_000), True),
    "WAV, a pipe": ("WAV", "PCM_16", number(b"data", 4, "<I", 2**32 - 1), False),
    "WAV, another pipe": ("WAV", "PCM_16", number(b"data", 4, "<I", 2**31 - 1), False),
    "WAV, wrong RIFF size": ("WAV", "PCM_16", at(4, "<I", 0), False),
    "WAV, float": ("WAV", "FLOAT", number(b"data", 4, "<I", 0), True),
    "WAVEX": ("WAVEX", "PCM_24", number(b"data", 4, "<I", 0), True),
    "RF64": ("RF64", "PCM_16", number(b"ds64", 16, "<Q", 0), True),
    "AIFF": ("AIFF", "PCM_16", several(number(b"SSND", 4, ">I", 0), number(b"COMM", 10, ">I", 0)), True),
    "AIFF, no samples": ("AIFF", "PCM_16", number(b"SSND", 4, ">I", 8), True),
    "AIFF, hours": ("AIFF", "PCM_16", number(b"SSND", 4, ">I", 10**8), True),
    "AU": ("AU", "PCM_16", at(8, ">I", 0), True),
    "AU, half": ("AU", "PCM_16", at(8, ">I", HALF), True),
    "AU, a pipe": ("AU", "PCM_16", at(8, ">I", 2**32 - 1), False),
    "CAF": ("CAF", "PCM_16", number(b"data", 4, ">q", 0), True),
    "CAF, a pipe": ("CAF", "PCM_16", number(b"data", 4, ">q", -1), False),
    "CAF, hours": ("CAF", "PCM_16", number(b"data", 4, ">q", 10**9), True),
    "W64": ("W64", "PCM_16", number(b"data", 16, "<q", 24), False),
    "FLAC, a pipe": ("FLAC", "PCM_16", flac(0), False),
    "FLAC, half": ("FLAC", "PCM_16", flac(len(SOUND) // 2), True),
    "FLAC, hours": ("FLAC", "PCM_16", flac(7200 * RATE), True),
    "MP3, fewer frames": ("MP3", "MPEG_LAYER_III", number(b"Xing", 8, ">I", 3), True),
    "MP3, hours": ("MP3", "MPEG_LAYER_III", number(b"Xing", 8, ">I", 200_000), True),
}


@pytest.mark.parametrize(("format_", "subtype", "change", "is_said"), LIES.values(), ids=LIES.keys())
def test_the_body_is_heard_whatever_the_header_says(
    tmp_path: Path, format_: str, subtype: str, change: Change, is_said: bool
) -> None:
    content = encoded(format_, subtype)
    (tmp_path / "true").write_bytes(content)
    change(content)
    (tmp_path / "false").write_bytes(content)
    true, false = (audio.read(tmp_path / name) for name in ("true", "false"))
    assert true.remarks == {} and len(true.samples) == len(SOUND)
    np.testing.assert_allclose(false.samples, true.samples, atol=1e-6)
    assert ("holds 5.0 s" in false.remarks.get(reading.OTHER_LENGTH, "")) == is_said


@pytest.mark.parametrize("format_", ["WAV", "AIFF", "AU", "CAF", "RF64", "FLAC"])
def test_of_a_copy_that_was_cut_off_what_is_there_is_heard_and_said(tmp_path: Path, format_: str) -> None:
    content = encoded(format_, "PCM_16")
    cut(content)
    (tmp_path / "a").write_bytes(content)
    samples, _, remarks = audio.read(tmp_path / "a")
    assert 0.4 < len(samples) / len(SOUND) < 0.6
    np.testing.assert_allclose(samples, SOUND[: len(samples)], atol=1e-4)
    assert "says 5.0 s" in remarks[reading.OTHER_LENGTH] or "is damaged after 2." in remarks[reading.OTHER_LENGTH]


@pytest.mark.parametrize("joined", [False, True])
def test_an_mp3_without_a_true_count_is_heard_to_its_end(tmp_path: Path, joined: bool) -> None:
    # Silence needs few bits: what the first frame needs tells nothing of the others.
    quiet = np.concatenate([0 * SOUND[: 3 * RATE], SOUND[: 2 * RATE]])
    file = io.BytesIO()
    soundfile.write(file, quiet, RATE, format="MP3", bitrate_mode="VARIABLE")
    content = file.getvalue()
    place = content.index(b"Xing")
    untagged = content + content if joined else content[:place] + bytes(120) + content[place + 120 :]
    (tmp_path / "a.mp3").write_bytes(untagged)
    assert len(audio.read(tmp_path / "a.mp3").samples) == pytest.approx((2 if joined else 1) * len(quiet), abs=3000)


def test_a_tag_of_mp3_before_another_format_deceives_nobody(tmp_path: Path) -> None:
    for format_ in ("FLAC", "WAV", "AIFF"):
        (tmp_path / "a").write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + encoded(format_, "PCM_16"))
        np.testing.assert_allclose(audio.read(tmp_path / "a").samples, SOUND, atol=1e-4)
    for name, tag in (("a.mp3", b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)), ("b.mp3", b"")):
        (tmp_path / name).write_bytes(tag + encoded("MP3", "MPEG_LAYER_III"))
    np.testing.assert_array_equal(*(audio.read(tmp_path / name).samples for name in ("a.mp3", "b.mp3")))


@pytest.mark.parametrize("subtype", ["MPEG_LAYER_III", "MPEG_LAYER_II"])
def test_mpeg_is_read_as_libsndfile_reads_it(tmp_path: Path, subtype: str) -> None:
    if subtype == "MPEG_LAYER_II":  # which libsndfile does not write: silent frames of 32 kbit/s at 16 kHz
        content = (bytes.fromhex("fff54880") + bytes(140)) * 50
    else:
        content = bytes(encoded("MP3", subtype)) + b"APETAGEX" + np.random.default_rng(1).bytes(200_000)
    (tmp_path / "a.mp3").write_bytes(content)
    expected = soundfile.read(tmp_path / "a.mp3", dtype="float32")[0]
    read = audio.read(tmp_path / "a.mp3")
    assert len(read.samples) == len(expected) and read.remarks == {}


def test_chunks_behind_the_sound_are_no_sound(tmp_path: Path) -> None:
    content = encoded("WAV", "PCM_16")
    long = b"LIST" + struct.pack("<I", 5000) + b"INFO" + bytes(3000)  # cut off
    for tail in (
        *(b"LIST" + struct.pack("<I", 10) + b"INFOabcdef", b"id3 " + bytes(4), b"TAG" + bytes(125), bytes(4000), long),
        *(b"APETAGEX" + bytes(900), b"ID3\x04" + bytes(900)),
    ):
        (tmp_path / "a.wav").write_bytes(content + tail)
        read = audio.read(tmp_path / "a.wav")
        assert (len(read.samples), read.remarks) == (len(SOUND), {})
    empty = content[:44] + b"LIST" + struct.pack("<I", 600) + bytes(600)
    struct.pack_into("<I", empty, 40, 0)
    (tmp_path / "a.wav").write_bytes(empty)
    assert len(audio.read(tmp_path / "a.wav").samples) == 0


@pytest.mark.parametrize("signs", [(1, -1), (1, 1, -1, -1), (1, -0.99), (0.5, -0.5)])
def test_channels_that_cancel_each_other(tmp_path: Path, signs: tuple[float, ...]) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([sign * SOUND for sign in signs], axis=1), RATE, subtype="FLOAT")
    read = audio.read(tmp_path / "a.wav")
    np.testing.assert_allclose(read.samples, signs[0] * SOUND, atol=1e-6)
    assert reading.CANCELLING in read.remarks


@pytest.mark.parametrize("signs", [(1, 1), (1, 0), (1, -0.5), (1, *[0] * 15)])
def test_channels_that_do_not_cancel_are_mixed(tmp_path: Path, signs: tuple[float, ...]) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([sign * SOUND for sign in signs], axis=1), RATE, subtype="FLOAT")
    read = audio.read(tmp_path / "a.wav")
    np.testing.assert_allclose(read.samples, np.mean(signs) * SOUND, atol=1e-6)
    assert read.remarks == {}


KINDS = {
    "an MP4 file": b"\0\0\0\x18ftypM4A " + bytes(99),
    "a WebM or Matroska file": b"\x1aE\xdf\xa3" + bytes(99),
    "a Windows Media file": b"0&\xb2u\x8ef\xcf\x11" + bytes(99),
    "an AVI film": b"RIFF\0\0\0\0AVI LIST" + bytes(99),
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "a web page": b"\n<!DOCTYPE html><title>404</title>",
    "a ZIP archive": b"PK\x03\x04" + bytes(99),
    "empty": b"",
    "nothing but zeros": bytes(9999),
    "text": "録音です\n".encode() * 100,
}


@pytest.mark.parametrize(("said", "content"), KINDS.items(), ids=KINDS.keys())
@pytest.mark.parametrize("ending", ["wav", "mp3"])
def test_what_a_file_really_is_is_said(tmp_path: Path, said: str, content: bytes, ending: str) -> None:
    path = tmp_path / f"clip.{ending}"
    path.write_bytes(content)
    assert not audio.can_open(path)
    with pytest.raises(AudioError, match=rf"clip\.{ending}: cannot be read as audio \(it .*{said}.*; .*\)$"):
        audio.read(path)
    assert audio.is_plain_text(path) == (said == "text")


def test_the_first_bytes_of_real_audio_say_nothing(tmp_path: Path) -> None:
    for format_ in ("WAV", "FLAC", "AIFF", "CAF", "AU"):
        (tmp_path / "a").write_bytes(encoded(format_, "PCM_16"))
        assert contents.describe(tmp_path / "a") == "" and audio.can_open(tmp_path / "a")
