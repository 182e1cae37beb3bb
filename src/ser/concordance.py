"""How far numbers that were told agree with the true ones: concordance, correlation and error, from sums."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ser.metrics import Floats

N_SUMS = 6  # number of clips, and sums of x, y, x², y², xy: x is the truth, y what was told


def sums_by_cluster(
    clusters: npt.NDArray[np.intp], truth: Floats, predicted: Floats, n_clusters: int | None = None
) -> Floats:
    """What each cluster, such as a speaker, adds to the sums that `scores` takes.

    They are of distances from the mean of the truth, so that nothing is lost in rounding.

    Args:
        clusters: of each clip, from 0.
        truth, predicted: (n_clips, n_dimensions).
        n_clusters: None: as many as the highest number says.

    Returns:
        (n_clusters, n_dimensions, N_SUMS).
    """
    x = truth - truth.mean(axis=0)
    y = predicted - truth.mean(axis=0)
    each = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
    sums = np.zeros((int(clusters.max()) + 1 if n_clusters is None else n_clusters, *each.shape[1:]))
    np.add.at(sums, clusters, each)
    return sums


def scores(sums: Floats) -> dict[str, Floats]:
    """CCC, Pearson's correlation and RMSE of many sets of clips at once.

    The concordance correlation coefficient is 2 cov / (var x + var y + (mean x - mean y)²), with variances over n
    (Lin 1989, Biometrics 45, 255-268). 1 is agreement, 0 none; what is told with another mean, or in another scale,
    falls behind its correlation. Both are 0 where nothing varies.

    Args:
        sums: (..., N_SUMS), see `sums_by_cluster`; none of no clip.

    Returns:
        `ccc`, `pearson` (each -1 to 1) and `rmse` (in the scale of the numbers), each (...).
    """
    n = sums[..., 0]
    x, y, xx, yy, xy = (sums[..., place] / n for place in range(1, N_SUMS))
    var_x, var_y = _variance(x, xx), _variance(y, yy)
    cov = np.where((var_x > 0) & (var_y > 0), xy - x * y, 0.0)
    return {
        "ccc": _ratio(2 * cov, var_x + var_y + (x - y) ** 2),
        "pearson": np.clip(_ratio(cov, np.sqrt(var_x * var_y)), -1, 1),
        "rmse": np.sqrt(np.maximum(xx - 2 * xy + yy, 0)),
    }


def means(each: Mapping[str, Floats]) -> dict[str, Floats]:
    """The mean of each score over the dimensions, the last axis."""
    return {name: values.mean(axis=-1) for name, values in each.items()}


def _variance(mean: Floats, mean_square: Floats) -> Floats:
    """0 where it is nothing but rounding."""
    variance: Floats = mean_square - mean * mean
    return np.where(variance > 1e-12 * mean_square, variance, 0.0)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
