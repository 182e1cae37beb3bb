import numpy as np
import pytest

from ser.layers.rotation import Matrix, rotated

RANDOM = np.random.default_rng(0)
VECTORS = {
    "more dimensions than vectors": RANDOM.normal(size=(6, 40)),
    "as many": RANDOM.normal(size=(6, 6)),
    "fewer": RANDOM.normal(size=(40, 6)),
    "of lower rank": RANDOM.normal(size=(6, 3)) @ RANDOM.normal(size=(3, 40)),
    "two alike": np.repeat(RANDOM.normal(size=(3, 40)), 2, axis=0),
    "a single one": RANDOM.normal(size=(1, 40)),
}


@pytest.mark.parametrize("vectors", VECTORS.values(), ids=VECTORS.keys())
def test_vectors_come_back_and_directions_are_orthonormal(vectors: Matrix) -> None:
    coordinates, directions = rotated(vectors)
    n_directions = directions.shape[1]
    assert coordinates.shape == (len(vectors), n_directions) and directions.shape == (vectors.shape[1], n_directions)
    assert n_directions == (np.linalg.matrix_rank(vectors) if vectors.shape[1] > len(vectors) else vectors.shape[1])
    np.testing.assert_allclose(coordinates @ directions.T, vectors, atol=1e-9)
    np.testing.assert_allclose(directions.T @ directions, np.eye(n_directions), atol=1e-9)
