"""`ser store fill`: by parts at once, and a training that finds all there."""

import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ser.commands import main
from ser.preparation import prepare
from ser.store import store
from ser.store.store import Store, read_shard, shard_names
from tests.conftest import Command, configured

Fill = Callable[..., tuple[int, str, str]]


N_CLIPS = 16


@pytest.fixture
def places(tmp_path: Path, few: Path) -> list[str]:
    """Settings: a corpus of two emotions, and a store of its own."""
    for clip in [*few.rglob("03-01-03-*.wav"), *few.rglob("03-01-04-*.wav")]:
        (tmp_path / "clips" / clip.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, tmp_path / "clips" / clip.parent.name)
    return ["corpus=ravdess", f"corpus.root={tmp_path / 'clips'}", f"paths.store={tmp_path / 'store'}"]


@pytest.fixture
def fill(places: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Fill:
    """`fill("feature=mfcc", ...)` gives the exit code, and what was said."""
    monkeypatch.chdir(tmp_path)

    def type_in(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["store", "fill", *places, *words])
        said = capfd.readouterr()
        return code, said.out, said.err

    return type_in


def _killed_after_a_file_of_frames() -> None:
    write = Store._write

    def count(self: Store, *content: Any) -> None:
        write(self, *content)
        if self.folder.name.startswith("frames"):
            os.kill(os.getpid(), signal.SIGKILL)

    Store._write = count  # type: ignore[method-assign]


def _part(words: Sequence[str], is_killed: bool) -> None:
    store.SHARD_BYTES = 1  # a file for each clip
    if is_killed:
        _killed_after_a_file_of_frames()
    sys.exit(main(["store", "fill", *words]))


def _content(folder: Path) -> dict[tuple[str, str], str]:
    """Digests of all arrays of a store."""
    shards = [(path, read_shard(path, name)) for path in folder.iterdir() for name in shard_names(path)]
    return {(path.name, key): entry.digest for path, shard in shards for key, entry in shard.entries.items()}


def test_four_parts_at_once_one_killed_and_begun_again(
    fill: Fill, command: Command, places: list[str], encoders: Path, tmp_path: Path
) -> None:
    words = ["feature=wav2vec", f"feature.checkpoint={encoders / 'wav2vec2'}", "model=linear", "model.speeds=[1,0.95]"]
    assert fill(*words, f"paths.store={tmp_path / 'whole'}")[0] == 0  # it also imports all that they need
    context = multiprocessing.get_context("fork")
    parts = [["--shard", f"{number}/4"] for number in (1, 2, 3, 4)]
    at_work = [context.Process(target=_part, args=([*places, *words, *part], part == parts[2])) for part in parts]
    for process in at_work:
        process.start()
    for process in at_work:
        process.join(60)
    assert [process.exitcode for process in at_work] == [0, 0, -signal.SIGKILL, 0]
    code, out, _ = fill(*words, *parts[2])
    n_part = N_CLIPS // 4
    first, read, plain, slower = out.splitlines()
    assert code == 0 and first.endswith(f"{n_part} of {N_CLIPS} clips, part 3 of 4")
    assert read == f"waveforms: {n_part} were there, 0 were made"
    assert plain.endswith(f": 1 were there, {n_part - 1} were made")
    assert slower.endswith(f", at speed 0.95: 0 were there, {n_part} were made")
    trained = command(*places, *words)
    assert trained.code == 0 and "Reading audio" not in trained.output
    assert "are to be computed" not in trained.output and "filling" not in trained.output
    _, out, _ = fill(*words)
    assert out.count(f": {N_CLIPS} were there, 0 were made") == 3
    assert _content(tmp_path / "store") == _content(tmp_path / "whole")


def test_frames_of_a_frozen_lower_part_and_its_variants(
    fill: Fill, places: list[str], encoders: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ["feature=waveform", "model=finetune", f"model.checkpoint={encoders / 'wavlm'}", "model.freeze_layers=2"]
    words += ["model.time_masking=false", "augment=waveform", "model.variants=1", "split=random"]
    code, out, _ = fill(*words)
    assert code == 0 and ", variant 1: 0 were there" in out
    caplog.set_level("INFO", "ser")
    caplog.clear()
    prepare(configured(*places, *words), tmp_path)
    assert "is computed once" in caplog.text and "are to be computed" not in caplog.text


def test_what_is_not_frozen_and_what_is_broken(fill: Fill, tmp_path: Path, few: Path) -> None:
    for number, clip in enumerate(sorted(few.rglob("*.wav"))[:3]):
        own = tmp_path / "own" / ("happy" if number else "sad") / f"{number}.wav"
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_bytes(clip.read_bytes() if number else b"no sound")
    code, out, _ = fill("corpus=folder", "corpus.root=own")
    assert code == 0 and "waveforms: 0 were there, 2 were made" in out
    assert "1 clips cannot be used, and a training leaves them out; the first: own/sad/0.wav" in out
    assert "only waveforms are kept" in out
    code, out, _ = fill("corpus=folder", "corpus.root=own", "--shard", "4/4")
    assert code == 0 and "0 of 3 clips, part 4 of 4" in out, "there are more parts than clips"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--shard", "5/4"], "--shard must be as 3/64"),
        (["feature=mine"], "feature=mine: no such feature"),
        (["tta=2", "model=linear"], "tta: views at other speeds"),
        (["corpus.root=nowhere"], "corpus.root: no folder nowhere"),
    ],
)
def test_mistakes_end_in_one_message(fill: Fill, words: list[str], told: str) -> None:
    code, _, err = fill(*words)
    assert code in (1, 2) and told in err and "Traceback" not in err
