"""Reading folders of own recordings as people have them."""

import csv
import json
import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.corpora.folder import Folder
from ser.errors import ConfigError, CorpusError, CorpusNotFound
from tests.conftest import FAST, Command

NFD = unicodedata.normalize("NFD", "が")


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def test_a_folder_names_the_emotion_of_all_below_it(tmp_path: Path) -> None:
    put(tmp_path, "happy/1.wav", "happy/2020/anna/take 1.flac", "喜び/録音　一.ogg", "Angry/b.OPUS", "Angry/c.Mp3")
    found = {utterance.id: utterance for utterance in Folder(root=tmp_path, levels=None).utterances()}
    assert {name: utterance.emotion for name, utterance in found.items()} == {
        "happy/1": "happy",
        "happy/2020/anna/take 1": "happy",
        "喜び/録音　一": "喜び",
        "Angry/b": "Angry",
        "Angry/c": "Angry",
    }
    assert list(found) == sorted(found)
    assert all(utterance.path.is_file() and utterance.speaker is None for utterance in found.values())
    assert Folder(root=tmp_path, levels=None).remarks(list(found.values())) == []


@pytest.mark.parametrize("ending", ["wav", "flac", "aiff", "caf", "au", "w64", "sph", "ogg", "opus", "mp2", "WAV"])
def test_endings_of_audio(tmp_path: Path, ending: str) -> None:
    put(tmp_path, f"sad/one.two.{ending}", "sad/notes.txt", "sad/wav")
    assert [utterance.id for utterance in Folder(root=tmp_path, levels=None).utterances()] == ["sad/one.two"]


def test_ids_are_nfc_whatever_the_disk_has(tmp_path: Path) -> None:
    put(tmp_path, f"sad/{NFD}.wav")
    (utterance,) = Folder(root=tmp_path, levels=None).utterances()
    assert utterance.id == "sad/が" and utterance.path.is_file()


def test_what_systems_leave_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "sad/a.wav", "sad/._a.wav", "sad/.hidden/b.wav", "__MACOSX/sad/a.wav", ".git/x.wav", "sad/Thumbs.db")
    corpus = Folder(root=tmp_path, levels=None)
    assert [utterance.id for utterance in corpus.utterances()] == ["sad/a"]
    assert corpus.remarks([]) == []


def test_what_does_not_count_is_said(tmp_path: Path) -> None:
    put(tmp_path, "sad/a.wav", "loose.wav", "loose.mp3", "sad/b.m4a", "happy/c.WebM", "calm/notes.txt")
    corpus = Folder(root=tmp_path, levels=None)
    loose, unreadable, empty = corpus.remarks(corpus.utterances())
    assert "2 audio files lie directly" in loose and "loose.mp3" in loose
    assert "2 files" in unreadable and ".m4a, .webm" in unreadable and "ffmpeg" in unreadable
    assert "calm, happy" in empty and "sad" not in empty


def test_every_file_is_read_counted_or_plainly_no_recording(tmp_path: Path) -> None:
    put(
        tmp_path,
        *(
            f"sad/{ending}.{ending}"
            for ending in ("avi", "mov", "flv", "mkv", "wv", "amr", "xyz", "crdownload", "wav~")
        ),
    )
    put(
        tmp_path,
        "sad/more.zip",
        "sad/c.wav.bak",
        "sad/d.wav.txt",
        "sad/notes.txt",
        "sad/a.TextGrid",
        "sad/cover.JPG",
        "list.csv",
    )
    (tmp_path / "sad" / "LICENSE").write_text("free\n")
    (tmp_path / "sad" / "pointer.wave0").write_text("version https://git-lfs.github.com/spec/v1\n")
    os.mkfifo(tmp_path / "sad" / "pipe.dat")
    for name, format_ in (("a.dat", "CAF"), ("b", "WAV"), ("c.wav.txt", "FLAC")):
        soundfile.write(tmp_path / "sad" / name, np.zeros(999), 16_000, "PCM_16", format=format_)
    corpus = Folder(root=tmp_path, levels=None)
    assert {utterance.path.name for utterance in corpus.utterances()} == {"a.dat", "b", "c.wav.txt"}
    packed, left, others = corpus.remarks([])
    assert packed.startswith("1 files (.zip), such as") and "unpack them" in packed
    assert left.startswith("3 files (.bak, .crdownload, .wav~), such as") and "do not count" in left
    assert others.startswith("9 files (.amr, .avi, .dat, .flv, .mkv, .mov, .wave0, .wv, .xyz), such as")


def test_a_recording_in_several_formats_counts_once(tmp_path: Path) -> None:
    put(tmp_path, "sad/a.mp3", "sad/a.flac", "sad/a.opus", "sad/b.ogg", "sad/b.WAV")
    corpus = Folder(root=tmp_path, levels=None)
    utterances = corpus.utterances()
    assert [utterance.path.name for utterance in utterances] == ["a.flac", "b.WAV"]
    (remark,) = corpus.remarks(utterances)
    assert "3 files" in remark and "\n" not in remark


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/1.wav")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "sad").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "root")
    assert [utterance.id for utterance in Folder(root=tmp_path / "root", levels=None).utterances()] == ["sad/1"]


@pytest.mark.parametrize("root", ["calls", "calls/", "./calls", "calls/../calls"])
def test_the_folder_gives_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    put(tmp_path, "calls/sad/1.wav")
    monkeypatch.chdir(tmp_path)
    corpus = Folder(root=root, levels=None)
    assert corpus.name == corpus.utterances()[0].corpus == "calls"
    monkeypatch.chdir(tmp_path / "calls")
    assert Folder(root=".", levels=None).name == "calls"


