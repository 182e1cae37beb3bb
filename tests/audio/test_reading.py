from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from ser import audio
from ser.audio import reading
from ser.errors import AudioError

RATE = 16_000


def sine(frequency_hz: float, duration_s: float, sample_rate: int) -> npt.NDArray[np.float32]:
    time = np.arange(round(duration_s * sample_rate)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


def peak_hz(samples: npt.NDArray[np.float32], sample_rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * sample_rate / len(samples))


@pytest.mark.parametrize("name", ["clip.wav", "clip.flac"])
def test_reads_what_was_written(tmp_path: Path, name: str) -> None:
    written = sine(440, 0.5, 22_050)
    soundfile.write(tmp_path / name, written, 22_050, subtype="PCM_16")
    samples, sample_rate, _ = audio.read(tmp_path / name)
    assert (samples.dtype, samples.shape, sample_rate) == (np.float32, written.shape, 22_050)
    np.testing.assert_allclose(samples, written, atol=1 / 2**15)


def test_stereo_becomes_the_mean_of_its_channels(tmp_path: Path) -> None:
    stereo = np.random.default_rng(0).uniform(-1, 1, (RATE, 2)).astype(np.float32)
    soundfile.write(tmp_path / "stereo.wav", stereo, RATE, subtype="FLOAT")
    np.testing.assert_allclose(audio.read(tmp_path / "stereo.wav")[0], stereo.mean(axis=1), atol=1e-7)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(48_000, 16_000), (44_100, 16_000), (8_000, 16_000)])
def test_resampling_keeps_frequency_duration_and_level(from_hz: int, to_hz: int) -> None:
    resampled = audio.resample(sine(1000, 1.0, from_hz), from_hz, to_hz)
    assert resampled.dtype == np.float32
    assert abs(len(resampled) - to_hz) <= 1
    assert peak_hz(resampled, to_hz) == pytest.approx(1000, abs=1.5)
    middle = resampled[to_hz // 4 : -to_hz // 4]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.005)


def test_resampling_lets_nothing_alias() -> None:
    resampled = audio.resample(sine(11_000, 1.0, 48_000), 48_000, RATE)
    assert np.abs(resampled[1000:-1000]).max() < 1e-3


def test_the_same_rate_changes_nothing() -> None:
    samples = sine(440, 0.2, RATE)
    np.testing.assert_array_equal(audio.resample(samples, RATE, RATE), samples)


def test_trims_as_librosa_does(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    clip = np.concatenate(
        [random.normal(0, level, n).astype(np.float32) for level, n in ((1e-4, 8000), (0.1, 9000), (1e-4, 5000))]
    )
    soundfile.write(tmp_path / "clip.wav", clip, RATE, subtype="FLOAT")
    trimmed = audio.load(tmp_path / "clip.wav", sample_rate=RATE, top_db=20.0)
    np.testing.assert_array_equal(trimmed, librosa.effects.trim(clip, top_db=20.0)[0])
    assert 9000 <= len(trimmed) < 9000 + 2 * 2048
    np.testing.assert_array_equal(audio.load(tmp_path / "clip.wav", sample_rate=RATE), clip)


def test_load_resamples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", sine(440, 0.5, 44_100), 44_100)
    clip = audio.load(tmp_path / "clip.wav", sample_rate=8000)
    assert len(clip) == pytest.approx(4000, abs=1)
    assert peak_hz(clip, 8000) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.ogg", "a.mp3", "a.opus"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_reading_in_blocks_changes_no_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, channels: int
) -> None:
    if name == "a.mp3" and channels == 3:
        pytest.skip("MP3 has two channels at most")
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (48_000, channels))
    kind = {"format": "OGG", "subtype": "OPUS"} if name == "a.opus" else {}
    soundfile.write(tmp_path / name, samples, 48_000, **kind)
    whole = soundfile.read(tmp_path / name, dtype="float32", always_2d=True)[0].mean(axis=1, dtype=np.float32)
    for block in (reading.BLOCK_SAMPLES, 48_000 * channels, 47_990 * channels, 30_000):
        monkeypatch.setattr(reading, "BLOCK_SAMPLES", block)
        # MP3's decoder rounds otherwise where a block begins.
        np.testing.assert_allclose(audio.read(tmp_path / name)[0], whole, rtol=0, atol=2e-7 * (name == "a.mp3"))


