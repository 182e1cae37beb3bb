"""ser store: what is listed, what is found damaged, and what goes."""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ser.commands import main
from ser.store.store import Store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(stores: dict[str, Store], capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on the stores; gives the exit code, and what it said."""

    def runs(*words: str) -> tuple[int, str, str]:
        folder = stores["waveforms"].folder.parent
        code = main(["store", *words, "--store", str(folder)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return runs


@pytest.fixture
def stores(tmp_path: Path) -> dict[str, Store]:
    """Waveforms, used ten days ago, and frames, used today."""
    waveforms = {"sample_rate": 16_000, "top_db": 30.0, "recipe": 1, "libraries": {"soxr": "1.1"}}
    identity = {"weights": "0123456789abcdef" * 4, "layer": "mean", "libraries": {"transformers": "5"}}
    made = {
        "waveforms": Store(tmp_path / "store", kind="waveforms", parameters=waveforms),
        "frames": Store(
            tmp_path / "store",
            kind="frames",
            parameters={"waveforms": waveforms, "feature": identity, "precision": "32"},
            dtype=np.float16,
            about={"feature": "some/long-named-checkpoint-of-an-encoder"},
        ),
    }
    for number in range(3):
        made["waveforms"].add([(str(number), np.full(1000 + number, 0.5, np.float32))])
    made["frames"].add([("0", np.full((8, 4000), 0.5, np.float16))])
    os.utime(made["waveforms"].folder, (time.time() - 10 * 86_400,) * 2)
    return made


def test_lists_what_is_there(run: Run, stores: dict[str, Store]) -> None:
    code, out, _ = run("list")
    first, second = out.splitlines()  # the latest first
    assert code == 0
    assert first.startswith(stores["frames"].folder.name) and second.startswith(stores["waveforms"].folder.name)
    assert "     1 clips       0.1 MB" in first and "     3 clips       0.0 MB" in second
    assert first.endswith("some/long-named-checkpoint-of-an-encoder, precision 32, sample_rate 16000, top_db 30.0")
    assert second.endswith("sample_rate 16000, top_db 30.0")
    assert f"used {time.strftime('%Y-%m-%d')}" in first


def test_lists_what_is_damaged_too(run: Run, stores: dict[str, Store]) -> None:
    folder = stores["frames"].folder
    for path in folder.glob("*.json"):
        path.write_text("garbage")
    assert run("list")[0] == 0


def test_listing_is_no_use(run: Run, stores: dict[str, Store]) -> None:
    before = stores["waveforms"].folder.stat().st_mtime_ns
    run("list")
    run("verify")
    assert stores["waveforms"].folder.stat().st_mtime_ns == before


def test_nothing_is_there(run: Run, stores: dict[str, Store]) -> None:
    run("prune", "--all", "--yes")
    assert run("list") == (0, "nothing is there\n", "")


def test_no_such_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("list", "verify"):
        assert main(["store", command, "--store", str(tmp_path / "none")]) == 1
        assert "--store: no folder" in capsys.readouterr().err


def test_verifies(run: Run, stores: dict[str, Store]) -> None:
    assert run("verify") == (0, "4 clips checked, 0 files damaged\n", "")
    flipped, cut = sorted(stores["waveforms"].folder.glob("*.npy"))[:2]
    content = bytearray(flipped.read_bytes())
    content[-1] ^= 1
    flipped.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-1])
    code, out, err = run("verify")
    assert code == 1
    assert err.splitlines() == [
        f"{path} is damaged; the next run that needs it makes it again" for path in (flipped, cut)
    ]
    assert "2 files damaged" in out


def test_prunes_by_name(run: Run, stores: dict[str, Store]) -> None:
    name = stores["frames"].folder.name
    code, out, _ = run("prune", name, "--yes")
    assert code == 0 and name in out and "0.1 MB are free" in out
    assert not stores["frames"].folder.exists() and stores["waveforms"].folder.exists()


def test_prunes_by_age(run: Run, stores: dict[str, Store]) -> None:
    assert run("prune", "--older-than", "11", "--yes")[0] == 0
    assert stores["waveforms"].folder.exists()
    assert run("prune", "--older-than", "9", "--yes")[0] == 0
    assert not stores["waveforms"].folder.exists() and stores["frames"].folder.exists()


def test_prune_wants_to_know_what(run: Run, stores: dict[str, Store]) -> None:
    code, _, err = run("prune")
    assert code == 2 and "say what shall go" in err
    code, _, err = run("prune", "other", "--yes")
    assert code == 1 and "other: nothing of that name is in the store" in err
    assert all(kept.folder.exists() for kept in stores.values())


@pytest.mark.parametrize(("answer", "goes"), [("y\n", True), ("n\n", False), ("", False)])
def test_prune_asks(
    run: Run, stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch, answer: str, goes: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    code, out, _ = run("prune", "--all")
    assert "throw away 0.1 MB?" in out
    assert code == (not goes)
    assert [kept.folder.exists() for kept in stores.values()] == [not goes] * 2


def test_what_a_run_is_computing_stays(run: Run, stores: dict[str, Store]) -> None:
    with stores["frames"].alone():
        code, out, err = run("prune", "--all", "--yes")
    assert code == 1 and "frames" in err and "stays: a run is computing what it holds" in err
    assert "0.0 MB are free" in out
    assert stores["frames"].folder.exists() and not stores["waveforms"].folder.exists()
    assert run("verify") == (0, "1 clips checked, 0 files damaged\n", "")


def test_leftovers_of_killed_runs_go_from_what_stays(run: Run, stores: dict[str, Store]) -> None:
    folder = stores["frames"].folder
    before = {path.name for path in folder.iterdir()}
    for name, days in ((".shard-abcd1234.npy", 2), ("orphan.npy", 2), ("young.npy", 0.5)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - days * 86_400,) * 2)
    run("prune", stores["waveforms"].folder.name, "--yes")
    assert {path.name for path in folder.iterdir()} == before | {"young.npy"}
