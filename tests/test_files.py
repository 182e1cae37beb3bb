import os
import time
from pathlib import Path

import pytest

from ser.config.places import conf_dir, source_dir
from ser.files import LEFTOVER_AGE_S, remove_leftovers, replacing


def test_the_configurations_are_found() -> None:
    assert (conf_dir() / "train.yaml").is_file()


def test_the_source_is_found() -> None:
    assert (source_dir() / "files.py").is_file()


def test_writes_beside_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    with replacing(path) as beside:
        assert (beside.parent, beside.suffix) == (path.parent, ".json")
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as beside:
        beside.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_without_an_old_file_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), replacing(tmp_path / "result.json") as beside:
        beside.write_text("half")
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def test_others_may_read_the_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "result.json") as beside:
        beside.write_text("{}")
    assert (tmp_path / "result.json").stat().st_mode & 0o777 == 0o644


def test_old_leftovers_are_swept_up_and_nothing_else(tmp_path: Path) -> None:
    with replacing(tmp_path / "result.tar.json") as young:
        pass
    with replacing(tmp_path / "plain") as plain:
        pass
    names = [".old-abcd_123.json", young.name, plain.name]
    kept = ["result-abcd1234.json", ".hidden", ".config-dir", ".a-ABCD1234.json", ".new-abcd1234.json"]
    for name in [*names, *kept]:
        (tmp_path / name).touch()
        if name != ".new-abcd1234.json":
            long_ago = time.time() - LEFTOVER_AGE_S - 60
            os.utime(tmp_path / name, (long_ago, long_ago))
    (tmp_path / ".folder-abcd1234").mkdir()
    os.utime(tmp_path / ".folder-abcd1234", (0, 0))
    remove_leftovers(tmp_path)
    kept += [".folder-abcd1234", "result.tar.json", "plain"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    remove_leftovers(tmp_path / "nowhere")
