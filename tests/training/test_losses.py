import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ser.training.losses import focal, weight_of

N_CLASSES = 5
WEIGHTS = [None, torch.tensor([0.2, 1.0, 3.0, 0.7, 2.0])]


def some(n_clips: int = 40) -> tuple[Tensor, Tensor]:
    """Log-probabilities and targets."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(n_clips, N_CLASSES, generator=generator, dtype=torch.float64)
    return logits.log_softmax(dim=1), torch.randint(N_CLASSES, (n_clips,), generator=generator)


def shares(n_clips: int = 40) -> Tensor:
    """Distributions over the classes."""
    generator = torch.Generator().manual_seed(1)
    votes = torch.randint(0, 4, (n_clips, N_CLASSES), generator=generator, dtype=torch.float64) + 0.01
    return votes / votes.sum(dim=1, keepdim=True)


def weights_as(dtype: torch.dtype, weights: Tensor | None) -> Tensor | None:
    return None if weights is None else weights.to(dtype)


@pytest.mark.parametrize("weights", WEIGHTS, ids=["alike", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_with_gamma_0_it_is_torchs_cross_entropy(weights: Tensor | None, smoothing: float) -> None:
    log_probabilities, targets = some()
    weights = weights_as(log_probabilities.dtype, weights)
    expected = F.cross_entropy(log_probabilities, targets, weight=weights, label_smoothing=smoothing)
    loss = focal(log_probabilities, targets, gamma=0.0, weights=weights, smoothing=smoothing)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("weights", WEIGHTS, ids=["alike", "weighted"])
@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_against_the_formula(gamma: float, weights: Tensor | None, smoothing: float) -> None:
    log_probabilities, targets = some()
    total, counted = 0.0, 0.0
    for row, target in zip(log_probabilities.exp().tolist(), targets.tolist(), strict=True):
        for label, p in enumerate(row):
            wanted = smoothing / N_CLASSES + (1 - smoothing) * (label == target)
            weight = 1.0 if weights is None else float(weights[label])
            total -= weight * wanted * (1 - p) ** gamma * math.log(p)
        counted += 1.0 if weights is None else float(weights[target])
    loss = focal(log_probabilities, targets, gamma=gamma, weights=weights, smoothing=smoothing)
    assert float(loss) == pytest.approx(total / counted, rel=1e-5)


@pytest.mark.parametrize("weights", WEIGHTS, ids=["alike", "weighted"])
@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_all_votes_for_one_class_are_that_class(gamma: float, weights: Tensor | None) -> None:
    log_probabilities, targets = some()
    weights = weights_as(log_probabilities.dtype, weights)
    soft = F.one_hot(targets, N_CLASSES).double()
    one, other = (focal(log_probabilities, given, gamma=gamma, weights=weights) for given in (targets, soft))
    torch.testing.assert_close(one, other)
    torch.testing.assert_close(weight_of(targets, weights).double(), weight_of(soft, weights).double())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_of_distributions_it_is_torchs_cross_entropy(smoothing: float) -> None:
    log_probabilities, soft = some()[0], shares()
    expected = F.cross_entropy(log_probabilities, soft, label_smoothing=smoothing)
    torch.testing.assert_close(focal(log_probabilities, soft, gamma=0.0, smoothing=smoothing), expected)


@pytest.mark.parametrize("weights", WEIGHTS, ids=["alike", "weighted"])
def test_a_distribution_is_its_classes_as_often_as_they_are_named(weights: Tensor | None) -> None:
    log_probabilities, weights = some(2)[0], weights_as(torch.float64, weights)
    soft = torch.tensor([[0.75, 0.25, 0, 0, 0], [0, 0, 0.5, 0, 0.5]], dtype=torch.float64)
    apart = focal(
        log_probabilities[[0] * 4 + [1] * 4], torch.tensor([0, 0, 0, 1, 2, 2, 4, 4]), gamma=2, weights=weights
    )
    torch.testing.assert_close(focal(log_probabilities, soft, gamma=2, weights=weights), apart)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients_are_finite_where_all_is_certain(gamma: float, smoothing: float) -> None:
    """Right and wrong, with probabilities of exactly 1 and 0."""
    logits = torch.tensor([[200.0, 0.0, 0.0], [0.0, 200.0, 0.0]], requires_grad=True)
    log_probabilities = logits.log_softmax(dim=1)
    assert log_probabilities.exp()[0, 0] == 1 and log_probabilities.exp()[0, 1] == 0
    loss = focal(log_probabilities, torch.tensor([0, 0]), gamma=gamma, smoothing=smoothing)
    loss.backward()
    assert loss.isfinite() and logits.grad is not None and logits.grad.isfinite().all()
    assert loss > 90  # half of the clips is wrong for sure


def test_easy_clips_lose_weight() -> None:
    easy, hard = (torch.tensor([[p, 1 - p]]).log() for p in (0.95, 0.3))
    target = torch.tensor([0])
    for clip, rest in ((easy, 0.05**2), (hard, 0.7**2)):
        ratio = focal(clip, target, gamma=2.0) / F.nll_loss(clip, target)
        assert float(ratio) == pytest.approx(rest, rel=1e-4)


def test_means_of_batches_add_up_to_the_mean_of_all() -> None:
    log_probabilities, targets = some()
    for weights in WEIGHTS:
        whole = focal(log_probabilities, targets, gamma=2.0, weights=weights)
        parts = [(log_probabilities[place], targets[place]) for place in (slice(0, 7), slice(7, 40))]
        shares = torch.stack([weight_of(part[1], weights) for part in parts]).double()
        means = torch.stack([focal(*part, gamma=2.0, weights=weights) for part in parts])
        torch.testing.assert_close((shares * means).sum() / shares.sum(), whole)
