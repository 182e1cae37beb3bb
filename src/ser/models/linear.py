"""Multinomial logistic regression on statistics over the frames."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ser.config.checks import check_ranges
from ser.layers.rotation import rotated
from ser.models.base import Examples, SolvedModel

N_STEPS = 1000  # of L-BFGS, at most


class Linear(SolvedModel):
    """Statistics of each band over the real frames, and one linear layer: the solution of logistic regression.

    It is the one of scikit-learn's `LogisticRegression`: of all weights and biases those for which C times the sum of
    the clips' cross-entropies, and half the sum of the squared weights, are least together.

    Args:
        statistics, speeds: see `SolvedModel`.
        costs: values of C, of which validation chooses one.
        n_bands, n_channels, n_classes: see `Model`.
    """

    takes_votes = True  # the cross-entropy of a distribution is the mean of those of its classes

    def __init__(
        self,
        *,
        n_bands: int,
        n_classes: int,
        n_channels: int,
        statistics: list[str],
        speeds: list[float],
        costs: list[float],
    ) -> None:
        super().__init__(statistics, speeds)
        check_ranges("costs", costs, 1e-9, 1e9)
        self.choices = [{"cost": cost} for cost in sorted(costs)]
        self.output = nn.Linear(n_bands * len(statistics), n_classes)

    def scores(self, vectors: Tensor) -> Tensor:
        scores: Tensor = self.output(vectors)
        return scores

    def solve(self, examples: Examples, choices: Sequence[Mapping[str, float]]) -> Iterator[Mapping[str, float]]:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        vectors, targets, weights = examples.views()
        coordinates, back = rotated(vectors)
        solver = LogisticRegression(max_iter=N_STEPS, warm_start=True)  # each begins where the one before has ended
        for choice in choices:
            with threadpool_limits(1):  # of products this small, threads get in each other's way
                solver.set_params(C=choice["cost"]).fit(coordinates, targets, weights)
            weight, bias = back(solver.coef_.T), solver.intercept_
            if len(bias) == 1:  # of two classes, the odds of the second
                weight, bias = np.concatenate([-weight, weight], axis=1) / 2, np.concatenate([-bias, bias]) / 2
            with torch.no_grad():
                self.output.weight.copy_(torch.from_numpy(weight.T))
                self.output.bias.copy_(torch.from_numpy(bias))
            yield choice
