"""trainer.accumulate_grad_batches: a step follows the mean over all clips in it, however they lie in batches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from ser.training.data import Batch, Part, SpeechData, collate
from ser.training.recognizer import EmotionRecognizer
from tests.components import settings
from tests.training.test_recognizer import LABELS, make

N_CLIPS, BATCH_SIZE = 30, 4  # the last batch of an epoch is half as large


def data() -> SpeechData:
    random = np.random.default_rng(0)
    targets = (random.integers(0, 100, N_CLIPS) // 40).tolist()  # the last class is rare
    clips = [random.uniform(-1, 1, 1600 + 100 * i).astype(np.float32) for i in range(N_CLIPS)]
    parts = {"train": Part(clips, targets), "val": Part(clips[:3], [0, 1, 2])}
    return SpeechData(parts, rate=16000, batch_size=BATCH_SIZE, seed=0, sampling="natural", fingerprint="")


class AgainstOneBatch(pl.Callback):
    """At each step compares the gradients with those of all its clips as one batch."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.n_batches: list[int] = [0]

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Batch, batch_idx: int) -> None:
        self.places += gathered(batch.places.tolist())
        self.n_batches[-1] += 1

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: Any, optimizer: Any) -> None:
        assert isinstance(pl_module, EmotionRecognizer)
        dataset = trainer.datamodule.datasets["train"]  # type: ignore[attr-defined]
        whole = collate([dataset[place] for place in self.places])
        parameters = [parameter for parameter in pl_module.parameters() if parameter.requires_grad]
        with torch.enable_grad():
            loss = pl_module._loss(pl_module(whole.inputs, whole.lengths), whole.targets)
        expected = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, expected, strict=True):
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad, gradient, atol=1e-6, rtol=1e-4)
        assert max(float(gradient.abs().max()) for gradient in expected) > 1e-3
        self.places, self.n_batches = [], [*self.n_batches, 0]


def gathered(mine: list[int]) -> list[int]:
    """Of all processes."""
    if not torch.distributed.is_initialized():
        return mine
    parts: list[list[int]] = [[] for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(parts, mine)
    return [place for part in parts for place in part]


def recognizer(**changes: Any) -> EmotionRecognizer:
    return make(model=settings("model/lstm", hidden=6, layers=1, dropout=0.0), **changes)


def train(folder: Path, made: EmotionRecognizer, **arguments: Any) -> list[int]:
    """Train for two epochs; how many batches each step had."""
    steps = AgainstOneBatch()
    trainer = pl.Trainer(
        **{"accelerator": "cpu", "devices": 1, "max_epochs": 2, "use_distributed_sampler": False, **arguments},
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[steps],
    )
    trainer.fit(made, datamodule=data())
    return steps.n_batches[:-1]


LOSSES = {
    "plain": {},
    "class weights": {"class_weights": [0.3, 1.0, 4.0]},
    "smoothed focal loss": {
        "loss": {"name": "focal", "label_smoothing": 0.1, "focal_gamma": 2.0},
        "class_weights": [0.3, 1.0, 4.0],
    },
}


@pytest.mark.parametrize(("k", "n_batches"), [(1, [1] * 16), (3, [3, 3, 2] * 2), (20, [8, 8])])
@pytest.mark.parametrize("changes", LOSSES.values(), ids=LOSSES)
def test_gradients_are_those_of_one_large_batch(
    tmp_path: Path, k: int, n_batches: list[int], changes: dict[str, Any]
) -> None:
    assert train(tmp_path, recognizer(**changes), accumulate_grad_batches=k) == n_batches


def test_of_two_processes_too(tmp_path: Path) -> None:
    made = recognizer(class_weights=[0.3, 1.0, 4.0])
    train(tmp_path, made, accumulate_grad_batches=3, devices=2, strategy="ddp_fork")


def test_without_it_the_loss_is_what_it_was(tmp_path: Path) -> None:
    """To the bit: it is multiplied by 1 alone."""
    made = recognizer(class_weights=[0.1, 1 / 3, 0.7])
    for targets in ([0], [1, 1, 2], [0, 0, 1, 2] * 7):
        share: Tensor = made._share(torch.tensor(targets) % len(LABELS))
        made.on_before_optimizer_step(torch.optim.SGD(made.parameters()))
        assert share.item() == 1.0
