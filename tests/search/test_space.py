"""Reading search spaces."""

import warnings
from typing import Any

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from ser.errors import ConfigError
from ser.search.space import corners, differences, read_space, word


def typed(*words: str) -> list[Any]:
    return OverridesParser.create().parse_overrides(list(words))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"low": 1e-4, "high": 1e-2, "log": True}, FloatDistribution(1e-4, 1e-2, log=True)),
        ({"low": 0, "high": 0.5}, FloatDistribution(0, 0.5)),
        ({"low": 0.0, "high": 0.5, "step": 0.1}, FloatDistribution(0, 0.5, step=0.1)),
        ({"low": 16, "high": 64, "step": 16}, IntDistribution(16, 64, step=16)),
        ({"low": 1, "high": 6, "step": 2}, IntDistribution(1, 5, step=2)),
        ({"low": 1, "high": 64, "log": True}, IntDistribution(1, 64, log=True)),
        ([10, 18], CategoricalDistribution(["10", "18"])),
        ([True, None, 0.1, "mean"], CategoricalDistribution(["true", "null", "0.1", "mean"])),
        (["a, b", "[2,2]"], CategoricalDistribution(["'a, b'", "[2,2]"])),
        ("tag(log, interval(1e-4, 1e-2))", FloatDistribution(1e-4, 1e-2, log=True)),
    ],
)
def test_a_range_or_choices_in_yaml(written: Any, meant: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_space({"model.x": written}, []) == {"model.x": meant}


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("10,18", CategoricalDistribution(["10", "18"])),
        ("choice(mean,weighted)", CategoricalDistribution(["mean", "weighted"])),
        ("[2,2],[3,3]", CategoricalDistribution(["[2,2]", "[3,3]"])),
        ("interval(1,2)", FloatDistribution(1, 2)),
        ("int(interval(1,8))", IntDistribution(1, 8)),
        ("tag(log, int(interval(1, 8)))", IntDistribution(1, 8, log=True)),
        ("range(1,8,3)", IntDistribution(1, 7, step=3)),
        ("range(5)", IntDistribution(0, 4)),
    ],
)
def test_values_on_the_command_line(value: str, meant: Any) -> None:
    assert read_space({}, typed(f"model.x={value}")) == {"model.x": meant}


def test_the_command_line_is_above_the_yaml() -> None:
    params = {"optim.lr": {"low": 1e-4, "high": 1e-2}, "model.depth": [10, 18]}
    assert read_space(params, typed("optim.lr=0.001", "model.depth=34,50", "seed=1")) == {
        "model.depth": CategoricalDistribution(["34", "50"])
    }


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("x: 3", "is 3, which is no range"),
        ("x: abc", "is 'abc', which is no range"),
        ("x: ')('", "which is no range"),
        ("x: {low: 1}", "has low; a range has"),
        ("x: {low: 1, high: 2, steps: 1}", "has high, low, steps; a range has"),
        ("x: {low: a, high: 2}", "has 'a' where a number is wanted"),
        ("x: {low: true, high: 2}", "has True where a number is wanted"),
        ("x: {low: 2, high: 1}", "goes from 2 to 1"),
        ("x: {low: 1, high: 1}", "goes from 1 to 1"),
        ("x: {low: 0, high: 1, log: true}", "which has no logarithm"),
        ("x: {low: 0, high: 1, log: much}", "has log: 'much'"),
        ("x: {low: 1, high: 9, log: true, step: 2}", "has log and step"),
        ("x: {low: 1, high: 9, step: 0}", "has the step 0"),
        ("x: []", "has no choices"),
        ("x: [1, 1]", "has no choices, or one of them twice"),
        ("x: [[2, 2], [3, 3]]", "write it as text"),
        ("split.fold: [1, 2]", "split.fold cannot be searched"),
        ("corpus: [demo, ravdess]", "corpus cannot be searched"),
        ("epochs: {low: 1, high: 9}", "epochs cannot be searched"),
        ("trainer.max_epochs: {low: 1, high: 9}", "trainer.max_epochs cannot be searched"),
        ("debug: [fast, profile]", "debug cannot be searched"),
        ("check: [null, shuffled]", "check cannot be searched"),
        ("{}", "there is nothing to search"),
    ],
)
def test_a_wrong_space_is_refused_in_one_message(written: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_space(yaml.safe_load(written), [])
    assert problem in str(caught.value) and "\n" not in str(caught.value)


def test_corners_have_every_choice_and_every_end() -> None:
    space = read_space({"a": [1, 2, 3], "b": {"low": 0.5, "high": 1}}, [])
    points = list(corners(space))
    assert {(key, word(space[key], value)) for point in points for key, value in point.items()} == {
        *(("a", "1"), ("a", "2"), ("a", "3"), ("b", "0.5"), ("b", "1.0"))
    }
    assert all(point.keys() == space.keys() for point in points)


def test_differences_are_named() -> None:
    before = read_space({"a": [1, 2], "b": {"low": 0.5, "high": 1}, "c": {"low": 2, "high": 8, "step": 2}}, [])
    now = read_space({"a": [1, 2], "b": {"low": 0.1, "high": 1, "log": True}, "d": ["x", "y"]}, [])
    assert differences(before, now) == [
        "b was 0.5 to 1.0, now 0.1 to 1.0 (log)",
        "c was 2 to 8 by 2, now not searched",
        "d was not searched, now one of x, y",
    ]
    assert differences(before, before) == []