def test_a_clip_of_the_longest_duration_is_read_and_a_longer_one_is_not(tmp_path: Path) -> None:
    for n_samples in (600_000, 600_001):
        soundfile.write(tmp_path / "clip.wav", np.ones(n_samples) / 2, 1000)
        if n_samples == 600_000:
            assert len(audio.read(tmp_path / "clip.wav")[0]) == n_samples
            continue
        with pytest.raises(AudioError, match=r"clip\.wav: too long \(over 600 s\); cut it into utterances"):
            audio.read(tmp_path / "clip.wav")


BROKEN = {
    "empty.wav": np.zeros(0),
    "one_sample.wav": np.full(1, 0.5),
    "short.wav": np.full(1599, 0.5),
    "silent.wav": np.zeros(RATE),
    "nan.wav": np.where(np.arange(RATE) == 77, np.nan, 0.1),
    "infinite.wav": np.where(np.arange(RATE) == 77, np.inf, 0.1),
}


@pytest.mark.parametrize("name", BROKEN)
def test_refuses_a_clip_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, BROKEN[name], RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=name):
        audio.load(tmp_path / name, sample_rate=RATE, top_db=20.0)


@pytest.mark.parametrize(
    "content",
    [b"", b"this is no audio\n" * 100, b"RIFF", b"RIFF\xff\xff\xff\x7fWAVEfmt ", b"fLaC" + bytes(64)],
    ids=["nothing", "text", "riff", "header", "flac"],
)
def test_refuses_what_is_no_audio(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clip.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"clip\.wav: "):
        audio.load(tmp_path / "clip.wav", sample_rate=RATE)


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="absent"):
        audio.load(tmp_path / "absent.wav", sample_rate=RATE)
    with pytest.raises(AudioError, match="cannot be read"):
        audio.load(tmp_path, sample_rate=RATE)


@pytest.mark.parametrize("name", ["clip.wav", "clip.flac"])
def test_a_file_cut_off_anywhere_is_read_or_refused(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, sine(440, 0.5, RATE), RATE)
    whole = (tmp_path / name).read_bytes()
    for length in [*range(0, 100), *range(100, len(whole), len(whole) // 40)]:
        (tmp_path / name).write_bytes(whole[:length])
        try:
            clip = audio.load(tmp_path / name, sample_rate=RATE, top_db=20.0)
        except AudioError:
            continue
        assert len(clip) > 0
        assert np.isfinite(clip).all()


@pytest.mark.parametrize("sample_rate", [1, 50, 700_000])
@pytest.mark.parametrize("level", [2e-5, 1.0, 3e38])
def test_an_odd_file_is_read_or_refused(tmp_path: Path, sample_rate: int, level: float) -> None:
    samples = np.random.default_rng(0).uniform(-level, level, (max(sample_rate // 5, 10), 2)).astype(np.float32)
    soundfile.write(tmp_path / "clip.wav", samples, sample_rate, subtype="FLOAT")
    try:
        clip = audio.load(tmp_path / "clip.wav", sample_rate=RATE, top_db=20.0)
    except AudioError as error:
        assert "clip.wav" in str(error)
    else:
        assert len(clip) > 0
        assert np.isfinite(clip).all()


def test_pauses_are_what_is_not_speech_joined() -> None:
    faint = 1e-4 * np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    speech = np.zeros_like(faint)
    speech[RATE // 2 : RATE] = speech[2 * RATE : 5 * RATE // 2] = 0.5
    kept = audio.pauses(faint + speech, 40)
    assert np.abs(kept).max() < 1e-3  # nothing of the speech, which takes a little of what is beside it
    assert 1.5 * RATE < len(kept) < 2 * RATE
    np.testing.assert_array_equal(kept[: RATE // 3], faint[: RATE // 3])
    assert len(audio.pauses(faint, 40)) == 0


def test_a_clip_without_pauses_or_with_empty_ones_is_refused() -> None:
    loud = np.full(RATE, 0.5, np.float32)
    with pytest.raises(AudioError, match=r"x: without pauses \(less than 0.1 s of it lies 40 dB below its loudest\)"):
        audio.prepare("x", audio.Reading(loud, RATE, {}), sample_rate=RATE, below_db=40)
    cut = np.concatenate([np.zeros(RATE, np.float32), loud])
    with pytest.raises(AudioError, match="x: its pauses are digital silence"):
        audio.prepare("x", audio.Reading(cut, RATE, {}), sample_rate=RATE, below_db=40)
