import itertools

import numpy as np
import pytest
from scipy import stats

from ser import metrics, statistics


@pytest.mark.parametrize("speakers", [["a", "b", "c", "d"] * 3, ["a"] * 6, [*"abcdef", ""], [*"abcdef", None], []])
def test_clips_are_drawn_where_speakers_are_few_or_unknown(speakers: list[str | None]) -> None:
    numbers, unit = statistics.clusters_of(speakers)
    assert (numbers.tolist(), unit) == (list(range(len(speakers))), "clips")


def matrices(n: int, n_classes: int = 4, seed: int = 0) -> np.ndarray:
    """Confusion matrices, some with a class that is absent from truth, predictions or both."""
    counts = np.random.default_rng(seed).integers(0, 9, (n, n_classes, n_classes))
    counts[::3, 1] = 0
    counts[::4, :, 1] = 0
    return counts


def test_scores_are_those_of_metrics() -> None:
    counts = matrices(24)
    many = metrics.scores(counts.reshape(4, 6, 4, 4).astype(float))
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
    ours = statistics.percentile_interval(statistics.bootstrap(counts)["accuracy"])
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


def recognised(n: int, n_classes: int = 3, n_each: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Confusions (n, n_classes, n_classes) of two recognisers on the same clips; the last class is absent."""
    random = np.random.default_rng(seed)
    support = random.integers(1, n_each, (n, n_classes))
    support[:, -1] = 0
    p = random.dirichlet(np.ones(n_classes), (2, n, n_classes))
    ours, theirs = random.multinomial(support, p).astype(float)
    return ours, theirs


def test_differences_are_paired() -> None:
    """Recognisers that name the same clips rightly differ in no resample, whoever is drawn."""
    ours, theirs = recognised(10)
    same = statistics.bootstrap_difference(ours, ours, n_resamples=1200)
    assert same.shape == (1200,)
    np.testing.assert_array_equal(same, 0)
    differences = statistics.bootstrap_difference(ours, theirs, n_resamples=1200)
    assert differences.std() > 0
    np.testing.assert_array_equal(differences, -statistics.bootstrap_difference(theirs, ours, n_resamples=1200))


def test_the_difference_s_interval_agrees_with_scipy_s_bootstrap() -> None:
    ours, theirs = recognised(30, seed=1)

    def difference(drawn: np.ndarray, axis: int) -> np.ndarray:
        return uar(ours[drawn].sum(axis=drawn.ndim - 1)) - uar(theirs[drawn].sum(axis=drawn.ndim - 1))

    expected = stats.bootstrap(
        (np.arange(30),), difference, method="percentile", n_resamples=5000, rng=np.random.default_rng(0)
    ).confidence_interval
    interval = statistics.percentile_interval(statistics.bootstrap_difference(ours, theirs))
    assert interval == pytest.approx((expected.low, expected.high), abs=0.005)


def test_what_all_clusters_share_has_no_spread() -> None:
    low, high = statistics.percentile_interval(statistics.bootstrap(np.ones((9, 3, 3)))["uar"])
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


def uar(confusion: np.ndarray) -> np.ndarray:
    return metrics.scores(confusion)["uar"]


def swapped_p(ours: np.ndarray, theirs: np.ndarray) -> float:
    """By its definition: whole confusions swapped in every way, and scored anew."""
    observed, as_far = abs(uar(ours.sum(axis=0)) - uar(theirs.sum(axis=0))), []
    for swap in itertools.product([False, True], repeat=len(ours)):
        here = np.array(swap)[:, None, None]
        one, other = np.where(here, theirs, ours).sum(axis=0), np.where(here, ours, theirs).sum(axis=0)
        as_far.append(abs(uar(one) - uar(other)) >= observed - 1e-9)
    return float(np.mean(as_far))


@pytest.mark.parametrize("n", [1, 2, 7, 10])
@pytest.mark.parametrize("seed", range(3))
def test_permutation_p_by_its_definition(n: int, seed: int) -> None:
    ours, theirs = recognised(n, seed=seed)
    expected = swapped_p(ours, theirs)
    assert statistics.permutation_p(ours, theirs) == pytest.approx(expected)
    assert statistics.permutation_p(theirs, ours) == pytest.approx(expected)
    thirds = statistics.permutation_p(ours / 3, theirs / 3)  # rows of three seeds
    assert thirds == pytest.approx(expected)


@pytest.mark.parametrize(("n", "shared"), [(20, 0), (40, 25)])
def test_random_swaps_agree_with_scipy(n: int, shared: int) -> None:
    ours, theirs = recognised(n, seed=n)
    theirs[:shared] = ours[:shared]

    def difference(here: np.ndarray, there: np.ndarray) -> float:
        both = np.stack([ours, theirs])
        place = np.arange(n)
        return float(uar(both[here, place].sum(axis=0)) - uar(both[there, place].sum(axis=0)))

    expected = stats.permutation_test(
        (np.zeros(n, int), np.ones(n, int)),
        difference,
        permutation_type="samples",
        n_resamples=2000,
        rng=np.random.default_rng(0),
    ).pvalue
    assert statistics.permutation_p(ours, theirs) == pytest.approx(expected, abs=0.04)


def test_swapping_clips_is_the_sign_test_where_all_count_alike() -> None:
    """Clips of one class: McNemar's test, whether there are few or many."""
    for n_plus, n_minus in ((3, 9), (40, 62), (0, 30)):
        ours = np.zeros((n_plus + n_minus + 50, 2, 2))
        theirs = ours.copy()
        ours[:, 0, 0], theirs[:, 0, 0] = 1, 1
        ours[:n_minus, 0], theirs[n_minus : n_minus + n_plus, 0] = (0, 1), (0, 1)
        expected = statistics.sign_test(n_plus, n_minus)
        assert statistics.permutation_p(ours, theirs) == pytest.approx(expected, abs=0.01)


def test_a_permutation_p_is_never_0_and_1_where_nothing_differs() -> None:
    right, wrong = np.tile(np.eye(3), (60, 1, 1)), np.tile(np.eye(3)[[1, 2, 0]], (60, 1, 1))
    for n in (1, 6, 13):
        assert statistics.permutation_p(right[:n], wrong[:n]) == pytest.approx(2 / 2**n)
    assert statistics.permutation_p(right, wrong) == pytest.approx(1 / 10_001)
    assert statistics.permutation_p(right, right) == 1


@pytest.mark.parametrize("level", [0.05, 0.05 / 3, 0.05 / 40])
def test_clusters_needed(level: float) -> None:
    """So many clusters that all agree show a difference, and one fewer do not."""
    n = statistics.clusters_needed(level)
    right, wrong = np.tile(np.eye(3), (n, 1, 1)), np.tile(np.eye(3)[[1, 2, 0]], (n, 1, 1))
    assert statistics.permutation_p(right, wrong) < level <= statistics.permutation_p(right[1:], wrong[1:])


@pytest.mark.parametrize("n", [6, 8, 12, 24])
def test_the_permutation_test_errs_as_often_as_it_says(n: int) -> None:
    """Two alike recognisers that have luck with some speakers each: seen to differ in no more than 5 % of trials."""
    random, n_trials, label = np.random.default_rng(n), 200, np.arange(8)
    found = 0
    for trial in range(n_trials):
        skill = np.clip(random.normal(0.6, 0.12, (2, n, 1)), 0.05, 0.95)
        right = random.binomial(4, np.broadcast_to(skill, (2, n, 8)))
        counts = np.zeros((2, n, 8, 8))
        counts[:, :, label, label] = right
        counts[:, :, label, (label + 1) % 8] = 4 - right
        found += statistics.permutation_p(*counts, n_resamples=1000, seed=trial) < 0.05
    assert 1 <= found <= stats.binom(n_trials, 0.05).ppf(0.999)


def group(recalls: list[float], n: int = 20, classes: int = 2) -> np.ndarray:
    """A cluster for each recall: that part of its n clips a class is told rightly."""
    clusters = np.zeros((len(recalls), classes, classes))
    for cluster, recall in zip(clusters, recalls, strict=True):
        cluster[range(classes), range(classes)] = n * recall
        cluster[:, 0] += n * (1 - recall) * (np.arange(classes) > 0)
        cluster[0, 1] += n * (1 - recall)
    return clusters


def test_a_gap_between_other_speakers_is_tested_as_scipy_does() -> None:
    """Women and men: the test deals speakers out to two groups anew, the interval draws each group's own."""
    women, men = [0.9, 0.8, 0.85, 0.7, 0.95, 0.8, 0.75], [0.6, 0.7, 0.8, 0.65, 0.55, 0.7]
    both = group(women + men)
    is_woman = np.arange(13) < 7
    gap = statistics.gap(both * is_woman[:, None, None], both * ~is_woman[:, None, None], n_resamples=20_000)
    theirs = stats.permutation_test(
        (women, men), lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis), vectorized=True, n_resamples=np.inf
    )
    assert not gap.paired and gap.difference == pytest.approx(np.mean(women) - np.mean(men))
    assert gap.p == pytest.approx(theirs.pvalue, abs=0.003)
    interval = stats.bootstrap(
        (women, men), lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis), method="percentile", n_resamples=20_000
    ).confidence_interval
    assert (gap.low, gap.high) == pytest.approx((interval.low, interval.high), abs=0.006)


