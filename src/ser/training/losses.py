"""Losses that torch does not have."""

import torch
import torch.nn.functional as F
from torch import Tensor

LOSSES = ("cross_entropy", "nll", "focal")


def focal(
    log_probabilities: Tensor,
    targets: Tensor,
    *,
    gamma: float,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Focal loss: cross-entropy in which a class that is named with probability p counts (1 - p)^gamma times.

    Easy clips lose weight, hard ones keep theirs. (Lin et al. 2017, arXiv 1708.02002)

    Args:
        log_probabilities: (batch, n_classes).
        targets: class numbers (batch,), or distributions over the classes (batch, n_classes).
        gamma: 0 is cross-entropy.
        weights: of the classes (n_classes,); the mean is weighted with them too, as in torch's cross-entropy.
        smoothing: part of the target that is spread evenly over all classes. (Szegedy et al. 2016, arXiv 1512.00567)
    """
    n_classes = log_probabilities.shape[1]
    soft = targets if targets.ndim == 2 else F.one_hot(targets, n_classes)
    wanted = soft * (1 - smoothing) + smoothing / n_classes  # (batch, n_classes)
    if weights is not None:
        wanted = wanted * weights
    # The floor keeps the power's gradient finite where a probability is exactly 1.
    hardness = (1 - log_probabilities.exp()).clamp(min=1e-6) ** gamma
    losses = -(wanted * hardness * log_probabilities).sum(dim=1)
    return losses.sum() / weight_of(targets, weights)


def weight_of(targets: Tensor, weights: Tensor | None) -> Tensor:
    """What a batch counts in a mean over several: its number of clips, or the sum of their class weights.

    A distribution counts as its classes do on average.
    """
    if weights is None:
        return torch.tensor(float(len(targets)), device=targets.device)
    return (targets @ weights if targets.ndim == 2 else weights[targets]).sum()
