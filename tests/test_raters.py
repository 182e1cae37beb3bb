"""Against the worked examples of Krippendorff (2011), and scipy."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from ser import raters

TWO = ["a a b b d c c c e d d a", "b a b b b c c c e d d d"]  # sec. B
FOUR = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]  # C
BINARY = ["0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"]  # sec. A


@pytest.mark.parametrize(("said", "published"), [(BINARY, 0.095), (TWO, 0.692), (FOUR, 0.743)])
def test_alpha_is_the_published_one(said: list[str], published: float) -> None:
    clips = list(zip(*(one.split() for one in said), strict=True))
    names = sorted({name for clip in clips for name in clip} - {"."})
    alpha = raters.krippendorff_alpha([[clip.count(name) for name in names] for clip in clips])
    assert alpha == pytest.approx(published, abs=5e-4)


def test_alpha_at_its_ends() -> None:
    assert raters.krippendorff_alpha([[3, 0], [0, 3]]) == 1
    for votes in ([[1, 0], [0, 1]], [[2, 0], [3, 0]], np.zeros((3, 2))):
        assert raters.krippendorff_alpha(votes) is None
    lots = np.random.default_rng(0).multinomial(4, [0.5, 0.3, 0.2], 5000)
    assert raters.krippendorff_alpha(lots) == pytest.approx(0, abs=0.02)


def test_entropies_and_divergence_are_scipy_s() -> None:
    random = np.random.default_rng(0)
    wanted, answers = random.dirichlet(np.full(4, 0.3), 50), random.dirichlet(np.full(4, 0.8), 50)
    wanted[0] = answers[1] = [0, 1, 0, 0]
    np.testing.assert_allclose(raters.entropy(wanted), entropy(wanted, axis=1, base=2), atol=1e-12)
    expected = entropy(wanted, np.maximum(answers, raters.FLOOR), axis=1, base=2)
    crossed = raters.cross_entropy(wanted, answers) - raters.entropy(wanted)
    np.testing.assert_allclose(crossed, expected, atol=1e-4)  # scipy lets the answers add up to 1
    squared = jensenshannon(wanted, answers, axis=1, base=2) ** 2
    np.testing.assert_allclose(raters.jensen_shannon(wanted, answers), squared, atol=1e-12)
    np.testing.assert_allclose(raters.jensen_shannon(wanted, wanted), 0, atol=1e-12)
    np.testing.assert_allclose(raters.jensen_shannon(np.eye(2), np.eye(2)[::-1]), 1)
