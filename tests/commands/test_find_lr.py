import copy
import csv
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from conftest import FAST, load_script

from ser.encoders import SpeechEncoder
from ser.models.finetune import Finetune
from ser.training.recognizer import EmotionRecognizer


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("find_lr")


@pytest.fixture
def words(speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    return ["find_lr.py", "corpus=ravdess", f"corpus.root={speech}", f"paths.store={speech.parent / 'store'}"]


def test_finds_a_rate(
    script: ModuleType, words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [*words, "split=random", "batch_size=8", *FAST[:-1]])
    script.main()
    captured = capfd.readouterr()
    output = captured.out + captured.err
    [rate] = re.findall(r"suggested: optim\.lr=(\S+),", output)
    assert 1e-6 <= float(rate) <= 1
    [folder] = Path("outputs").glob("*/*-find_lr")
    assert f"the curve is in {folder.resolve()}" in output
    assert {path.name for path in folder.iterdir()} == {
        *("learning_rate.csv", "learning_rate.png", "find_lr.log", ".hydra")
    }, "no checkpoint is left"
    assert (folder / "learning_rate.png").read_bytes().startswith(b"\x89PNG")
    with (folder / "learning_rate.csv").open(encoding="utf-8", newline="") as file:
        rows = [(float(row["lr"]), float(row["loss"])) for row in csv.DictReader(file)]
    rates = [row[0] for row in rows]
    assert 50 < len(rows) <= 100 and rates == sorted(rates)
    assert rates[0] == pytest.approx(1e-6, rel=0.2) and rates[-1] <= 1
    best = min(rows, key=lambda row: row[1])
    assert float(rate) == pytest.approx(best[0] / 3, rel=0.05)
    assert best[1] < rows[0][1], "the loss falls as the rate rises"
    assert rates[0] < best[0]


def test_begins_as_a_training_does(
    script: ModuleType, words: list[str], monkeypatch: pytest.MonkeyPatch, encoders: Path
) -> None:
    """With features normalised, pretrained weights loaded, and parts that have a rate of their own left alone."""
    seen: list[EmotionRecognizer] = []
    step = EmotionRecognizer.training_step

    def watched(self: EmotionRecognizer, *arguments: Any) -> Any:
        if not seen:
            seen.append(copy.deepcopy(self))
        return step(self, *arguments)

    monkeypatch.setattr(EmotionRecognizer, "training_step", watched)
    monkeypatch.setattr(sys, "argv", [*words, "split=random", "batch_size=8", *FAST[:-1]])
    script.main()
    assert float(seen.pop().normalization.mean.abs().min()) > 1
    finetune = ["feature=waveform", "model=finetune", f"model.checkpoint={encoders / 'hubert'}"]
    monkeypatch.setattr(sys, "argv", [*words, "split=random", "batch_size=8", *finetune])
    script.main()
    pretrained = SpeechEncoder.load(encoders / "hubert").state_dict()
    assert isinstance(seen[0].model, Finetune)
    torch.testing.assert_close(seen[0].model.encoder.state_dict(), pretrained, atol=0, rtol=0)
    assert not any(parameter.requires_grad for parameter in seen[0].model.encoder.parameters())


def test_several_processes_are_refused(
    script: ModuleType, words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [*words, "trainer=ddp"])
    with pytest.raises(SystemExit) as stop:
        script.main()
    captured = capfd.readouterr()
    assert stop.value.code == 1
    assert "leave out trainer=ddp" in captured.out + captured.err and "Traceback" not in captured.out + captured.err
