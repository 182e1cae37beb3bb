import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser import audio
from ser.errors import AudioError

RATE = 22_050
SOUND = np.random.default_rng(0).uniform(-0.4, 0.4, (5 * RATE + 7, 2)).astype(np.float32)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("sample_rate", [8000, RATE, 48_000])
def test_blocks_put_together_are_the_whole(tmp_path: Path, name: str, sample_rate: int) -> None:
    soundfile.write(tmp_path / name, SOUND, RATE)
    read = audio.read(tmp_path / name)
    whole = audio.resample(read.samples, RATE, sample_rate)
    for block_s in (0.3, 30.0):
        blocks = list(audio.stream(tmp_path / name, sample_rate, block_s=block_s))
        assert all(block.dtype == np.float32 and len(block) for block in blocks)
        assert max(map(len, blocks)) < 2 * block_s * sample_rate
        np.testing.assert_allclose(np.concatenate(blocks), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.opus"])
@pytest.mark.parametrize("signs", [(1, 1), (1, -0.9)])
def test_the_beginning_of_a_shorter_clip_is_the_clip(tmp_path: Path, name: str, signs: tuple[float, float]) -> None:
    kind = {"format": "OGG", "subtype": "OPUS"} if name == "a.opus" else {}
    soundfile.write(tmp_path / name, np.stack([SOUND[:, 0]] * 2, axis=1)[:48_000] * signs, 24_000, **kind)
    whole = audio.read(tmp_path / name)
    for longest_s in (len(whole.samples) / whole.sample_rate, 3.0, 600.0):
        reading, has_more = audio.read_beginning(tmp_path / name, longest_s)
        np.testing.assert_array_equal(reading.samples, whole.samples)
        assert reading[1:] == whole[1:] and not has_more
    reading, has_more = audio.read_beginning(tmp_path / name, 0.7)
    np.testing.assert_array_equal(reading.samples, whole.samples[: round(0.7 * whole.sample_rate)])
    assert has_more


def test_a_recording_of_any_length_takes_little_memory(tmp_path: Path) -> None:
    path, n_samples = tmp_path / "a.wav", 20 * 60 * 8000
    with soundfile.SoundFile(path, "w", 8000, 1, "PCM_16") as file:
        for _ in range(20):
            file.write(0.1 * SOUND[:1, 0].repeat(n_samples // 20))
    with pytest.raises(AudioError, match="too long"):
        audio.read(path)
    beginning, has_more = audio.read_beginning(path, 600)
    assert len(beginning.samples) == n_samples // 2 and has_more
    tracemalloc.start()
    n_given = sum(len(block) for block in audio.stream(path, 16_000, block_s=10))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_given == 2 * n_samples
    assert peak < 10 * 16_000 * 4 * 5  # a few blocks; the whole is 120


def test_channels_are_mixed_block_by_block(tmp_path: Path) -> None:
    sound = SOUND[: 4 * RATE, 0]
    mirrored = np.concatenate([sound[: 2 * RATE], -0.9 * sound[2 * RATE :]])
    soundfile.write(tmp_path / "a.wav", np.stack([sound, mirrored], axis=1), RATE, subtype="FLOAT")
    remarks: dict[str, str] = {}
    given = np.concatenate(list(audio.stream(tmp_path / "a.wav", RATE, block_s=2, remarks=remarks)))
    np.testing.assert_allclose(given, sound, atol=1e-6)
    assert list(remarks) == [audio.CANCELLING]


def test_a_damaged_file_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, SOUND, RATE)
    path.write_bytes(path.read_bytes()[:-200_000])
    remarks: dict[str, str] = {}
    given = np.concatenate(list(audio.stream(path, RATE, remarks=remarks)))
    read = audio.read(path)
    np.testing.assert_array_equal(given, read.samples)
    assert remarks == read.remarks != {}


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no audio\n" * 100)
    soundfile.write(tmp_path / "nan.wav", np.where(np.arange(9000) == 8000, np.nan, 0.1), 1000, subtype="FLOAT")
    for name in ("text.wav", "nan.wav", "absent.wav"):
        with pytest.raises(AudioError, match=name):
            list(audio.stream(tmp_path / name, 16_000, block_s=1))
        with pytest.raises(AudioError, match=name):
            audio.read_beginning(tmp_path / name, 60)
    soundfile.write(tmp_path / "empty.wav", SOUND[:0], RATE)
    assert list(audio.stream(tmp_path / "empty.wav", 16_000)) == []
