"""CCC, Pearson and RMSE against other programs."""

import numpy as np
import pytest
import torch
from scipy import stats
from torchmetrics import ConcordanceCorrCoef

from ser import concordance
from ser.training import losses

random = np.random.default_rng(0)
TRUTH = random.uniform(1, 5, (60, 2))
TOLD = 0.6 * TRUTH + random.normal(1.3, 0.4, (60, 2))
CLUSTERS = np.arange(60) % 7


def of(truth: np.ndarray, told: np.ndarray) -> dict[str, np.ndarray]:
    return concordance.scores(concordance.sums_by_cluster(np.zeros(len(truth), int), truth, told)[0])


def test_they_are_those_of_scipy_and_torchmetrics() -> None:
    scores = of(TRUTH, TOLD)
    for place in range(2):
        x, y = TRUTH[:, place], TOLD[:, place]
        assert scores["pearson"][place] == pytest.approx(stats.pearsonr(x, y).statistic)
        assert scores["rmse"][place] == pytest.approx(np.sqrt(np.mean((x - y) ** 2)))
        # torchmetrics takes the variance over n - 1
        deviation, apart = x.std() * y.std(), (x.mean() - y.mean()) ** 2
        expected = 2 * scores["pearson"][place] * deviation / (x.var() + y.var() + apart)
        assert scores["ccc"][place] == pytest.approx(expected)
    theirs = ConcordanceCorrCoef(num_outputs=2)(torch.from_numpy(TOLD), torch.from_numpy(TRUTH))
    np.testing.assert_allclose(scores["ccc"], theirs.numpy(), atol=5e-3)


def test_sums_of_clusters_add_up() -> None:
    sums = concordance.sums_by_cluster(CLUSTERS, TRUTH, TOLD)
    assert sums.shape == (7, 2, concordance.N_SUMS)
    for name, values in concordance.scores(sums.sum(axis=0)).items():
        np.testing.assert_allclose(values, of(TRUTH, TOLD)[name])


def test_agreement_is_one_and_a_constant_none() -> None:
    assert of(TRUTH, TRUTH)["ccc"] == pytest.approx([1, 1])
    for name in ("ccc", "pearson"):
        assert of(TRUTH, np.full_like(TRUTH, 3.14159))[name] == pytest.approx([0, 0], abs=1e-9)


def test_large_numbers_lose_nothing() -> None:
    np.testing.assert_allclose(of(TRUTH + 1e6, TOLD + 1e6)["ccc"], of(TRUTH, TOLD)["ccc"], rtol=1e-6)


def test_the_loss_is_one_less_the_mean() -> None:
    loss = losses.concordance(torch.from_numpy(TOLD), torch.from_numpy(TRUTH))
    assert float(loss) == pytest.approx(1 - of(TRUTH, TOLD)["ccc"].mean())
    same = torch.zeros(4, 1, requires_grad=True)
    losses.concordance(same, torch.zeros(4, 1)).backward()
    assert same.grad is not None and same.grad.isfinite().all()
