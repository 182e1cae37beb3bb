from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.svm import SVC

from ser.models.base import Examples
from ser.models.svm import SVM
from tests.components import make
from tests.models.test_linear import examples

N_DIMENSIONS = 10


def made(n_classes: int, **settings: Any) -> SVM:
    torch.manual_seed(0)
    given = {"costs": [0.1, 3.0], "gammas": [0.5, 1.0], **settings}
    model: SVM = make("model/svm", n_bands=N_DIMENSIONS // 2, n_classes=n_classes, **given)
    return model


@torch.no_grad()
def answers(model: SVM, examples: Examples) -> torch.Tensor:
    return model(torch.from_numpy(examples.features).float(), torch.ones(len(examples.targets)))


def sums_of_margins(solver: SVC, vectors: npt.NDArray[np.float64], n_classes: int) -> npt.NDArray[np.float64]:
    """Of scikit-learn's own margins of each pair: positive where the first is the answer, but of two classes."""
    margins = solver.decision_function(vectors).reshape(len(vectors), -1)
    scores = np.zeros((len(vectors), n_classes))
    for number, (first, second) in enumerate(combinations(range(n_classes), 2)):
        margin = -margins[:, number] if n_classes == 2 else margins[:, number]
        scores[:, first] += margin
        scores[:, second] -= margin
    return scores


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_scores_are_the_sums_of_scikit_learn_s_margins(n_classes: int, kernel: str) -> None:
    some, others = examples(60, N_DIMENSIONS, n_classes), examples(20, N_DIMENSIONS, n_classes, seed=1)
    model = made(n_classes, kernel=kernel)
    n_choices = 0
    for choice in model.solve(some, model.choices):
        gamma = choice.get("gamma", 1.0) / N_DIMENSIONS
        solver = SVC(C=choice["cost"], kernel=kernel, gamma=gamma, decision_function_shape="ovo", max_iter=10**6)
        solver.fit(*some.views())
        scores = sums_of_margins(solver, others.features[..., 0], n_classes)
        expected = torch.from_numpy(scores).log_softmax(1).float()
        torch.testing.assert_close(answers(model, others), expected, atol=0.02, rtol=0.01)
        if n_classes == 2:
            assert (answers(model, others).argmax(1).numpy() == solver.predict(others.features[..., 0])).all()
        n_choices += 1
    assert n_choices == len(model.choices) == (2 if kernel == "linear" else 4)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_calibration_changes_how_sure_answers_are_but_never_which(kernel: str) -> None:
    some, others = examples(60, N_DIMENSIONS, 4), examples(40, N_DIMENSIONS, 4, seed=1)
    model = made(4, kernel=kernel)
    next(iter(model.solve(some, model.choices[-1:])))
    model.factor.fill_(20.0)  # too sure
    before = answers(model, others)

    def loss() -> float:
        each = answers(model, others)[torch.arange(40), torch.from_numpy(others.targets)]
        return float(-(each.double() * torch.from_numpy(others.weights)).sum())

    model.calibrate(others)
    after, factor, best = answers(model, others), float(model.factor), loss()
    assert torch.equal(after.argsort(dim=1), before.argsort(dim=1)) and not torch.allclose(after, before, atol=0.1)
    for other in (0.9 * factor, 1.1 * factor):  # none is better
        model.factor.fill_(other)
        assert best < loss()


def test_solving_again_keeps_the_factor_that_validation_gave() -> None:
    """The part it was fitted on is among what is solved from then."""
    model = made(3)
    next(iter(model.solve(examples(60, N_DIMENSIONS, 3), model.choices[:1])))
    model.calibrate(examples(40, N_DIMENSIONS, 3, seed=1))
    factor = float(model.factor)
    next(iter(model.solve(examples(100, N_DIMENSIONS, 3, seed=2), model.choices[:1])))
    assert float(model.factor) == factor != 1.0


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_a_state_loads_into_a_model_that_was_never_solved(kernel: str, tmp_path: Any) -> None:
    """However many clips the scores are told from."""
    others = examples(20, N_DIMENSIONS, 4, seed=1)
    model, fresh = made(4, kernel=kernel), made(4, kernel=kernel)
    for n_clips in (60, 20):
        for _ in model.solve(examples(n_clips, N_DIMENSIONS, 4), model.choices[-1:]):
            model.calibrate(others)
        torch.save(model.state_dict(), tmp_path / "state.pt")
        fresh.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
        torch.testing.assert_close(answers(fresh, others), answers(model, others), rtol=0, atol=0)
        if kernel == "rbf":
            assert 0 < len(fresh.vectors) == fresh.output.in_features <= n_clips


@pytest.mark.filterwarnings("error")
def test_choices() -> None:
    assert made(2, kernel="linear").choices == [{"cost": 0.1}, {"cost": 3.0}]
    pairs = [(choice["gamma"], choice["cost"]) for choice in made(2, kernel="rbf").choices]
    assert pairs == [(0.5, 0.1), (0.5, 3.0), (1.0, 0.1), (1.0, 3.0)]
