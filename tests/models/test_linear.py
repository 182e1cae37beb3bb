from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from ser.errors import SettingError
from ser.models.base import Examples
from ser.models.linear import Linear
from tests.components import make

COSTS = [0.003, 0.03, 0.3]


def made(n_dimensions: int, n_classes: int, **settings: Any) -> Linear:
    """A model whose statistics of all bands are so many numbers."""
    torch.manual_seed(0)
    model: Linear = make("model/linear", n_bands=n_dimensions // 2, n_classes=n_classes, **{"costs": COSTS, **settings})
    return model


def examples(n_clips: int, n_dimensions: int, n_classes: int, seed: int = 0) -> Examples:
    """Classes that overlap; each clip counts another much."""
    random = np.random.default_rng(seed)
    targets = np.arange(n_clips) % n_classes
    vectors = random.normal(size=(n_clips, n_dimensions))
    vectors[:, :n_classes] += np.eye(n_classes)[targets]
    return Examples(vectors[..., None], targets, random.uniform(0.2, 3, n_clips))


@torch.no_grad()
def answers(model: Linear, examples: Examples) -> torch.Tensor:
    return model(torch.from_numpy(examples.features).float(), torch.ones(len(examples.targets)))


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("n_dimensions", [6, 120], ids=["few dimensions", "more dimensions than clips"])
def test_each_choice_is_the_solution_of_scikit_learn(n_classes: int, n_dimensions: int) -> None:
    some, others = examples(60, n_dimensions, n_classes), examples(20, n_dimensions, n_classes, seed=1)
    model = made(n_dimensions, n_classes)
    seen = []
    for choice in model.solve(some, model.choices):
        solver = LogisticRegression(C=choice["cost"], tol=1e-8, max_iter=10_000)
        expected = solver.fit(*some.views()).predict_proba(others.features[..., 0])
        np.testing.assert_allclose(answers(model, others).exp(), expected, atol=2e-3)
        seen.append((choice["cost"], expected))
    assert [cost for cost, _ in seen] == COSTS
    assert np.abs(seen[0][1] - seen[-1][1]).max() > 0.1, "choices differ by more than the tolerance"


def test_weights_count() -> None:
    """A clip of weight 3 is as good as the clip three times."""
    some = examples(30, 6, 3)
    times = np.arange(30) % 3 + 1
    repeated = Examples(*(np.repeat(some_of, times, axis=0) for some_of in (some.features, some.targets, np.ones(30))))
    models = made(6, 3), made(6, 3)
    for model, given in zip(
        models, (Examples(some.features, some.targets, times.astype(float)), repeated), strict=True
    ):
        assert list(model.solve(given, model.choices[-1:])) == [{"cost": COSTS[-1]}]
    torch.testing.assert_close(answers(models[0], some), answers(models[1], some), atol=2e-3, rtol=0)


def test_views_are_examples_of_their_own_whose_mean_answers() -> None:
    first, second, others = (examples(30, 6, 3, seed) for seed in range(3))
    both = Examples(np.concatenate([first.features, second.features], axis=2), first.targets, first.weights)
    model = made(6, 3)
    next(iter(model.solve(both, model.choices[:1])))
    solver = LogisticRegression(C=COSTS[0], tol=1e-8, max_iter=10_000)
    vectors = np.concatenate([first.features[..., 0], second.features[..., 0]])
    solver.fit(vectors, np.tile(first.targets, 2), np.tile(first.weights, 2) / 2)
    scores = [solver.decision_function(some.features[..., 0]) for some in (first, others)]
    expected = torch.from_numpy((scores[0] + scores[1]) / 2).log_softmax(1).float()
    heard = Examples(np.concatenate([first.features, others.features], axis=2), first.targets, first.weights)
    torch.testing.assert_close(answers(model, heard), expected, atol=5e-3, rtol=0)


def test_choices_are_the_costs_from_the_lowest() -> None:
    assert made(6, 3, costs=[1.0, 0.1, 10.0]).choices == [{"cost": 0.1}, {"cost": 1.0}, {"cost": 10.0}]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"costs": []}, r"model\.costs must have one number at least; got \[\]"),
        ({"costs": [1.0, 0.0]}, r"model\.costs must lie between 1e-09 and 1000000000; got 0\.0"),
        ({"costs": ["low"]}, r"model\.costs must be a list: \[a number, \.\.\.\]; got \['low'\]"),
        ({"statistics": []}, r"model\.statistics must name one of mean, deviation at least, and none twice"),
        ({"statistics": ["mean", "mean"]}, r"model\.statistics must name one of mean, deviation at least"),
        ({"speeds": [3.0]}, r"model\.speeds must lie between 0\.5 and 2; got 3"),
        (
            {"speeds": [0.951]},
            r"model\.speeds must be whole percents such as 0\.95, none of them twice; got \[0\.951\]",
        ),
        ({"statistics": ["median"]}, r"model\.statistics must be one of mean, deviation; got 'median'"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        made(6, 3, **settings)