@pytest.mark.parametrize("root", [None, ""])
def test_a_root_that_is_not_set(root: str | None) -> None:
    with pytest.raises(ConfigError, match=r"corpus\.root is not set; set corpus\.root=<folder>"):
        Folder(root=root, levels=None).utterances()


def test_a_folder_without_clips_is_named_with_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(CorpusNotFound, match=r"no folder .*nowhere"):
        Folder(root=tmp_path / "nowhere", levels=None).utterances()
    with pytest.raises(CorpusNotFound, match=r"no clip in .*one sub-folder an emotion"):
        Folder(root=tmp_path, levels=None).utterances()
    put(tmp_path, "1.wav", "sad/2.m4a")
    with pytest.raises(
        CorpusNotFound, match=r"1 audio files lie directly.*1 files .*cannot be read.*in the folders sad"
    ):
        Folder(root=tmp_path, levels=None).utterances()


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode elsewhere")
def test_a_name_that_is_not_unicode_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "sad/1.wav")
    (tmp_path / "sad" / os.fsdecode("怒り.wav".encode("cp932"))).touch()
    with pytest.raises(CorpusError, match=r"\\x93.*not Unicode.*unzip -O cp932") as caught:
        Folder(root=tmp_path, levels=None).utterances()
    str(caught.value).encode()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind")
def test_a_closed_folder_is_refused_and_a_read_only_one_read(tmp_path: Path) -> None:
    put(tmp_path, "sad/1.wav", "happy/1.wav")
    (tmp_path / "sad").chmod(0o500)
    assert len(Folder(root=tmp_path, levels=None).utterances()) == 2
    (tmp_path / "sad").chmod(0)
    try:
        with pytest.raises(CorpusError, match=r"cannot look into .*sad"):
            Folder(root=tmp_path, levels=None).utterances()
    finally:
        (tmp_path / "sad").chmod(0o700)


ENDINGS = ("wav", "flac", "ogg", "mp3", "opus", "aiff", "WAV")
LABELS = {"03": "喜び", "05": "怒り", "01": "Neutral"}


def record(speech: Path, root: Path, actors: tuple[str, ...]) -> None:
    """The clips of three emotions, in a folder for each, in every format, and mono or stereo."""
    for actor in actors:
        for code, label in LABELS.items():
            for number, clip in enumerate(sorted((speech / f"Actor_{actor}").glob(f"03-01-{code}-*.wav"))[:4]):
                ending = ENDINGS[(number + int(actor)) % len(ENDINGS)]
                path = root / label / f"話者{actor} テイク{number}.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                samples, rate = soundfile.read(clip)
                subtype = "OPUS" if ending == "opus" else None
                format_ = "OGG" if ending == "opus" else None
                soundfile.write(path, samples[:: 1 + number % 2], rate // (1 + number % 2), subtype, format=format_)


def test_a_run_on_own_recordings_with_faulty_files_among_them(command: Command, speech: Path, tmp_path: Path) -> None:
    root = tmp_path / "録音 2026"
    record(speech, root, ("01", "02", "03"))
    good = next(root.glob("怒り/*.WAV")).read_bytes()
    faulty = {
        "空.wav": b"",
        "文.wav": b"not audio",
        "絵.flac": b"\xff\xd8\xff\xe0" + bytes(500),
        "短い.wav": good[:100],
        "音楽.mp3": b"ID3" + bytes(200),
        "a.ogg": b"OggS" + bytes(90),
        "b.opus": good[:4],
        "c.aiff": b"FORM" + bytes(60),
        "d.wav": good[:44] + bytes(20_000),
    }
    for name, content in faulty.items():
        (root / "怒り" / name).write_bytes(content)
    (root / "怒り" / "e.wav").symlink_to(root / "nowhere.wav")
    (root / "怒り" / "f.m4a").write_bytes(b"ftyp")
    outcome = command("corpus=folder", f"corpus.root='{root}'", "hydra.run.dir=run", *FAST, "epochs=1")
    assert outcome.code == 0, outcome.output
    assert "left out 10 of 46 clips" in outcome.output and "1 files (.m4a), such as" in outcome.output
    assert "speaker_independent: unknown (36 clips do not say who speaks" in outcome.output
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["labels"] == ["neutral", "喜び", "怒り"] and metrics["corpus"]["name"] == "録音 2026"
    assert (metrics["corpus"]["n_utterances"], metrics["corpus"]["n_broken"]) == (36, 10)
    with (tmp_path / "run" / "broken.csv").open(encoding="utf-8", newline="") as file:
        broken = {row["utterance"] for row in csv.DictReader(file)}
    assert broken == {f"怒り/{Path(name).stem}" for name in (*faulty, "e.wav")}


MISTAKES = {
    "no root": ([], "corpus.root is not set"),
    "no speakers": (
        ["corpus.root=corpus", "split=speaker"],
        "or name the speakers: corpus=table",
    ),
    "no parts": (["corpus.root=corpus", "split=given"], "corpus=table with a column split"),
    "one emotion": (["corpus.root=one"], "clips are sad; two emotions at least are needed"),
    "a rare emotion": (["corpus.root=corpus"], "count as one); sad has 1; add clips"),
}


@pytest.mark.parametrize(("overrides", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_ends_in_one_message(command: Command, speech: Path, overrides: list[str], said: str) -> None:
    clips = sorted((speech / "Actor_01").glob("*.wav"))[:9]
    for number, clip in enumerate(clips):
        for name in (f"one/sad/{number}.wav", f"corpus/{'happy' if number else 'sad'}/{number}.wav"):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(clip.read_bytes())
    if not overrides:
        overrides = ["corpus.root=null"]
    outcome = command("corpus=folder", *overrides, "hydra.run.dir=run", *FAST)
    assert outcome.code == 1 and said in outcome.output and "Traceback" not in outcome.output
