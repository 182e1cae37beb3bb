"""The search space: ranges and choices by setting, from YAML or from the command line."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, Quote, QuotedString, RangeSweep, Transformer
from hydra.errors import HydraException

from ser.config.dotted import is_below
from ser.errors import ConfigError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

# What would make the trials' validation scores those of other clips or epochs, or is not a matter of the model.
_FIXED = (
    *("corpus", "labels", "split", "paths", "hydra", "experiment", "search", "launcher", "debug", "check", "resume"),
    *("epochs", "trainer.max_epochs"),
)

Space = dict[str, "BaseDistribution"]


def read_space(params: Mapping[str, Any], overrides: Iterable[Override]) -> Space:
    """The search space.

    Args:
        params: by setting, a range `{low, high}` with `log: true` or a `step` (whole numbers where both ends are), a
            list of choices, or either in Hydra's words: "tag(log, interval(1e-4, 1e-2))".
        overrides: those of the command line. Several values, as in `model.depth=10,18`, stand for the YAML's, and a
            single one takes the setting out of the space.

    Raises:
        ConfigError: names the setting that cannot be searched, and why.
    """
    space = {key: _from_yaml(key, value) for key, value in params.items()}
    for override in overrides:
        key = override.get_key_element()
        if override.is_sweep_override():
            space[key] = _from_override(key, override)
        else:
            space.pop(key, None)
    if not space:
        raise ConfigError(
            "hydra.sweeper.params: there is nothing to search; take a search=<name>, or give ranges such as"
            " 'optim.lr=tag(log, interval(1e-4, 1e-2))' model.depth=10,18"
        )
    for key in space:
        if is_below(key.lstrip("+"), _FIXED):
            raise ConfigError(
                f"search space: {key} cannot be searched, since trials must be heard on the same clips for as many"
                " epochs"
            )
    return dict(sorted(space.items()))


def word(distribution: "BaseDistribution", value: Any) -> str:
    """A value as it is written on the command line."""
    from optuna.distributions import CategoricalDistribution

    return str(value) if isinstance(distribution, CategoricalDistribution) else repr(value)


def as_word(value: Any, is_text: Callable[[Any], bool] = lambda meant: isinstance(meant, str)) -> str:
    """A value as it is written on the command line: text in quotes where Hydra could not read it without.

    Args:
        value: a plain value.
        is_text: whether text that is read as this is well written without quotes.

    >>> as_word("my clips (1)"), as_word("2026"), as_word([2, 2]), as_word(True), as_word(None), as_word("mean")
    ("'my clips (1)'", "'2026'", '[2,2]', 'true', 'null', 'mean')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(Override._get_value_element_as_str(value))
    try:
        override = OverridesParser.create().parse_override(f"key={value}")
        is_plain = not override.is_sweep_override() and is_text(override.value())
    except HydraException:
        is_plain = False
    return value if is_plain else QuotedString(value, Quote.single).with_quotes()


def corners(space: Space) -> Iterable[dict[str, Any]]:
    """Points such that each choice, and each end of a range, is in one of them."""
    ends = {key: _ends(distribution) for key, distribution in space.items()}
    first = {key: values[0] for key, values in ends.items()}
    yield first
    for key, values in ends.items():
        for value in values[1:]:
            yield {**first, key: value}


def differences(before: Space, now: Space) -> list[str]:
    """Where two spaces differ, such as "optim.lr was 0.001 to 0.1, now 0.001 to 0.01"."""
    names = sorted(before.keys() | now.keys())
    return [
        f"{name} was {_described(before.get(name))}, now {_described(now.get(name))}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _ends(distribution: "BaseDistribution") -> list[Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return [distribution.low, distribution.high]


def _described(distribution: "BaseDistribution | None") -> str:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if distribution is None:
        return "not searched"
    if isinstance(distribution, CategoricalDistribution):
        return f"one of {', '.join(map(str, distribution.choices))}"
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    step = f" by {distribution.step}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low} to {distribution.high}{step}{' (log)' if distribution.log else ''}"


def _from_yaml(key: str, value: Any) -> "BaseDistribution":
    if isinstance(value, str):
        return _from_override(key, _parsed(key, value))
    if isinstance(value, list):
        return _choices(key, [_choice_word(key, choice) for choice in value])
    if not isinstance(value, Mapping):
        _refuse(key, f"is {value!r}, which is no range and no list")
    unknown = value.keys() - {"low", "high", "log", "step"}
    if unknown or not {"low", "high"} <= value.keys():
        _refuse(key, f"has {', '.join(sorted(map(str, value)))}; a range has low, high, and may have log and step")
    return _range(key, value["low"], value["high"], log=value.get("log", False), step=value.get("step"))


def _from_override(key: str, override: Override) -> "BaseDistribution":
    values = override.value()
    if not override.is_sweep_override():
        _refuse(key, f"is {values!r}, which is no range and no list")
    if isinstance(values, IntervalSweep):
        return _range(key, values.start, values.end, log="log" in values.tags, step=None)
    if isinstance(values, RangeSweep):
        numbers = list(values.range())
        if not numbers:
            _refuse(key, "is empty")
        return _range(key, min(numbers), max(numbers), log="log" in values.tags, step=abs(values.step))
    return _choices(key, [str(choice) for choice in override.sweep_iterator(Transformer.str)])


def _parsed(key: str, text: str) -> Override:
    try:
        return OverridesParser.create().parse_override(f"{key}={text}")
    except HydraException:
        _refuse(key, f"is {text!r}, which is no range and no list")


def _choice_word(key: str, choice: Any) -> str:
    """A choice of a YAML list as it is written on the command line; text that is a list there may stay so."""
    if isinstance(choice, list | Mapping):
        _refuse(key, f"has the choice {choice!r}; write it as text: '[2,2]'")
    return as_word(choice, is_text=lambda meant: True)


def _choices(key: str, words: list[str]) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution

    if not words or len(set(words)) < len(words):
        _refuse(key, "has no choices, or one of them twice")
    return CategoricalDistribution(words)


def _range(key: str, low: Any, high: Any, *, log: Any, step: Any) -> "BaseDistribution":
    from optuna.distributions import FloatDistribution, IntDistribution

    for number in (low, high, *(() if step is None else (step,))):
        if not isinstance(number, int | float) or isinstance(number, bool):
            _refuse(key, f"has {number!r} where a number is wanted")
    if not isinstance(log, bool):
        _refuse(key, f"has log: {log!r}; it must be true or false")
    if not low < high:
        _refuse(key, f"goes from {low} to {high}: low must be less than high")
    if log and low <= 0:
        _refuse(key, f"begins at {low}, which has no logarithm; set low above 0, or leave log out")
    if log and step not in (None, 1):
        _refuse(key, "has log and step; leave one of them out")
    if step is not None and step <= 0:
        _refuse(key, f"has the step {step}; it must be more than 0")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not divisible by")  # the last step is within: what is meant
        if all(isinstance(number, int) for number in (low, high, step or 1)):
            return IntDistribution(low, high, log=log, step=step or 1)
        return FloatDistribution(float(low), float(high), log=log, step=None if log else step)


def _refuse(key: str, problem: str) -> NoReturn:
    raise ConfigError(
        f"search space: {key} {problem}; write a range as {key}: {{low: 1e-4, high: 1e-2, log: true}}, choices as"
        f" {key}: [10, 18]"
    )
