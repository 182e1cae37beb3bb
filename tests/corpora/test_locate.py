"""Finding recordings by the last folders of a path that was written elsewhere."""

from pathlib import Path

import pytest

from ser.corpora.locate import locate
from ser.errors import CorpusError


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_folders_above_do_not_matter(tmp_path: Path) -> None:
    tree(tmp_path, "mine/Actor_01/a.wav", "mine/actor_02/a.flac", "notes/Actor_03/a.txt")
    written = ["downloads/x/Actor_01/a.wav", "downloads/x/Actor_02/a.wav", "downloads/x/Actor_03/b.wav"]
    found = {written[0]: tmp_path / "mine/Actor_01/a.wav", written[1]: tmp_path / "mine/actor_02/a.flac"}
    assert locate(written, tmp_path) == found
    assert locate([written[0]], tmp_path / "mine" / "Actor_01") == {written[0]: found[written[0]]}


def test_the_longest_common_ending_decides(tmp_path: Path) -> None:
    tree(tmp_path, "speech/Actor_01/a.wav", "copy/Actor_01/a.wav", "train/u1.mp4")
    assert locate(["x/Speech/Actor_01/a.wav"], tmp_path) == {
        "x/Speech/Actor_01/a.wav": tmp_path / "speech/Actor_01/a.wav"
    }
    # What is not there is not taken for another of the same name.
    assert locate(["x/dev/u1.mp4", "x/train/u1.mp4"], tmp_path) == {"x/train/u1.mp4": tmp_path / "train/u1.mp4"}


def test_a_recording_in_two_formats_is_one(tmp_path: Path) -> None:
    tree(tmp_path, "a/u1.mp4", "a/u1.wav")
    assert locate(["b/a/u1.mp4"], tmp_path) == {"b/a/u1.mp4": tmp_path / "a/u1.wav"}


def test_what_is_ambiguous_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "one/Actor_01/a.wav", "two/Actor_01/a.wav", "u1.wav")
    with pytest.raises(CorpusError, match=r"x/Actor_01/a\.wav may be .*one.*a\.wav or .*two.*a\.wav; name the folder"):
        locate(["x/Actor_01/a.wav"], tmp_path)
    with pytest.raises(CorpusError, match=r"u1\.wav may be dev/u1\.mp4 or train/u1\.mp4"):
        locate(["dev/u1.mp4", "train/u1.mp4"], tmp_path)
