"""A disk that fills up: one line, nothing half-written, and the run goes on once there is room."""

import errno
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from ser.corpora.base import Utterance
from ser.errors import StoreError
from ser.runs.folder import is_finished
from ser.runs.predictions import predictions_of
from ser.runs.report import write_report
from ser.store.store import Store
from tests.conftest import FAST, Command
from tests.facts import FACTS
from tests.forked import start

# Where and at which call the disk fills up: reading audio, the second epoch's checkpoint, the report's figure.
MOMENTS = {
    "store": "ser.store.store.np.save 1",
    "checkpoint": "ser.training.checkpoints.torch.save 3",
    "report": "ser.runs.figures.save 1",
}
SAID = {
    "store": "paths.store: cannot write to",
    "checkpoint": "last.ckpt (No space",
    "report": "confusion.png (No space",
}


def fill_at(place: str, filler: Path) -> None:
    """Fill a disk, but for 16 kB, when a function is called for the n-th time; `place` is its name, and n."""
    name, n = place.split()
    room, _, function_name = name.rpartition(".")
    module, left = pkgutil.resolve_name(room), [int(n)]
    function = getattr(module, function_name)

    def filling(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            with filler.open("wb", buffering=0) as file:
                with suppress(OSError):
                    while file.write(bytes(4096)):
                        pass
                file.truncate(file.tell() - 4 * 4096)  # what comes now breaks off in the midst of it
        return function(*arguments, **options)

    setattr(module, function_name, filling)


@dataclass(frozen=True)
class Stopped:
    """A run that met a full disk: the disk, how it ended, and what it printed."""

    disk: Path
    code: int
    output: str


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A small disk for each moment."""
    root = tmp_path_factory.mktemp("disks")
    made: dict[str, Path] = {}
    try:
        for moment in MOMENTS:
            (root / moment).mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(root / moment)]
            if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode != 0:
                pytest.skip("no small disk can be mounted here")
            made[moment] = root / moment
        yield made
    finally:
        for disk in made.values():
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("full_disk")


@pytest.fixture(scope="module")
def stopped(disks: dict[str, Path], speech: Path, folder: Path) -> dict[str, Stopped]:
    """A run for each moment, in a process of its own."""
    runs = {}
    for moment, disk in disks.items():
        words = ["corpus=ravdess", "split=random", f"corpus.root={speech}", *settings(moment, disk, speech)]
        fill = partial(fill_at, MOMENTS[moment], disk / "filler")
        (folder / moment).mkdir()
        runs[moment] = start(*words, folder=folder / moment, first=fill)
    return {moment: Stopped(disks[moment], run.wait(), run.output) for moment, run in runs.items()}


def settings(moment: str, disk: Path, speech: Path) -> list[str]:
    at = disk if moment == "store" else speech.parent
    return [*FAST, f"hydra.run.dir={disk / 'run'}", f"paths.store={at / 'store'}"]


@pytest.fixture
def predictions(command: Command, folder: Path) -> bytes:
    """Of a run that had all the room it wanted."""
    if not (folder / "run").exists():
        assert command(*FAST, f"hydra.run.dir={folder / 'run'}").code == 0
    return (folder / "run" / "predictions.csv").read_bytes()


def all_whole(folder: Path) -> bool:
    """Whether all files below are what their names say, and none lies there that was to become another."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix in (".ckpt", ".npy", ".png", ".json")]
    for path in paths:
        if path.suffix == ".ckpt":
            torch.load(path, weights_only=True)
        elif path.suffix == ".npy":
            np.load(path)
        elif path.suffix == ".png":
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
        else:
            json.loads(path.read_text(encoding="utf-8"))
    return not [path for path in folder.rglob(".*") if path.is_file()]


@pytest.mark.parametrize("moment", MOMENTS)
def test_ends_in_one_line_and_goes_on_once_there_is_room(
    moment: str, stopped: dict[str, Stopped], command: Command, predictions: bytes, speech: Path
) -> None:
    run = stopped[moment]
    assert run.code == 1, run.output
    assert "Traceback" not in run.output and "Exception ignored" not in run.output
    last = run.output.splitlines()[-1]
    assert SAID[moment] in last and "free space" in last
    assert all_whole(run.disk)
    assert not (run.disk / "run" / "metrics.json").exists()

    (run.disk / "filler").unlink()
    words = settings(moment, run.disk, speech)
    outcome = command(*words, *([] if moment == "store" else ["resume=true"]))
    assert outcome.code == 0, outcome.output
    assert ("going on from" in outcome.output) == (moment != "store")
    assert (run.disk / "run" / "predictions.csv").read_bytes() == predictions
    assert [path.name for path in (run.disk / "run" / "checkpoints").iterdir()] == ["best.ckpt"]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], None]:
    """`full(room, name)`: from now on the function writes a few bytes, and then finds no space, as on a full disk."""

    def arrange(room: Any, name: str) -> None:
        def half(*arguments: Any, **options: Any) -> None:
            [path] = [argument for argument in arguments if isinstance(argument, Path)]
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(room, name, half)

    return arrange


def test_a_store_without_room_holds_no_half_shard(full: Callable[[Any, str], None], tmp_path: Path) -> None:
    made = Store(tmp_path, kind="waveforms", parameters={})
    made.add([("a", np.ones(5, np.float32))])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    full(np, "save")
    with pytest.raises(StoreError, match=r"^paths\.store: cannot write to .* \(No space.*; free space or set"):
        made.add([("b", np.ones(5, np.float32))])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    again = Store(tmp_path, kind="waveforms", parameters={})
    assert "a" in again and "b" not in again


def test_a_report_without_room_for_a_figure_is_not_finished(full: Callable[[Any, str], None], tmp_path: Path) -> None:
    clips = [Utterance(emotion, Path("a.wav"), emotion, None, "made") for emotion in ("sad", "happy")]
    predictions = predictions_of(clips, ["sad", "happy"], np.eye(2, dtype=np.float32))
    full(Figure, "savefig")
    with pytest.raises(OSError, match=r"No space.*confusion\.png"):
        write_report(tmp_path, FACTS, predictions)
    assert {path.name for path in tmp_path.iterdir()} == {"predictions.csv", "report.txt"}
    assert not is_finished(tmp_path)