def test_a_gap_within_speakers_is_paired() -> None:
    """Loud and soft sentences of the same speakers: the test swaps within speakers."""
    loud, soft = [0.9, 0.8, 0.85, 0.7, 0.95, 0.8, 0.6], [0.8, 0.75, 0.9, 0.6, 0.9, 0.7, 0.5]
    gap = statistics.gap(group(loud), group(soft), n_resamples=20_000)
    theirs = stats.permutation_test(
        (loud, soft), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", vectorized=True
    )
    assert gap.paired and gap.p == pytest.approx(theirs.pvalue, abs=0.01)
    assert gap.difference == pytest.approx(0.45 / 7) and gap.low < gap.difference < gap.high


def test_a_gap_is_over_the_classes_that_both_have() -> None:
    """Neutral speech has no strong intensity."""
    ours, theirs = group([0.5] * 6, classes=3), group([0.5] * 6, classes=3)
    ours[:, 2] = 0
    gap = statistics.gap(ours, theirs, n_resamples=500)
    assert (gap.difference, gap.p) == (0, 1)


@pytest.mark.parametrize(("alone", "both"), [((12, 12), 0), ((20, 4), 1), ((0, 0), 10), ((4, 4), 8)])
def test_no_gap_is_shown_more_often_than_it_says(alone: tuple[int, int], both: int) -> None:
    """Speakers differ, groups do not: whoever is in one group or in both, p < 0.05 about once in twenty times."""
    generator = np.random.default_rng(0)

    def trial(seed: int) -> float:
        talent = np.clip(generator.normal(0.6, 0.12, sum(alone) + both), 0, 1)
        ours, theirs = (group(generator.binomial(20, talent) / 20) for _ in range(2))
        ours[alone[0] : sum(alone)] = 0
        theirs[: alone[0]] = 0
        return statistics.gap(ours, theirs, n_resamples=200, seed=seed).p

    assert np.mean([trial(seed) < 0.05 for seed in range(150)]) < 0.11


def test_the_smallest_p_is_that_of_all_ways() -> None:
    """Three women and three men can be dealt out in twenty ways, of which two are as far apart as can be."""
    both = group([1, 1, 1, 0, 0, 0])
    is_first = (np.arange(6) < 3)[:, None, None]
    gap = statistics.gap(both * is_first, both * ~is_first)
    assert gap.smallest_p == 0.1 and gap.p == pytest.approx(0.1, abs=0.01)
    swapped = statistics.gap(group([1] * 5), group([0] * 5))
    assert swapped.smallest_p == 2 / 32 and swapped.p == pytest.approx(2 / 32, abs=0.01)
