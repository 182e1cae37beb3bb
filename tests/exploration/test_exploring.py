"""`ser explore` on a corpus with planted faults: each is found, and nothing else."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from ser.audio import Waveform, resample
from ser.commands import main
from ser.corpora.base import Utterance
from ser.exploration import telling
from ser.exploration.measuring import measure
from tests.browsing import asked, barriers, browsing, seen_in

RATE = 16_000
SPEAKERS, EMOTIONS, TAKES = "abcdef", ("neutral", "angry", "sad"), 6
HOSTILE = "</script><script>document.title='taken'</script>"


def spoken(seed: int) -> Waveform:
    """Something like half a second of speech: a gliding tone with harmonics, in syllables, over a faint noise."""
    random = np.random.default_rng(seed)
    n = round(random.uniform(0.45, 0.55) * RATE)
    glide = np.interp(np.arange(n), np.linspace(0, n, 5), random.uniform(110, 190, 5))
    phase = 2 * np.pi * np.cumsum(glide) / RATE
    weights = random.uniform(0, 1, (8, 5))
    bands = [np.interp(np.arange(n), np.linspace(0, n, 5), weight) for weight in weights]
    voice = sum(band * np.sin(number * phase) for number, band in enumerate(bands, 1))
    voice *= np.interp(np.arange(n), np.linspace(0, n, 9), random.uniform(0.2, 1, 9))
    return np.asarray(0.02 * voice / np.abs(voice).max(), np.float32)


def framed(voice: Waveform, before_s: float, after_s: float, seed: int) -> Waveform:
    padded = np.pad(voice, (round(before_s * RATE), round(after_s * RATE)))
    return padded + 2e-5 * np.random.default_rng(seed).standard_normal(len(padded)).astype(np.float32)


def plant(root: Path) -> Path:
    """A table: 6 speakers, 3 emotions. Angry clips begin late; speaker f is loud; and so on, row by row."""
    random = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    clips: dict[str, Waveform] = {}

    def add(name: str, emotion: str, speaker: str, **times: float) -> None:
        rows.append({"path": name, "emotion": emotion, "speaker": speaker, "start": "", "end": "", "room": HOSTILE[:7]})
        rows[-1] |= times

    for speaker in SPEAKERS:
        for emotion in EMOTIONS:
            for take in range(TAKES):
                name, seed = f"{speaker}-{emotion}-{take}", len(rows)
                before = random.uniform(0.1, 0.2) + 0.3 * (emotion == "angry")
                clip = framed(spoken(seed), before, random.uniform(0.1, 0.2), seed)
                clips[name] = clip * np.float32(20 if speaker == "f" else 1)
                soundfile.write(root / f"{name}.wav", clips[name], RATE, subtype="PCM_24")
                add(f"{name}.wav", emotion, speaker)
    (root / "torn.wav").write_text("no sound")
    add("torn.wav", "sad", "a")
    (root / "twin.wav").write_bytes((root / "a-sad-0.wav").read_bytes())
    add("twin.wav", "neutral", "a")
    soundfile.write(root / "narrow.flac", 0.3 * resample(clips["b-sad-1"], RATE, 8000), 8000)
    add("narrow.flac", "sad", "b")
    soundfile.write(root / "packed.mp3", clips["c-sad-2"], RATE)
    add("packed.mp3", "sad", "c")
    square = np.clip(100 * spoken(999), -1, 1)
    soundfile.write(root / "clipped.wav", np.stack([square, 0.5 * square], axis=1), RATE, subtype="PCM_16")
    add("clipped.wav", "sad", "d")
    soundfile.write(root / "long.wav", np.concatenate([spoken(1000 + number) for number in range(4)]), RATE)
    add("long.wav", "sad", "e", start=0.0, end=1.0)
    add("long.wav", "sad", "e", start=0.8, end=1.6)
    table = root / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("planted")
    words = ["corpus=table", f"corpus.path={plant(root)}", "--out", str(root / "out")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telling, "N_TREES", 20)
        assert main(["explore", *words]) == 0
    assert main(["explore", *words]) == 1, "what is there is not overwritten"
    return root / "out"


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "explore.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        return {row["utterance"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as chrome:
        yield chrome


def said(summary: dict[str, Any]) -> dict[str, str]:
    return {one["about"]: one["said"] for one in summary["findings"]}


def test_all_is_counted(summary: dict[str, Any]) -> None:
    assert (summary["clips"], summary["broken"]) == (114, 1)
    assert summary["labels"] == ["neutral", "sad", "angry"]
    assert summary["counts"]["speaker"]["a"] == [7, 6, 6] and list(summary["counts"]) == ["speaker"]
    assert set(said(summary)) == {
        *("Broken clips", "Copies with different labels", "Identical clips", "Copies of a take"),
        *("Labels told from the recording", "Labels told by length and level", "Speakers recorded otherwise"),
        *("Different sample rates", "Different numbers of channels", "Different formats", "Clipping", "Noise"),
    }


def test_a_broken_clip_is_named(summary: dict[str, Any], folder: Path) -> None:
    assert "1 of 115 cannot be used" in said(summary)["Broken clips"] and "torn.wav" in said(summary)["Broken clips"]
    assert (folder / "broken.csv").read_text(encoding="utf-8").splitlines()[1].startswith("torn,")


def test_copies_are_found_in_any_format_and_nothing_else(summary: dict[str, Any]) -> None:
    copies = {frozenset(group["clips"]): group for group in summary["copies"]}
    assert {clips: group["kind"] for clips, group in copies.items()} == {
        frozenset({"a-sad-0", "twin"}): "identical, or overlapping",
        frozenset({"long@0-1", "long@0.8-1.6"}): "identical, or overlapping",
        frozenset({"b-sad-1", "narrow"}): "the same take",
        frozenset({"c-sad-2", "packed"}): "the same take",
    }
    assert "a-sad-0 (sad) and twin (neutral)" in said(summary)["Copies with different labels"]


def test_what_tells_the_labels_is_told_from_what_does_not(summary: dict[str, Any]) -> None:
    told = {one["measure"]: one for one in summary["told"]["measures"]}
    before = told["silence before the speech"]
    assert summary["told"]["unit"] == "speakers" and before["uar"] > 0.5 and before["p"] < 0.05
    assert told["silence after the speech"]["p"] > 0.05 and told["level of the speech"]["p"] > 0.05
    assert told["length of the clip"]["p"] < 0.05, "angry clips are longer by their silence"
    assert "silence before the speech" in said(summary)["Labels told from the recording"]


def test_a_loud_speaker_stands_out(summary: dict[str, Any]) -> None:
    differs = {voice["speaker"]: voice["differs"] for voice in summary["speakers"]}
    assert {speaker for speaker, by in differs.items() if "level_db" in by} == {"f"}


def test_each_clip_is_measured(rows: dict[str, dict[str, str]]) -> None:
    [clip, loud] = (rows[name] for name in ("a-angry-0", "f-angry-0"))
    assert float(loud["level_dbfs"]) - float(clip["level_dbfs"]) == pytest.approx(26, abs=6)
    assert 0.38 < float(clip["leading_silence_s"]) < 0.55 and 0.05 < float(clip["trailing_silence_s"]) < 0.25
    assert 100 < float(clip["pitch_hz"]) < 200 and -100 < float(clip["noise_dbfs"]) < -85
    assert (rows["narrow"]["sample_rate_hz"], rows["narrow"]["format"]) == ("8000", "FLAC, PCM_16")
    assert (rows["clipped"]["channels"], rows["packed"]["format"]) == ("2", "MP3, MPEG_LAYER_III")
    assert [name for name, row in rows.items() if int(row["clipped_samples"])] == ["clipped"]
    assert float(rows["long@0.8-1.6"]["duration_s"]) == 0.8
    assert rows["twin"]["copies"] == rows["a-sad-0"]["copies"] != "" and rows["b-sad-0"]["copies"] == ""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_everybody_can_use_the_page_without_a_network(browser: Any, folder: Path, scheme: str, width: int) -> None:
    page = folder / "explore.html"
    with seen_in(browser, scheme, width):
        asked(browser)
        browser.get_log("browser")
        browser.get(page.as_uri())
        assert browser.get_log("browser") == []
        assert [url for url in asked(browser) if not url.startswith("data:")] == [page.as_uri()]
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert barriers(browser) == []
        assert browser.title == "table: 114 clips"
        assert len(browser.find_elements("css selector", "#examples audio")) == 6


def test_it_is_said_when_there_is_nothing_to_look_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["explore", "corpus=table", "corpus.path=no.csv"]) == 1
    assert "no.csv" in capsys.readouterr().err
    assert main(["explore", "task=dimensions"]) == 1
    assert "by emotion, not task=dimensions; leave task out" in capsys.readouterr().err
    (tmp_path / "a.csv").write_text("path,emotion\nx.wav,sad\ny.wav,angry\n")
    for name in "xy":
        (tmp_path / f"{name}.wav").write_text("no sound")
    assert main(["explore", "corpus=table", "corpus.path=a.csv"]) == 1
    assert re.search("none of the 2 clips can be used; the first: .*x.wav", capsys.readouterr().err)
    assert not (tmp_path / "outputs").exists()


def test_few_clips_without_speakers_are_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate("xyz"):
        soundfile.write(tmp_path / f"{name}.wav", framed(spoken(number), 0.1, 0.1, number), RATE)
    (tmp_path / "a.csv").write_text("path,one,two\nx.wav,sad,sad\ny.wav,angry,angry\nz.wav,angry,\n")
    words = ["corpus=table", f"corpus.path={tmp_path / 'a.csv'}", "labels.map={sad: low, angry: high}"]
    words.append("corpus.raters=[one,two]")
    assert main(["explore", *words, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "3 clips, " in printed and "high 2, low 1" in printed and "Unknown speakers: of 3 clips" in printed
    assert "Krippendorff's alpha 1.000" in printed
    html = (tmp_path / "out" / "explore.html").read_text(encoding="utf-8")
    assert "Not tried" in html and "does not say who speaks" in html
    assert "Not tried: whether the labels are told" in printed

    words = ["corpus=table", f"corpus.path={tmp_path / 'one.csv'}", "--out", str(tmp_path / "one")]
    (tmp_path / "one.csv").write_text("path,emotion,speaker\nx.wav,sad,a\n")
    assert main(["explore", *words]) == 0
    printed = capsys.readouterr().out
    assert "one: 1 clip, 1 speaker, " in printed and "all clips are sad: nothing can be told apart" in printed


def seen(speaker: str | None, emotion: str, number: int, measures: Iterable[float]) -> Any:
    """A clip of which only what `telling` asks for is known."""
    names = ("leading_s", "trailing_s", "noise_db", "duration_s", "level_db")
    utterance = Utterance(f"{speaker}-{number}", Path(), emotion, speaker, "own")
    fixed = {"sample_rate": RATE, "channels": 1, "form": "WAV", "clipped": 0}
    return SimpleNamespace(utterance=utterance, **fixed, **dict(zip(names, measures, strict=True)))


def told(n_speakers: int, *, is_known: bool = True) -> telling.Telling:
    """Of speakers with an emotion and recordings of their own, the one as much by chance as the other."""
    random = np.random.default_rng(0)
    clips = []
    for speaker in range(n_speakers):
        own = random.normal(9, 1, 5)
        for number in range(12):
            measures = own + random.normal(0, 0.3, 5)
            clips.append(seen(f"s{speaker}" if is_known else None, "abc"[speaker % 3], 12 * speaker + number, measures))
    return telling.tell(clips, {clip.utterance.id: number for number, clip in enumerate(clips)})


def test_who_speaks_is_not_what_is_felt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "N_TREES", 4)
    known, unknown, few = told(18), told(18, is_known=False), told(5)
    assert len(known.measures) == 7 and not any(one.is_told for one in known.measures) and not known.beware
    assert sum(one.is_told for one in unknown.measures) > 4 and "this may be who speaks" in unknown.beware
    assert few.measures == [] and "a single emotion each" in few.untried


def test_what_may_be_soft_speech_is_not_called_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "N_TREES", 1)
    monkeypatch.setattr(telling, "N_PERMUTATIONS", 9)
    paused = told(9)
    assert sum(one.is_recording for one in paused.measures) == 4
    monkeypatch.setattr(telling, "PAUSE_S", 99.0)
    tight = told(9)
    assert not any(one.is_recording for one in tight.measures) and len(tight.measures) == 6


def test_a_loud_voice_is_not_heard_earlier(tmp_path: Path) -> None:
    voice = (
        10 * spoken(1) * np.linspace(0, 1, len(spoken(1)), dtype=np.float32)
    )  # comes out of the noise little by little
    silences = []
    for name, gain in {"soft": 1, "loud": 4}.items():
        louder = np.where(np.arange(len(voice)) < 3200, 1, gain).astype(np.float32)  # its beginning is as it was
        clip = framed(voice * louder, 0.3, 0.3, 1)
        soundfile.write(tmp_path / f"{name}.wav", clip, RATE, subtype="FLOAT")
        [found], _ = measure([Utterance(name, tmp_path / f"{name}.wav", "sad", None, "own")])
        silences.append((found.leading_s, found.level_db))
    assert silences[0][0] == silences[1][0] and silences[1][1] > silences[0][1] + 6
