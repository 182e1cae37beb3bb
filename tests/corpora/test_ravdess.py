"""Reading RAVDESS in the layouts people have it in."""

from pathlib import Path

import pytest

from ser.corpora.labels import EMOTIONS
from ser.corpora.ravdess import RAVDESS_EMOTIONS, Ravdess
from ser.errors import ConfigError, CorpusNotFound


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def made(root: Path | str) -> Ravdess:
    return Ravdess(root=root, download=False)


def test_codes() -> None:
    assert dict(zip((f"0{code}" for code in range(1, 9)), EMOTIONS, strict=True)) == RAVDESS_EMOTIONS


def test_what_a_name_says(tmp_path: Path) -> None:
    put(tmp_path, "Actor_12/03-01-06-02-02-01-12.wav")
    (utterance,) = made(tmp_path).utterances()
    assert utterance.id == "Actor_12/03-01-06-02-02-01-12"
    assert (utterance.emotion, utterance.speaker, utterance.corpus) == ("fearful", "12", "ravdess")
    assert utterance.attributes == {"gender": "female", "intensity": "strong", "statement": "dogs", "repetition": "1"}


def test_song_video_and_strangers_are_passed_over(tmp_path: Path) -> None:
    put(
        tmp_path,
        "Actor_01/03-01-01-01-01-01-01.wav",
        "Actor_01/03-02-01-01-01-01-01.wav",  # song
        "Actor_01/01-01-01-01-01-01-01.wav",  # video with sound
        "Actor_01/02-01-01-01-01-01-01.mp4",
        "Actor_01/03-01-09-01-01-01-01.wav",  # no such emotion
        "Actor_01/03-01-01-01-01-01-25.wav",  # no such actor
        "Actor_01/._03-01-01-01-01-02-01.wav",  # left by macOS
        "Actor_01/notes.wav",
    )
    assert [utterance.path.name for utterance in made(tmp_path).utterances()] == ["03-01-01-01-01-01-01.wav"]


def test_a_nested_copy_is_not_counted_twice(tmp_path: Path) -> None:
    names = ["Actor_01/03-01-01-01-01-01-01.wav", "Actor_02/03-01-02-01-01-01-02.wav"]
    put(tmp_path, *names, *(f"audio_speech_actors_01-24/{name}" for name in names), "flac/03-01-01-01-01-01-01.flac")
    corpus = made(tmp_path)
    utterances = corpus.utterances()
    assert [utterance.id for utterance in utterances] == [name.removesuffix(".wav") for name in names]
    assert "3 further copies" in corpus.remarks(utterances)[0] and len(corpus.remarks(utterances)) == 1


@pytest.mark.parametrize("ending", ["wav", "WAV", "flac"])
def test_the_corpus_may_lie_deeper_and_in_flac(tmp_path: Path, ending: str) -> None:
    put(tmp_path, f"unpacked/Actor_01/03-01-01-01-01-01-01.{ending}")
    (utterance,) = made(tmp_path).utterances()
    assert utterance.id == "unpacked/Actor_01/03-01-01-01-01-01-01"


def test_a_difference_from_the_release_is_said_in_one_line(tmp_path: Path) -> None:
    put(tmp_path, "Actor_01/03-01-01-01-01-01-01.wav")
    corpus = made(tmp_path)
    (remark,) = corpus.remarks(corpus.utterances())
    assert "1 clips where the release has 1440" in remark and "95 neutral" in remark and "\n" not in remark


def test_synthetic_clips_never_pass_for_ravdess(tmp_path: Path) -> None:
    put(tmp_path, "demo/v1/SYNTHETIC.txt", "demo/v1/Actor_01/03-01-01-01-01-01-01.wav")
    with pytest.raises(CorpusNotFound):
        made(tmp_path).utterances()
    put(tmp_path, "ravdess/x/Actor_01/03-01-01-01-01-01-01.wav")
    assert [utterance.path.parts[-4] for utterance in made(tmp_path).utterances()] == ["ravdess"]


def test_hidden_folders_and_what_macos_adds_are_passed_over(tmp_path: Path) -> None:
    root = tmp_path / ".cache" / "ravdess"  # what lies above the root does not matter
    put(root, "Actor_01/03-01-01-01-01-01-01.wav")
    put(root, *(f"{folder}/Actor_01/03-01-01-01-01-02-01.wav" for folder in (".Trash", ".x-download", "__MACOSX")))
    assert len(made(root).utterances()) == 1


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/03-01-01-01-01-01-01.wav")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "Actor_01").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "root")
    assert len(made(tmp_path / "root").utterances()) == 1


def test_an_empty_root_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"root is empty; name a folder"):
        made("")


def test_a_missing_or_empty_folder_is_named_with_the_way_out(tmp_path: Path) -> None:
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(CorpusNotFound, match=f"{root}.*corpus=demo"):
            made(root).utterances()
