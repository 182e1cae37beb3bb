"""Optimisers with their schedule of learning rates."""

import math
from collections.abc import Mapping

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from ser.config.checks import check_range


class OneCycle:
    """AdamW whose learning rate rises to `lr` and falls to almost nothing. (Smith, Topin 2018, arXiv 1708.07120)

    Args:
        lr: highest learning rate.
        weight_decay: on weight matrices and kernels; biases and normalisations have none.
        warmup: part of the training in which the rate rises.
    """

    def __init__(self, *, lr: float, weight_decay: float, warmup: float) -> None:
        check_range("lr", lr, 1e-8, 10)
        check_range("weight_decay", weight_decay, 0, 10)
        check_range("warmup", warmup, 0, 0.95)
        self.lr, self.weight_decay, self.warmup = lr, weight_decay, warmup

    def __call__(
        self, module: nn.Module, n_steps: int, own_rates: Mapping[nn.Module, float] | None = None
    ) -> tuple[Optimizer, LRScheduler]:
        """Optimiser of `module` and its schedule over `n_steps` steps.

        Args:
            own_rates: parts of `module` that have a highest learning rate of their own instead of `lr`.
        """
        optimizer = _adamw(module, self.lr, self.weight_decay, own_rates)
        # OneCycleLR divides by the length of each phase less one step: neither may be a single step.
        warmup = min(max(self.warmup, 2 / n_steps), 1 - 2 / n_steps) if n_steps > 4 else 0.5
        highest = [group["lr"] for group in optimizer.param_groups]
        return optimizer, OneCycleLR(optimizer, highest, total_steps=max(n_steps, 4), pct_start=warmup)


class Cosine(OneCycle):
    """AdamW whose learning rate rises linearly to `lr` and falls to 0 along a cosine. Arguments as `OneCycle`."""

    def __call__(
        self, module: nn.Module, n_steps: int, own_rates: Mapping[nn.Module, float] | None = None
    ) -> tuple[Optimizer, LRScheduler]:
        optimizer = _adamw(module, self.lr, self.weight_decay, own_rates)
        n_warmup = round(self.warmup * n_steps)

        def factor(step: int) -> float:
            if step < n_warmup:
                return (step + 1) / n_warmup
            return (1 + math.cos(math.pi * (step - n_warmup) / max(n_steps - n_warmup, 1))) / 2

        return optimizer, LambdaLR(optimizer, factor)


def _adamw(module: nn.Module, lr: float, weight_decay: float, own_rates: Mapping[nn.Module, float] | None) -> AdamW:
    rates = {parameter: rate for part, rate in (own_rates or {}).items() for parameter in part.parameters()}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for is_matrix in (True, False):
        groups[lr, is_matrix] = []  # first, whatever else there is: its rate is the one that is told
    for parameter in module.parameters():
        if parameter.requires_grad:
            groups.setdefault((rates.get(parameter, lr), parameter.ndim > 1), []).append(parameter)
    return AdamW(
        [
            {"params": parameters, "lr": rate, "weight_decay": weight_decay if is_matrix else 0.0}
            for (rate, is_matrix), parameters in groups.items()
        ]
    )
