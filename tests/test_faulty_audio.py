"""Whatever lies under an audio file's name is read or refused in one line: no hang, no crash, no memory without end."""

import json
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from tests.audio import films

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")

N_MUTATIONS = 300
TIME_LIMIT_S = 20  # a file; on a busy machine
MEMORY_BYTES = 2**29  # more than the interpreter has after its imports
FORMATS = {
    "pcm16.wav": ("WAV", "PCM_16", 16_000, 1),
    "pcm24.wav": ("WAV", "PCM_24", 48_000, 2),
    "float.wav": ("WAV", "FLOAT", 44_100, 1),
    "mono.flac": ("FLAC", "PCM_16", 16_000, 1),
    "stereo.flac": ("FLAC", "PCM_24", 48_000, 2),
    "vorbis.ogg": ("OGG", "VORBIS", 44_100, 2),
    "mono.mp3": ("MP3", "MPEG_LAYER_III", 16_000, 1),
    "stereo.mp3": ("MP3", "MPEG_LAYER_III", 44_100, 2),
    "clip.opus": ("OGG", "OPUS", 48_000, 1),
    "clip.aiff": ("AIFF", "PCM_16", 16_000, 1),
}
CONTAINERS = {"clip.m4a": "aac", "clip.webm": "libopus"} if find_spec("av") else {}  # by the names of their codecs
EXTREMES = (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x01\x00\x00\x00")

# Each line of its output is the name of a file, then how many samples were read, or why none were.
READ = """
import json, resource, signal, sys
from pathlib import Path
import numpy as np
from ser import audio
from ser.errors import AudioError
folder, seconds, memory = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
audio.trim(np.ones(9999, np.float32), 20.0)
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory,) * 2)
for path in sorted(folder.iterdir()):
    print(end=json.dumps(path.name) + "\\t", flush=True)
    signal.alarm(seconds)
    try:
        waveform = audio.load(path, sample_rate=16000, top_db=20.0)
        assert waveform.dtype == np.float32 and np.isfinite(waveform).all()
        answer = len(waveform)
    except AudioError as error:
        answer = str(error)
    signal.alarm(0)
    print(json.dumps(answer), flush=True)
"""


def encode(folder: Path, name: str, samples: npt.NDArray[np.float64]) -> bytes:
    if name in CONTAINERS:
        films.write(folder / name, CONTAINERS[name], 48_000, samples.astype(np.float32))
        return (folder / name).read_bytes()
    format_, subtype, rate, channels = FORMATS[name]
    soundfile.write(folder / name, np.stack([samples] * channels, 1), rate, format=format_, subtype=subtype)
    return (folder / name).read_bytes()


def mutations(good: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Good clips changed at random, the same ones every time."""
    chance = random.Random(0)
    for number in range(N_MUTATIONS):
        name = list(good)[number % len(good)]
        content = bytearray(good[name])
        for _ in range(chance.choice([1, 1, 2, 3])):
            place = chance.randrange(max(len(content), 1))
            header = chance.randrange(min(max(len(content), 1), 120))
            match chance.randrange(6):
                case 0:
                    del content[place:]
                case 1:
                    for _ in range(chance.choice([1, 10, 300])):
                        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
                case 2:
                    content[header : header + 4] = chance.choice([*EXTREMES, chance.randbytes(4)])
                case 3:
                    del content[place : place + chance.choice([1, 100, 3000])]
                case 4:
                    content[place:place] = chance.randbytes(chance.choice([1, 500]))
                case _:
                    content[place : place + 400] = bytes(400)
            if not content:
                break
        yield f"{number:03}-{name}", bytes(content)


def wav(n_bytes: int, *, rate: int = 16_000, channels: int = 1, claimed: int | None = None) -> bytes:
    """The header of a 16-bit WAV with so many bytes of samples, or one that claims another number."""
    size = n_bytes if claimed is None else claimed
    head = struct.pack("<4sI4s4sI", b"RIFF", min(size + 36, 2**32 - 1), b"WAVE", b"fmt ", 16)
    return head + struct.pack(
        "<HHIIHH4sI", 1, channels, rate, 2 * rate * channels, 2 * channels, 16, b"data", min(size, 2**32 - 1)
    )


def lying_flac(content: bytes, n_frames: int) -> bytes:
    """A FLAC whose header claims another length: 36 bits, of which the last 32 stand in bytes 22 to 25."""
    return content[:21] + bytes([content[21] & 0xF0]) + n_frames.to_bytes(4, "big") + content[26:]


def odd_files(folder: Path, good: dict[str, bytes]) -> dict[str, str]:
    """Files that no mutation gives, and what must be said of each ("" where it is to be read)."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 192_000)
    samples = {
        "no-samples.wav": (noise[:0], 16_000, "FLOAT", "too short"),
        "one-sample.wav": (noise[:1], 16_000, "FLOAT", "too short"),
        "silent.flac": (0 * noise, 16_000, "PCM_16", "silent"),
        "nan.wav": (np.where(np.arange(len(noise)) == 9, np.nan, noise), 16_000, "FLOAT", "not finite"),
        "infinite.wav": (np.where(np.arange(len(noise)) == 9, -np.inf, noise), 16_000, "DOUBLE", "not finite"),
        "8-channels.wav": (np.stack([noise] * 8, 1), 48_000, "PCM_16", ""),
        "192-kHz.wav": (noise, 192_000, "PCM_24", ""),
        "2-hours.flac": (np.zeros(7200 * 1000), 1000, "PCM_16", "too long (over 600 s)"),
    }
    for name, (wave, rate, subtype, _) in samples.items():
        soundfile.write(folder / name, wave, rate, subtype=subtype)
    contents = {
        "text.wav": (b"this is no audio\n" * 100, "cannot be read as audio"),
        "picture.wav": (b"\xff\xd8\xff\xe0\x00\x10JFIF" + random.Random(0).randbytes(3000), "cannot be read as audio"),
        "empty.wav": (b"", "cannot be read as audio"),
        "samples.raw": (bytes(9999), "cannot be read as audio"),
        "claims-2**31.wav": (wav(0, claimed=2**32 - 1) + good["pcm16.wav"][44:], ""),
        "claims-599-s.wav": (wav(0, rate=192_000, channels=8, claimed=599 * 192_000 * 16) + bytes(4000), "too short"),
        "claims-599-s.flac": (lying_flac(good["mono.flac"], 599 * 16_000), ""),
        "claims-2**31.flac": (lying_flac(good["mono.flac"], 2**31), ""),
        "claims-nothing.flac": (lying_flac(good["mono.flac"], 0), ""),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    (folder / "2-hours.wav").write_bytes(wav(7200 * 32_000))
    os.truncate(folder / "2-hours.wav", 44 + 7200 * 32_000)  # takes no room on disk
    (folder / "folder.wav").mkdir()
    (folder / "dangling.wav").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.wav")
    said = {name: words for name, (*_, words) in (samples | contents).items()}
    said |= {
        "2-hours.wav": "too long (over 600 s)",
        "folder.wav": "a folder",
        "dangling.wav": "No such file",
        "pipe.wav": "no file",
    }
    if os.geteuid() != 0:  # who may read everything
        (folder / "closed.wav").write_bytes(good["pcm16.wav"])
        (folder / "closed.wav").chmod(0)
        said["closed.wav"] = "cannot be read as audio"
    return said


def test_any_file_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    time = np.arange(6000) / 16_000
    sound = 0.4 * np.sin(2 * np.pi * 220 * time) + np.random.default_rng(0).normal(0, 0.05, len(time))
    (tmp_path / "good").mkdir()
    good = {name: encode(tmp_path / "good", name, sound) for name in (*FORMATS, *CONTAINERS)}
    folder = tmp_path / "faulty"
    folder.mkdir()
    for name, content in mutations(good):
        (folder / name).write_bytes(content)
    said = odd_files(folder, good)
    for name, content in good.items():
        (folder / name).write_bytes(content)
    said |= dict.fromkeys(good, "")
    process = subprocess.run(
        [sys.executable, "-c", READ, str(folder), str(TIME_LIMIT_S), str(MEMORY_BYTES)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    last = process.stdout.splitlines()[-1:]
    assert process.returncode == 0, f"ended with {process.returncode} at {last}: {process.stderr[-2000:]}"
    answers = {}
    for line in process.stdout.splitlines():
        name, answer = map(json.loads, line.split("\t"))
        answers[name] = answer
    assert len(answers) == N_MUTATIONS + len(said)
    for name, answer in answers.items():
        if isinstance(answer, str):
            assert answer.startswith(f"{folder / name}: ") and "\n" not in answer
        else:
            assert answer > 0, name
    for name, words in said.items():
        assert words in answers[name] if words else isinstance(answers[name], int), (name, answers[name])
    n_read = sum(isinstance(answer, int) for answer in answers.values())
    assert 0.1 < n_read / len(answers) < 0.9  # the mutations are neither harmless nor all deadly
