"""Fewer dimensions without loss: for linear problems with more dimensions than examples."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

JITTER = 1e-9  # share of the mean squared length that is added to each: examples may be equal


def rotated(vectors: Numbers) -> tuple[Numbers, Callable[[Numbers], Numbers]]:
    """Vectors (m, n) in coordinates (m, m), where n is larger than m.

    The coordinates are those along orthonormal directions. A penalty on the squared length of weights is the same in
    them, so that a linear problem in thousands of dimensions becomes one in as many as there are examples, with the
    same solution.

    Returns:
        the coordinates, and what makes weights (n, k) of weights (m, k) in the coordinates. Where n is no larger than
        m, the vectors as they are.
    """
    from scipy.linalg import cholesky, solve_triangular

    if vectors.shape[1] <= len(vectors):
        return vectors, lambda weights: weights
    products = vectors @ vectors.T
    products[np.diag_indices(len(vectors))] += JITTER * np.trace(products) / len(vectors)
    coordinates: Numbers = cholesky(products, lower=True)

    def back(weights: Numbers) -> Numbers:
        made: Numbers = vectors.T @ solve_triangular(coordinates, weights, lower=True, trans="T")
        return made

    return coordinates, back
