"""Support vector machine on statistics over the frames."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser.config.checks import check_choice, check_ranges
from ser.layers.rotation import Numbers
from ser.models.base import Examples, SolvedModel

KERNELS = ("linear", "rbf")
SHARPEST = 100.0  # factor of the scores, at most
EXACT_ENOUGH = 0.1  # deviations, by which a number may be missed for nothing
MOST_STEPS = 10_000_000  # of libsvm, which by itself may go round for ever where rounding is as large as its progress


class SVM(SolvedModel):
    """Statistics of each band over the real frames, and a support vector machine for each pair of classes.

    (Cortes, Vapnik 1995, doi 10.1007/BF00994018) By scikit-learn's `SVC`. A class's score is the sum of its margins
    against all others; the probabilities are the softmax of the scores times a factor, fitted on validation (Guo et al.
    2017, arXiv 1706.04599). Numbers are told by `SVR`, one for each (Drucker et al. 1996, NIPS 9, 155-161); what is
    within a tenth of a deviation is right.

    Args:
        statistics, speeds: see `SolvedModel`.
        kernel: linear, or rbf: exp(-gamma |a - b|^2).
        costs: values of C, of which validation chooses one.
        gammas: of rbf, likewise; 1 is one over the number of dimensions.
        n_bands, n_channels, n_classes: see `Model`.
    """

    vectors: Tensor
    gamma: Tensor
    factor: Tensor

    def __init__(
        self,
        *,
        n_bands: int,
        n_classes: int,
        n_channels: int,
        statistics: list[str],
        speeds: list[float],
        kernel: str,
        costs: list[float],
        gammas: list[float],
    ) -> None:
        super().__init__(statistics, speeds)
        check_choice("kernel", kernel, KERNELS)
        check_ranges("costs", costs, 1e-9, 1e9)
        check_ranges("gammas", gammas, 1e-9, 1e9)
        self.kernel, self.n_classes = kernel, n_classes
        self.size = n_bands * len(statistics)
        if kernel == "rbf":
            self.choices = [{"gamma": gamma, "cost": cost} for gamma, cost in product(gammas, costs)]
        else:
            self.choices = [{"cost": cost} for cost in costs]
        n_clips = 1 if kernel == "rbf" else 0  # that scores are told from; until it is solved one of silence
        self.output = nn.Linear(n_clips or self.size, n_classes)
        self.register_buffer("vectors", torch.zeros(n_clips, self.size))
        self.register_buffer("gamma", torch.ones(()))
        self.register_buffer("factor", torch.ones(()))

    def scores(self, vectors: Tensor) -> Tensor:
        if self.kernel == "rbf":
            vectors = torch.exp(-self.gamma / self.size * torch.cdist(vectors, self.vectors).square())
        scores: Tensor = self.factor * self.output(vectors)
        return scores

    def solve(self, examples: Examples, choices: Sequence[Mapping[str, float]]) -> Iterator[Mapping[str, float]]:
        from sklearn.svm import SVC

        vectors, targets, weights = examples.views()
        for choice, kernel in self._kernels(vectors, choices):
            solver = SVC(kernel="precomputed", C=choice["cost"], max_iter=MOST_STEPS).fit(kernel, targets, weights)
            self._take_of(vectors, choice, *_sums_of_margins(solver, len(kernel)))
            yield choice

    def solve_numbers(
        self, examples: Examples, choices: Sequence[Mapping[str, float]]
    ) -> Iterator[Mapping[str, float]]:
        from sklearn.svm import SVR

        vectors, targets, weights = examples.views()
        for choice, kernel in self._kernels(vectors, choices):
            coefficients, bias = np.zeros((len(vectors), self.n_classes)), np.zeros(self.n_classes)
            for place, numbers in enumerate(targets.T):
                solver = SVR(kernel="precomputed", C=choice["cost"], epsilon=EXACT_ENOUGH, max_iter=MOST_STEPS)
                solver.fit(kernel, numbers, weights)
                coefficients[solver.support_, place], bias[place] = solver.dual_coef_[0], solver.intercept_[0]
            self._take_of(vectors, choice, coefficients, bias)
            yield choice

    def _kernels(
        self, vectors: Numbers, choices: Sequence[Mapping[str, float]]
    ) -> Iterator[tuple[Mapping[str, float], Numbers]]:
        """Each choice, and its kernel of all vectors with each other."""
        products = vectors @ vectors.T
        squares = np.diag(products)
        distances = np.maximum(squares[:, None] + squares - 2 * products, 0)
        for choice in choices:
            gamma = choice.get("gamma")
            yield choice, products if gamma is None else np.exp(-gamma / self.size * distances)

    def _take_of(self, vectors: Numbers, choice: Mapping[str, float], coefficients: Numbers, bias: Numbers) -> None:
        """Take coefficients (clips, n_classes) of the kernel with each vector, and biases."""
        if self.kernel == "linear":
            self._take(vectors.T @ coefficients, bias)
            return
        used = np.flatnonzero(coefficients.any(axis=1))
        used = used if len(used) else np.array([0])  # where all numbers are right beforehand
        self._take(coefficients[used], bias)
        self.vectors = torch.from_numpy(vectors[used]).to(self.vectors)
        self.gamma.fill_(choice["gamma"])

    def calibrate(self, examples: Examples) -> None:
        from scipy.optimize import minimize_scalar

        self.factor.fill_(1)
        with torch.no_grad():
            vectors = torch.from_numpy(examples.features.transpose(0, 2, 1)).to(self.vectors)
            scores = self.scores(vectors).mean(dim=1).double()
        targets, weights = (torch.from_numpy(a).to(scores.device) for a in (examples.targets, examples.weights))

        def loss(log_factor: float) -> float:
            each = F.cross_entropy(np.exp(log_factor) * scores, targets, reduction="none")
            return float((weights * each).sum())

        best = minimize_scalar(loss, bounds=(-np.log(SHARPEST), np.log(SHARPEST)), method="bounded")
        self.factor.fill_(float(np.exp(best.x)))

    def _take(self, weight: Numbers, bias: Numbers) -> None:
        """Take weights (n, n_classes) and biases."""
        made = nn.Linear(*weight.shape)
        with torch.no_grad():
            made.weight.copy_(torch.from_numpy(weight.T))
            made.bias.copy_(torch.from_numpy(bias))
        self.output = made.to(self.vectors.device)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        vectors = state_dict[f"{prefix}vectors"]  # as many as the solution that is loaded needs
        self.vectors = torch.empty_like(vectors)
        if self.kernel == "rbf":
            self.output = nn.Linear(len(vectors), self.output.out_features)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _sums_of_margins(solver: Any, n_clips: int) -> tuple[Numbers, Numbers]:
    """What makes each class's score of the products with all clips: coefficients (n_clips, n_classes), and biases."""
    n_classes = len(solver.classes_)
    ends = np.cumsum([0, *solver.n_support_])  # support vectors are sorted by class
    coefficients, bias = np.zeros((n_clips, n_classes)), np.zeros(n_classes)
    sign = -1 if n_classes == 2 else 1  # scikit-learn turns the margin of two classes round
    for number, (first, second) in enumerate(combinations(range(n_classes), 2)):
        margin = np.zeros(n_clips)  # positive where the first class is the answer
        for own, other in ((first, second - 1), (second, first)):
            some = slice(ends[own], ends[own + 1])
            margin[solver.support_[some]] = sign * solver.dual_coef_[other, some]
        constant = sign * solver.intercept_[number]
        coefficients[:, first] += margin
        coefficients[:, second] -= margin
        bias[first] += constant
        bias[second] -= constant
    return coefficients, bias
