"""Ranks over speakers, against scipy; groups, by hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ser import metrics, statistics
from ser.commands import main
from ser.compare.ranks import friedman, rank, ranks_of
from tests.compare.made import clips, make_run


def recognisers(skills: list[float], n_speakers: int = 20, n_each: int = 12, seed: int = 0) -> list[np.ndarray]:
    """Confusions (n_speakers, 4, 4) of recognisers that are right as often as said, on the same clips."""
    random, label = np.random.default_rng(seed), np.arange(4)
    made = []
    for skill in skills:
        right = random.binomial(n_each, skill, (n_speakers, 4))
        counts = np.zeros((n_speakers, 4, 4))
        counts[:, label, label], counts[:, label, (label + 1) % 4] = right, n_each - right
        made.append(counts)
    return made


@pytest.mark.parametrize(("n_blocks", "n_rows", "n_values"), [(24, 3, 5), (8, 6, 100), (11, 4, 2)])
def test_ranks_and_friedman_against_scipy(n_blocks: int, n_rows: int, n_values: int) -> None:
    """With many ties, some, and none."""
    values = np.random.default_rng(n_rows).integers(0, n_values, (n_blocks, n_rows)) / n_values
    ranked = ranks_of(values)
    np.testing.assert_array_equal(ranked, stats.rankdata(-values, axis=1))
    assert friedman(ranked) == pytest.approx(tuple(stats.friedmanchisquare(*values.T)))


def test_rows_that_are_all_alike() -> None:
    assert friedman(ranks_of(np.ones((7, 3)))) == (0, 1)


def test_rounding_breaks_no_tie() -> None:
    assert ranks_of(np.array([[0.1 + 0.2, 0.3, 0.0]])).tolist() == [[1.5, 1.5, 3]]


def test_rows_are_told_apart_pair_by_pair() -> None:
    confusions = recognisers([0.5, 0.8, 0.81, 0.5, 0.3])
    ranks = rank(confusions, 0.05)
    assert ranks and ranks.n_speakers == 20
    assert sorted(map(sorted, ranks.groups)) == [[0, 3], [1, 2]]
    assert ranks.columns == [ranks.groups]  # one below the other
    assert {*ranks.order[:2]} == {1, 2} and ranks.order[-1] == 4
    assert ranks.mean == pytest.approx(
        stats.rankdata(-np.stack([metrics.scores(own)["uar"] for own in confusions], axis=1), axis=1).mean(axis=0)
    )
    pairs = [(i, j) for i in range(5) for j in range(i + 1, 5)]
    expected = statistics.holm([statistics.permutation_p(confusions[i], confusions[j]) for i, j in pairs])
    assert [ranks.p_holm[pair] for pair in pairs] == expected


def test_two_rows_may_be_alike_to_a_third_and_not_to_each_other() -> None:
    """The third changes so much from speaker to speaker that nothing is sure of it; it belongs to two groups."""
    high, low = recognisers([0.70, 0.60], n_speakers=24, n_each=60)
    uneven = np.where((np.arange(24) % 2 == 0)[:, None, None], *recognisers([0.95, 0.35], n_speakers=24, n_each=60))
    ranks = rank([high, uneven, low], 0.05)
    assert ranks and sorted(map(sorted, ranks.groups)) == [[0, 1], [1, 2]]
    assert ranks.columns == [[group] for group in ranks.groups]  # side by side


@pytest.mark.parametrize(("n_rows", "n_speakers"), [(2, 20), (3, 6), (6, 9), (33, 20)])
def test_nothing_is_ranked_where_nothing_could_be_told_apart(n_rows: int, n_speakers: int) -> None:
    assert rank(recognisers([0.5] * n_rows, n_speakers), 0.05) is None


def test_they_are_said_with_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for epochs, skill in enumerate((0.9, 0.89, 0.4), start=1):
        make_run(tmp_path / "runs" / str(epochs), epochs=epochs, skill=skill, validation=skill, tested=clips(9, 8))
    said = {}
    for form in ("text", "markdown", "latex"):
        assert main(["compare", str(tmp_path / "runs"), "--format", form]) == 0
        said[form] = capsys.readouterr().out
    assert "Mean ranks over 9 speakers, by the UAR of each (1 is best; Friedman's test: chi-square " in said["text"]
    assert "2 degrees of freedom, p < 0.001):\n  1: 1." in said["text"] or "\n  2: 1." in said["text"]
    assert "all pairs; p-values corrected after Holm): {1, 2}." in said["text"].replace("{2, 1}", "{1, 2}")
    assert "Mean ranks over 9 speakers" in said["markdown"]
    assert "% Not told apart" in said["latex"]
    assert main(["compare", str(tmp_path / "runs" / "1"), str(tmp_path / "runs" / "2")]) == 0
    assert "Mean ranks" not in capsys.readouterr().out
