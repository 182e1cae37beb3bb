import copy
import csv
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from ser.commands import find_lr, main
from ser.commands.find_lr import HIGHEST, LOWEST, N_SKIPPED, N_STEPS
from ser.encoders import SpeechEncoder
from ser.models.finetune import Finetune
from ser.training.recognizer import EmotionRecognizer
from tests.conftest import FAST

WORDS = ["split=random", "batch_size=8", *FAST[:-1]]


@pytest.fixture
def words(few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pytest"])
    return ["find-lr", "corpus=ravdess", f"corpus.root={few}", f"paths.store={few.parent / 'store'}"]


def read(folder: Path) -> list[tuple[float, float]]:
    with (folder / "learning_rate.csv").open(encoding="utf-8", newline="") as file:
        return [(float(row["lr"]), float(row["loss"])) for row in csv.DictReader(file)]


def test_finds_a_rate(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*words, *WORDS]) == 0
    captured = capfd.readouterr()
    output = captured.out + captured.err
    [rate] = re.findall(r"suggested: optim\.lr=(\S+),", output)
    [folder] = Path("outputs").glob("*/*-find_lr")
    assert f"the curve is in {folder.resolve()}" in output
    assert {path.name for path in folder.iterdir()} == {
        *("learning_rate.csv", "learning_rate.png", "find_lr.log", ".hydra")
    }, "no checkpoint is left"
    assert (folder / "learning_rate.png").read_bytes().startswith(b"\x89PNG")
    rows = read(folder)
    rates = [row[0] for row in rows]
    assert N_SKIPPED < len(rows) <= N_STEPS and rates == sorted(rates)
    assert rates[0] == pytest.approx(LOWEST, rel=0.2) and rates[-1] <= HIGHEST
    assert rates[N_SKIPPED] <= float(rate) * 1.05 and float(rate) <= rates[-1]
    steepest = min(range(N_SKIPPED, len(rows) - 1), key=lambda step: slope(rows, step))
    assert float(rate) == pytest.approx(rates[steepest], rel=0.05)


def slope(rows: list[tuple[float, float]], step: int) -> float:
    (before, high), (after, low) = rows[max(step - 1, N_SKIPPED)], rows[min(step + 1, len(rows) - 2)]
    return (low - high) / (after - before)


def test_begins_as_a_training_does(words: list[str], monkeypatch: pytest.MonkeyPatch, encoders: Path) -> None:
    """With features normalised, pretrained weights loaded, and parts that have a rate of their own left alone."""
    seen: list[EmotionRecognizer] = []
    step = EmotionRecognizer.training_step

    def watched(self: EmotionRecognizer, *arguments: Any) -> Any:
        if not seen:
            seen.append(copy.deepcopy(self))
        return step(self, *arguments)

    monkeypatch.setattr(EmotionRecognizer, "training_step", watched)
    monkeypatch.setattr(find_lr, "N_STEPS", 4)
    monkeypatch.setattr(find_lr, "N_SKIPPED", 0)
    assert main([*words, *WORDS]) == 0
    assert float(seen.pop().normalization.mean.abs().min()) > 1
    finetune = ["feature=waveform", "model=finetune", f"model.checkpoint={encoders / 'hubert'}"]
    assert main([*words, "split=random", "batch_size=8", *finetune]) == 0
    pretrained = SpeechEncoder.load(encoders / "hubert").state_dict()
    assert isinstance(seen[0].model, Finetune)
    torch.testing.assert_close(seen[0].model.encoder.state_dict(), pretrained, atol=0, rtol=0)
    assert not any(parameter.requires_grad for parameter in seen[0].model.encoder.parameters())


@pytest.mark.parametrize(
    ("from_step", "said", "n_rows"),
    [(0, "loss: it is no number even at the lowest learning rate", None), (20, "set optim.lr lower, as the curve", 20)],
)
def test_a_loss_that_is_no_number(
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    from_step: int,
    said: str,
    n_rows: int | None,
) -> None:
    step, done = EmotionRecognizer.training_step, []

    def failing(self: EmotionRecognizer, *arguments: Any) -> Any:
        done.append(1)
        return step(self, *arguments) * (float("nan") if len(done) > from_step else 1.0)

    monkeypatch.setattr(EmotionRecognizer, "training_step", failing)
    monkeypatch.setattr(find_lr, "N_STEPS", 25)
    with pytest.raises(SystemExit) as stop:
        main([*words, *WORDS, "hydra.run.dir=found"])
    captured = capfd.readouterr()
    output = captured.out + captured.err
    assert stop.value.code == 1 and said in output and "Traceback" not in output
    assert (len(read(Path("found"))) if Path("found/learning_rate.csv").exists() else None) == n_rows


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("trainer=ddp", "leave out trainer=ddp"),
        ("+trainer.fast_dev_run=true", "trainer.fast_dev_run: no learning rate"),
    ],
)
def test_what_is_refused(words: list[str], capfd: pytest.CaptureFixture[str], word: str, said: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*words, *WORDS, word])
    captured = capfd.readouterr()
    assert stop.value.code == 1
    assert said in captured.out + captured.err and "Traceback" not in captured.out + captured.err


@pytest.mark.parametrize("model", ["linear", "svm"])
def test_a_model_that_is_solved_is_refused(words: list[str], capfd: pytest.CaptureFixture[str], model: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*words, "split=random", "feature.n_bands=16", "feature.hop_s=0.05", f"model={model}"])
    captured = capfd.readouterr()
    assert stop.value.code == 1 and "Traceback" not in captured.out + captured.err
    assert "model: is solved and has no learning rate; choose one that is trained, such as model=resnet" in captured.out


def test_several_configurations_are_refused(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "-m", "seed=0,1"]) == 2
    assert "one configuration at a time; leave -m out" in capfd.readouterr().err and not Path("outputs").exists()
