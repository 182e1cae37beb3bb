"""Fewer dimensions without loss: for problems with more dimensions than examples."""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

SMALLEST = 1e-10  # square of a length, as a share of the longest: a direction that is shorter is left out


def rotated(vectors: Numbers) -> tuple[Numbers, Numbers]:
    """Vectors (m, n) as coordinates (m, r) along orthonormal directions (n, r), r no larger than m.

    `vectors == coordinates @ directions.T`. A penalty on the squared length of weights is the same in the coordinates,
    so that a linear problem in thousands of dimensions becomes one in as many as there are examples, with the same
    solution. Where n is no larger than m, they are returned as they are.
    """
    if vectors.shape[1] <= len(vectors):
        return vectors, np.eye(vectors.shape[1])
    squares, mixtures = np.linalg.eigh(vectors @ vectors.T)
    kept = squares > SMALLEST * squares[-1]
    lengths = np.sqrt(squares[kept])
    return mixtures[:, kept] * lengths, vectors.T @ (mixtures[:, kept] / lengths)
