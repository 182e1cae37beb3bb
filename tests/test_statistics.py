import numpy as np
import pytest
from scipy import stats

from ser import metrics, statistics


def matrices(n: int, n_classes: int = 4, seed: int = 0) -> np.ndarray:
    """Confusion matrices, some with a class that is absent from truth, predictions or both."""
    counts = np.random.default_rng(seed).integers(0, 9, (n, n_classes, n_classes))
    counts[::3, 1] = 0
    counts[::4, :, 1] = 0
    return counts


def test_scores_are_those_of_metrics() -> None:
    counts = matrices(24)
    many = statistics.scores(counts.reshape(4, 6, 4, 4).astype(float))
    for name, one in (("uar", metrics.uar), ("accuracy", metrics.accuracy), ("macro_f1", metrics.macro_f1)):
        assert many[name].shape == (4, 6)
        np.testing.assert_allclose(many[name].ravel(), [one(confusion) for confusion in counts])


def test_the_interval_agrees_with_scipy_s_bootstrap() -> None:
    """Of accuracy over speakers, who are drawn whole."""
    counts = matrices(30, seed=1).astype(float)

    def accuracy(*drawn: np.ndarray, axis: int) -> np.ndarray:
        right, n = drawn
        return right.sum(axis=axis) / n.sum(axis=axis)

    right, n = np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))
    theirs = stats.bootstrap(
        (right, n), accuracy, paired=True, method="percentile", n_resamples=20_000, rng=np.random.default_rng(0)
    ).confidence_interval
    ours = statistics.percentile_interval(statistics.bootstrap(counts[:, None])["accuracy"][:, 0])
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.003)


def draw(counts: np.ndarray, n_resamples: int = 10_000, seed: int = 0) -> np.ndarray:
    return np.concatenate(list(statistics.resampled(counts, n_resamples=n_resamples, seed=seed)))


def test_resampling_keeps_the_number_of_clusters_and_the_seed() -> None:
    counts = np.eye(5)  # every cluster a kind of its own
    drawn = draw(counts, 2500)
    assert drawn.shape == (2500, 5)
    assert (drawn.sum(axis=1) == 5).all()
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.06)
    np.testing.assert_allclose(drawn.var(axis=0), 1 - 1 / 5, atol=0.08)  # of a binomial distribution
    np.testing.assert_array_equal(drawn, draw(counts, 2500))
    assert not np.array_equal(drawn, draw(counts, 2500, seed=1))


def test_clusters_that_are_alike_are_drawn_as_often_as_there_are() -> None:
    drawn = draw(np.array([[1.0]] * 80 + [[0.0]] * 20))
    expected = stats.binom(100, 0.8)
    assert drawn.mean() == pytest.approx(80, abs=0.2)
    assert drawn.std() == pytest.approx(expected.std(), rel=0.03)


def test_differences_are_paired() -> None:
    """Recognisers that name the same clips rightly differ in no resample, whoever is drawn."""
    counts = matrices(10).astype(float)
    uar = statistics.bootstrap(np.stack([counts, counts], axis=1), n_resamples=1200)["uar"]
    assert uar.shape == (1200, 2)
    assert uar[:, 0].std() > 0
    np.testing.assert_array_equal(uar[:, 0], uar[:, 1])


def test_what_all_clusters_share_has_no_spread() -> None:
    low, high = statistics.percentile_interval(statistics.bootstrap(np.ones((9, 1, 3, 3)))["uar"])
    assert (low, high) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


@pytest.mark.parametrize(("n_plus", "n_minus"), [(0, 1), (10, 0), (59, 6), (86, 150), (400, 431), (7, 7)])
def test_sign_test_against_scipy(n_plus: int, n_minus: int) -> None:
    expected = stats.binomtest(n_plus, n_plus + n_minus, 0.5).pvalue
    assert statistics.sign_test(n_plus, n_minus) == pytest.approx(expected)
    assert statistics.sign_test(n_minus, n_plus) == statistics.sign_test(n_plus, n_minus)


def test_mcnemar_by_hand() -> None:
    """1 discordant pair against 8: 2 (1 + 9) / 2^9."""
    assert statistics.sign_test(1, 8) == pytest.approx(2 * (1 + 9) / 2**9)


def test_holm_by_hand() -> None:
    """Sorted 0.005, 0.01, 0.03, 0.04 by 4, 3, 2, 1: 0.02, 0.03, 0.06, and 0.04 lifted to 0.06."""
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.6, 0.7]) == [1.0, 1.0]
    assert statistics.holm([]) == []


def test_bootstrap_p() -> None:
    differences = np.arange(-99.5, 900)  # 100 of 1000 below zero
    assert statistics.bootstrap_p(differences, 100) == pytest.approx(2 * 101 / 1001)
    assert statistics.bootstrap_p(-differences, 100) == pytest.approx(2 * 101 / 1001)
    assert statistics.bootstrap_p(np.zeros(1000), 100) == 1
    assert statistics.bootstrap_p(np.ones(9999), 100) == pytest.approx(2 / 10_000)


@pytest.mark.parametrize("n_clusters", [1, 2, 5])
def test_few_speakers_prove_nothing(n_clusters: int) -> None:
    assert statistics.bootstrap_p(np.ones(9999), n_clusters) == 2 ** (1 - n_clusters) > 0.05


def test_the_bootstrap_errs_as_often_as_it_says() -> None:
    """Two alike recognisers over 24 speakers: a difference is seen in about a twentieth of 300 trials."""
    random = np.random.default_rng(0)
    found = 0
    for trial in range(300):
        skill = random.uniform(0.4, 0.8, (24, 1, 1))
        right = random.binomial(10, np.broadcast_to(skill, (24, 2, 3)))
        counts = np.zeros((24, 2, 3, 3))
        for label in range(3):
            counts[:, :, label, label] = right[:, :, label]
            counts[:, :, label, (label + 1) % 3] = 10 - right[:, :, label]
        uar = statistics.bootstrap(counts, n_resamples=500, seed=trial)["uar"]
        found += statistics.bootstrap_p(uar[:, 0] - uar[:, 1], 24) < 0.05
    assert 4 <= found <= 30
