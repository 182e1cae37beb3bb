from itertools import pairwise

import pytest
import torch
from torch import nn

from ser.training.optim import OneCycle
from tests.components import make


def network() -> nn.Module:
    return nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.Flatten(), nn.Linear(9, 2))


def rates(recipe: OneCycle, n_steps: int) -> list[float]:
    """The learning rate that each of `n_steps` steps uses."""
    optimizer, schedule = recipe(network(), n_steps)
    used = []
    for _ in range(n_steps):
        used.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return used


@pytest.mark.parametrize("kind", ["onecycle", "cosine"])
@pytest.mark.parametrize(("warmup", "n_steps"), [(0.25, 200), (0.05, 200), (0.5, 40), (0.0, 50), (0.95, 100)])
def test_rises_to_its_peak_and_falls_to_almost_nothing(kind: str, warmup: float, n_steps: int) -> None:
    used = rates(make(f"optim/{kind}", lr=0.02, warmup=warmup), n_steps)
    peak = used.index(max(used))
    assert max(used) == pytest.approx(0.02)
    assert peak == pytest.approx(warmup * n_steps, abs=2)
    assert all(before < after for before, after in pairwise(used[: peak + 1]))
    assert all(before >= after for before, after in pairwise(used[peak:]))
    assert 0 <= used[-1] < (0.02 / 20 if warmup < 0.9 else 0.02 / 2)


@pytest.mark.parametrize("kind", ["onecycle", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.25, 0.5, 0.95])
@pytest.mark.parametrize("n_steps", range(1, 12))
def test_short_trainings(kind: str, warmup: float, n_steps: int) -> None:
    used = rates(make(f"optim/{kind}", lr=0.02, warmup=warmup), n_steps)
    assert all(0 <= rate <= 0.02 * (1 + 1e-9) for rate in used)
    assert max(used) > 0
    if n_steps > 1:
        assert max(used) > 0.015


@pytest.mark.parametrize("kind", ["onecycle", "cosine"])
def test_weight_decay_on_matrices_and_kernels_only(kind: str) -> None:
    module = network()
    module[3].weight.requires_grad_(False)  # type: ignore[index,union-attr]
    optimizer, _ = make(f"optim/{kind}", lr=0.1, weight_decay=0.3)(module, 10)
    assert isinstance(optimizer, torch.optim.AdamW)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    trained = {id(p): p for p in module.parameters() if p.requires_grad}
    assert decay.keys() == trained.keys()
    assert all(decay[key] == (0.3 if p.ndim > 1 else 0.0) for key, p in trained.items())


@pytest.mark.parametrize("kind", ["onecycle", "cosine"])
def test_a_part_with_a_rate_of_its_own_rises_to_that(kind: str) -> None:
    module = network()
    own = module[0]  # type: ignore[index]
    optimizer, schedule = make(f"optim/{kind}", lr=0.02, weight_decay=0.3)(module, 40, {own: 0.0005})
    highest = dict.fromkeys(module.parameters(), 0.0)
    told = []
    for _ in range(40):
        told.append(optimizer.param_groups[0]["lr"])
        for group in optimizer.param_groups:
            assert group["weight_decay"] == (0.3 if all(p.ndim > 1 for p in group["params"]) else 0.0)
            for parameter in group["params"]:
                highest[parameter] = max(highest[parameter], group["lr"])
        optimizer.step()
        schedule.step()
    expected = {p: 0.0005 if any(p is q for q in own.parameters()) else 0.02 for p in module.parameters()}
    assert highest == pytest.approx(expected)
    assert max(told) == pytest.approx(0.02), "the rate that is told is the rest's"


@pytest.mark.parametrize("kind", ["onecycle", "cosine"])
def test_the_rate_that_is_told_is_the_optimiser_s_even_if_all_parts_have_their_own(kind: str) -> None:
    module = network()
    optimizer, _ = make(f"optim/{kind}", lr=0.02, warmup=0.0)(module, 40, {module: 0.0005})
    assert optimizer.param_groups[0]["params"] == []
    assert optimizer.param_groups[0]["lr"] > optimizer.param_groups[-1]["lr"]


@pytest.mark.parametrize("kind", ["onecycle", "cosine"])
def test_learns(kind: str) -> None:
    torch.manual_seed(0)
    module = nn.Linear(3, 1)
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    optimizer, schedule = make(f"optim/{kind}", lr=0.1, weight_decay=0.0)(module, 100)
    losses = []
    for _ in range(100):
        loss = nn.functional.mse_loss(module(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]
