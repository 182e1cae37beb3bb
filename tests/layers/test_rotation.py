import numpy as np
import pytest

from ser.layers.rotation import Numbers, rotated

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
def test_linear_answers_and_lengths_of_weights_stay(vectors: Numbers) -> None:
    coordinates, back = rotated(vectors)
    assert coordinates.shape == (len(vectors), min(vectors.shape))
    np.testing.assert_allclose(coordinates @ coordinates.T, vectors @ vectors.T, atol=1e-6)
    weights = coordinates.T @ RANDOM.normal(size=(len(vectors), 2))  # as a penalty on their length leaves them
    made = back(weights)
    assert made.shape == (vectors.shape[1], 2)
    np.testing.assert_allclose(vectors @ made, coordinates @ weights, atol=1e-5)
    np.testing.assert_allclose((made**2).sum(0), (weights**2).sum(0), rtol=1e-5)
