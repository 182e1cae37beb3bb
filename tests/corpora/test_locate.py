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


def test_who_is_nearest_goes_first_and_what_is_taken_is_no_other_s(tmp_path: Path) -> None:
    tree(tmp_path, "Al/sad/1.wav", "Bo/sad/1.wav", "Bo/angry/1.wav")
    written = [f"x/{who}/{emotion}/1.wav" for who in ("Al", "Bo", "Cy") for emotion in ("sad", "angry")]
    assert locate(written[:4], tmp_path) == {
        "x/Al/sad/1.wav": tmp_path / "Al/sad/1.wav",
        "x/Bo/sad/1.wav": tmp_path / "Bo/sad/1.wav",
        "x/Bo/angry/1.wav": tmp_path / "Bo/angry/1.wav",
    }
    assert locate(written, tmp_path) == locate(written[:4], tmp_path)


def test_a_folder_may_stand_in_the_name(tmp_path: Path) -> None:
    tree(tmp_path, "AudioData/JE/n23.wav", "AudioData/DC/n23.wav", "AudioData/KL/n23.wav")
    assert locate(["savee/JE_n23.wav", "savee/DC_n23.wav", "savee/JK_n23.wav"], tmp_path) == {
        "savee/JE_n23.wav": tmp_path / "AudioData/JE/n23.wav",
        "savee/DC_n23.wav": tmp_path / "AudioData/DC/n23.wav",
    }


def test_a_recording_in_two_formats_is_one(tmp_path: Path) -> None:
    tree(tmp_path, "a/u1.mp4", "a/u1.wav")
    assert locate(["b/a/u1.mp4"], tmp_path) == {"b/a/u1.mp4": tmp_path / "a/u1.wav"}


def test_what_is_ambiguous_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "one/Actor_01/a.wav", "two/Actor_01/a.wav", "u1.wav")
    with pytest.raises(CorpusError, match=r"x/Actor_01/a\.wav may be .*one.*a\.wav or .*two.*a\.wav; name the folder"):
        locate(["x/Actor_01/a.wav"], tmp_path)
    with pytest.raises(CorpusError, match=r"u1\.wav may be dev/u1\.mp4 or train/u1\.mp4"):
        locate(["dev/u1.mp4", "train/u1.mp4"], tmp_path)
