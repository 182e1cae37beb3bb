"""Batch normalisation that knows of other processes, and of batches too small to have a deviation."""

import torch
import torch.distributed
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import Function, FunctionCtx


class _SumOverProcesses(Function):
    """The sum of every process's tensor, and of every process's gradient on the way back."""

    @staticmethod
    def forward(ctx: FunctionCtx, own: Tensor) -> Tensor:
        total = own.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        return _SumOverProcesses.forward(ctx, gradients[0].contiguous())


class _BatchNorm(nn.modules.batchnorm._BatchNorm):
    """torch's batch normalisation, over the whole batch where several processes hold a part of it each.

    torch's own SyncBatchNorm does so on GPUs only (and takes this one's place there, by Lightning's
    `sync_batchnorm`). A training batch that has a single value a channel cannot be normalised by itself and is
    normalised with the running statistics.
    """

    def forward(self, input: Tensor) -> Tensor:
        if self.training and torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
            return self._together(input)
        if self.training and input.numel() == input.shape[1]:
            return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, False, 0, self.eps)
        return super().forward(input)

    def _together(self, x: Tensor) -> Tensor:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        others = [0, *range(2, x.ndim)]  # all dimensions but that of the channels
        count = torch.full((1,), x.numel() / x.shape[1], device=x.device)
        sums = torch.cat([x.sum(dim=others), x.square().sum(dim=others), count])
        everywhere: Tensor = _SumOverProcesses.apply(sums)  # type: ignore[no-untyped-call]
        half = len(sums) // 2
        total, squares, n = everywhere[:half], everywhere[half:-1], everywhere[-1]
        mean = total / n
        variance = (squares / n - mean.square()).clamp(min=0)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1).clamp(min=1), self.momentum)  # torch keeps the unbiased one
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        per_channel = (-1, *[1] * (x.ndim - 2))
        normalized: Tensor = x * scale.view(per_channel) + (self.bias - mean * scale).view(per_channel)
        return normalized


class BatchNorm1d(_BatchNorm, nn.BatchNorm1d):
    """For sequences (batch, channels, frames)."""


class BatchNorm2d(_BatchNorm, nn.BatchNorm2d):
    """For pictures (batch, channels, bands, frames)."""
