from typing import Any, cast

import numpy as np
import pytest
import torch
from pytorch_lightning.tuner.lr_finder import _LRCallback

from ser.commands.find_lr import HIGHEST, LOWEST, SMOOTHING, each_loss, smooth, suggest


class Stub:
    """What Lightning's callback looks at, in place of a trainer: here only steps and losses matter."""

    accumulate_grad_batches = 1
    should_stop = False

    def __init__(self) -> None:
        self.global_step = 0
        self.fit_loop = self.strategy = self
        self.batch_idx = 0

    def broadcast(self, value: Any) -> Any:
        return value


def averages_of(losses: list[float]) -> list[float]:
    """As Lightning keeps them, by its own code."""
    callback, trainer = _LRCallback(len(losses), early_stop_threshold=None), cast(Any, Stub())
    for step, loss in enumerate(losses, start=1):
        trainer.global_step = step
        callback.on_train_batch_end(
            trainer, cast(Any, None), {"loss": torch.tensor(loss, dtype=torch.float64)}, None, 0
        )
    return callback.losses


def falls_and_breaks_up(seed: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    steps = np.arange(100)
    return 2.0 - np.exp(-(((steps - 60) / 20) ** 2)) + np.random.default_rng(seed).normal(0, 0.05, 100)


@pytest.mark.parametrize("n_steps", [1, 2, 100])
def test_each_loss_undoes_lightnings_average(n_steps: int) -> None:
    losses = falls_and_breaks_up()[:n_steps].tolist()
    averages = averages_of(losses)
    assert n_steps == 1 or not np.allclose(averages, losses, atol=1e-3)
    np.testing.assert_allclose(each_loss(averages), losses, rtol=1e-9)


def test_a_loss_that_is_no_number_leaves_those_before_it() -> None:
    losses = [2.0, 1.0, float("nan"), 3.0]
    recovered = each_loss(averages_of(losses))
    np.testing.assert_allclose(recovered[:2], losses[:2])
    assert np.isnan(recovered[2:]).all()


def test_smooth_is_the_mean_of_the_steps_around() -> None:
    losses, half = falls_and_breaks_up(), SMOOTHING // 2
    expected = [losses[max(0, step - half) : step + half + 1].mean() for step in range(len(losses))]
    np.testing.assert_allclose(smooth(losses), expected)
    np.testing.assert_allclose(smooth(np.full(40, 3.5)), 3.5)


def test_suggests_a_third_of_the_best_rate_and_noise_does_not_matter() -> None:
    rates = np.logspace(np.log10(LOWEST), np.log10(HIGHEST), 100)
    for seed in range(5):
        losses = smooth(falls_and_breaks_up(seed))
        assert suggest(rates, losses) == pytest.approx(rates[60] / 3, rel=0.6)
    assert suggest(rates, np.arange(100.0)) == pytest.approx(LOWEST / 3)
