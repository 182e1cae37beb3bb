"""A run that was killed or stopped goes on where it was, and ends as if nothing had happened."""

import csv
import gc
import json
import math
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ser.files import read_csv
from ser.launch import run_folder
from ser.training import checkpoints
from ser.training.recognizer import EmotionRecognizer
from tests.conftest import FAST, Command, Outcome
from tests.forked import start

# Everything that draws random numbers is on: masks, warp, mixup, dropout.
SETTINGS = ["split=random", "epochs=4", "batch_size=8", "training.ema_decay=0.9", "training.monitor=loss", *FAST[:-1]]
SETTINGS += ["training.calibrate=true"]
FOLDS = ["split=kfold", "split.fold=all", "batch_size=8", *FAST]
RUN = [*SETTINGS, "hydra.run.dir=run"]
STEPS_AN_EPOCH = 6
N_STEPS = 4 * STEPS_AN_EPOCH


@pytest.fixture
def command(command: Command, few: Path) -> Command:
    """The command on one clip of each speaker, emotion and sentence."""

    def run(*words: str) -> Outcome:
        root = [] if any(word.startswith("corpus.root=") for word in words) else [f"corpus.root={few}"]
        return command(*root, *words)

    return run


class Killed(BaseException):
    """Ends a run at once, as a kill does: nothing of ours catches it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("resume")


@pytest.fixture
def whole(command: Command, folder: Path) -> Path:
    """A run that nobody disturbed."""
    if not (folder / "whole").exists():
        outcome = command(*SETTINGS, f"hydra.run.dir={folder / 'whole'}")
        assert outcome.code == 0, outcome.output
    return folder / "whole"


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], Any]], None]:
    """`at_step(n, act)`: act once, when the n-th training step from now has been taken."""
    step = EmotionRecognizer.training_step

    def arrange(n: int, act: Callable[[], Any]) -> None:
        left = [n]

        def counted(self: EmotionRecognizer, *arguments: Any) -> Any:
            loss = step(self, *arguments)
            left[0] -= 1
            if left[0] == 0:
                act()
            return loss

        monkeypatch.setattr(EmotionRecognizer, "training_step", counted)

    return arrange


def kill() -> None:
    raise Killed


def until_killed(command: Command, *overrides: str) -> None:
    with pytest.raises(Killed):
        command(*overrides)
    gc.collect()  # a process that is killed lets go of its lock


def files(run: Path) -> dict[str, bytes]:
    names = ("predictions.csv", "validation.csv", "history.csv", "split.csv")
    return {name: (run / name).read_bytes() for name in names}


def same_report(one: Path, other: Path) -> None:
    assert files(one) == files(other)
    assert {path.name for path in (one / "checkpoints").iterdir()} == {"best.ckpt"}
    results = [json.loads((run / "metrics.json").read_text(encoding="utf-8")) for run in (one, other)]
    for result in results:
        result.pop("seconds")
    assert results[0] == results[1]


def test_killed_at_random_steps(command: Command, whole: Path, at_step: Any) -> None:
    where = random.Random(0)
    at_step(where.randrange(1, N_STEPS), kill)
    until_killed(command, *RUN)
    for _ in range(3):
        at_step(where.randrange(1, 2 * STEPS_AN_EPOCH), kill)
        try:
            outcome = command(*RUN, "resume=true")
        except Killed:
            gc.collect()
            continue
        assert outcome.code == 0, outcome.output
        break
    else:
        at_step(10**6, kill)
        outcome = command(*RUN, "resume=true")
        assert outcome.code == 0, outcome.output
        assert "going on from" in outcome.output
    same_report(Path("run"), whole)


@pytest.mark.parametrize("name", ["best", "last"])
def test_killed_while_a_checkpoint_is_written(
    name: str, command: Command, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = checkpoints.torch.save
    losses = [float(row["val_loss"]) for row in read_csv(whole / "history.csv")]
    n_best = sum(loss < min(losses[:epoch], default=math.inf) for epoch, loss in enumerate(losses))
    n_whole = {"best": n_best - 1, "last": 2}[name]  # so many are written whole
    n_saved = 0

    def half(checkpoint: Any, file: Any) -> None:
        nonlocal n_saved
        n_saved += f".{name}-" in file.name
        if n_saved > n_whole and f".{name}-" in file.name:
            file.write(b"half")
            raise Killed
        save(checkpoint, file)

    monkeypatch.setattr(checkpoints.torch, "save", half)
    until_killed(command, *RUN)
    monkeypatch.setattr(checkpoints.torch, "save", save)
    outcome = command(*RUN, "resume=true")
    assert outcome.code == 0, outcome.output
    same_report(Path("run"), whole)


def test_killed_before_anything_was_saved(command: Command, whole: Path, at_step: Any) -> None:
    at_step(3, kill)
    until_killed(command, *RUN, "resume=true")  # which begins a run where there is none
    at_step(10**6, kill)
    assert command(*RUN, "resume=true").code == 0
    same_report(Path("run"), whole)


def test_killed_for_good_in_a_process_of_its_own(command: Command, few: Path, whole: Path, tmp_path: Path) -> None:
    """SIGKILL, the real thing; and the run is found without being named."""
    store = f"paths.store={few.parent / 'store'}"
    run = start("corpus=ravdess", f"corpus.root={few}", *SETTINGS, store, folder=tmp_path)
    run.wait_for("outputs/*/*/checkpoints/last.ckpt")
    run.kill()
    outcome = command(*SETTINGS, "resume=true")
    assert outcome.code == 0, outcome.output
    [folder] = tmp_path.glob("outputs/*/*")
    same_report(folder, whole)


def test_all_folds_go_on(command: Command, folder: Path, at_step: Any) -> None:
    folds = [*FOLDS, "split.k=2"]
    assert command(*folds, f"hydra.run.dir={folder / 'folds'}").code == 0
    at_step(6 + 5, kill)  # in the second epoch of the second fold
    until_killed(command, *folds, "hydra.run.dir=run")
    first = Path("run/fold-1/metrics.json").stat().st_mtime_ns
    at_step(10**6, kill)
    outcome = command(*folds, "hydra.run.dir=run", "resume=true")
    assert outcome.code == 0, outcome.output
    assert Path("run/fold-1/metrics.json").stat().st_mtime_ns == first, "a finished fold is left as it is"
    assert Path("run/predictions.csv").read_bytes() == (folder / "folds" / "predictions.csv").read_bytes()


def test_folds_of_a_corpus_that_changed_are_not_pooled(command: Command, few: Path, at_step: Any) -> None:
    shutil.copytree(few, "corpus")
    folds = [*FOLDS, "split.k=2", "corpus.root=corpus", "hydra.run.dir=run"]
    at_step(6 + 2, kill)  # in the first epoch of the second fold: there is no last.ckpt that would tell
    until_killed(command, *folds)
    at_step(10**6, kill)
    clips = sorted(Path("corpus").rglob("*.wav"))
    soundfile.write(clips[0], soundfile.read(clips[1])[0][::-1], 16000)
    outcome = command(*folds, "resume=true")
    assert outcome.code == 1 and "fold-1 began" in outcome.output
    clips[0].unlink()
    outcome = command(*folds, "resume=true")
    assert outcome.code == 1 and "the corpus has changed since the run in" in outcome.output


def test_ctrl_c_in_the_test_says_so(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(EmotionRecognizer, "predict_step", interrupted)
    outcome = command(*RUN, "epochs=1")
    assert outcome.code == 130 and "interrupted" in outcome.output and "Traceback" not in outcome.output


@pytest.mark.parametrize("step", [3, 2 * STEPS_AN_EPOCH + 3], ids=["first epoch", "third epoch"])
def test_ctrl_c_leaves_a_marked_run_that_can_go_on(step: int, command: Command, whole: Path, at_step: Any) -> None:
    epoch = 1 + step // STEPS_AN_EPOCH
    at_step(step, lambda: signal.raise_signal(signal.SIGINT))
    outcome = command(*RUN)
    assert outcome.code == 130
    assert "Traceback" not in outcome.output and "press Ctrl-C again" in outcome.output
    results = json.loads(Path("run/metrics.json").read_text(encoding="utf-8"))
    assert results["interrupted"] == {"epoch": epoch, "n_epochs": 4} and 0 <= results["uar"] <= 1
    assert f"INTERRUPTED in epoch {epoch} of 4" in Path("run/report.txt").read_text(encoding="utf-8")
    for name, n_clips in (("predictions", results["n_test"]), ("validation", results["split"]["n_val"])):
        with Path(f"run/{name}.csv").open(encoding="utf-8") as file:
            assert len(list(csv.DictReader(file))) == n_clips
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    EmotionRecognizer.load_from_checkpoint("run/checkpoints/best.ckpt", weights_only=True)
    gc.collect()  # the process has ended, and lets go of its lock

    at_step(10**6, kill)
    outcome = command(*SETTINGS, "resume=run")
    assert outcome.code == 0, outcome.output
    same_report(Path("run"), whole)


def test_ctrl_c_twice_ends_at_once(command: Command, at_step: Any) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    at_step(3, twice)
    outcome = command(*RUN)
    assert outcome.code == 130 and "Traceback" not in outcome.output
    assert not Path("run/metrics.json").exists()


def test_ctrl_c_among_folds_pools_those_that_were_tested(command: Command, at_step: Any) -> None:
    at_step(10 + 7, lambda: signal.raise_signal(signal.SIGINT))
    outcome = command(*FOLDS, "split.k=3", "hydra.run.dir=run")
    assert outcome.code == 130
    results = json.loads(Path("run/metrics.json").read_text(encoding="utf-8"))
    assert results["interrupted"] == {"epoch": 2, "n_epochs": 2, "fold": 2, "n_folds": 3}
    assert "2 of 3 folds pooled" in outcome.output and "INTERRUPTED" in outcome.output


class TestRefusals:
    """What cannot go on is refused with a reason, and is left as it is."""

    def test_a_finished_run(self, command: Command, whole: Path) -> None:
        outcome = command(*SETTINGS, f"resume={whole}")
        assert outcome.code == 1 and "is finished" in outcome.output

    def test_nothing_there(self, command: Command) -> None:
        outcome = command(*SETTINGS, "resume=true")
        assert outcome.code == 1 and "no unfinished run with these settings" in outcome.output

    def test_other_settings(self, command: Command, whole: Path) -> None:
        shutil.copytree(whole, "run")
        Path("run/metrics.json").unlink()
        outcome = command(*RUN, "model.dropout=0.5", "resume=true")
        assert outcome.code == 1 and "model.dropout was 0.2, now 0.5" in outcome.output

    def test_a_damaged_checkpoint(self, command: Command, at_step: Any) -> None:
        at_step(STEPS_AN_EPOCH + 3, kill)
        until_killed(command, *RUN)
        at_step(10**6, kill)
        last = Path("run/checkpoints/last.ckpt")
        last.write_bytes(last.read_bytes()[:999])
        outcome = command(*RUN, "resume=true")
        assert outcome.code == 1 and "last.ckpt is damaged; delete it" in outcome.output

    def test_another_corpus(self, command: Command, whole: Path, few: Path, at_step: Any) -> None:
        shutil.copytree(few, "corpus")
        at_step(STEPS_AN_EPOCH + 3, kill)
        until_killed(command, *RUN, "corpus.root=corpus")
        at_step(10**6, kill)
        clips = sorted(Path("corpus").rglob("*.wav"))
        shutil.copy(clips[1], clips[0])
        outcome = command(*RUN, "corpus.root=corpus", "resume=true")
        assert outcome.code == 1 and "the corpus has changed" in outcome.output
        clips[0].unlink()
        outcome = command(*RUN, "corpus.root=corpus", "resume=true")
        assert outcome.code == 1 and "the corpus has changed" in outcome.output

    def test_a_folder_in_which_a_run_is_at_work(self, command: Command, tmp_path: Path) -> None:
        (tmp_path / "run" / ".hydra").mkdir(parents=True)
        with run_folder.FileLock(tmp_path / "run" / ".hydra" / "run.lock"):
            outcome = command(*RUN)
        assert outcome.code == 1 and "another run is at work" in outcome.output
