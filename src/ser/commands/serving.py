"""What `ser serve` and `ser demo` have in common: options, and the models by name."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ser.runs.names import BEST

if TYPE_CHECKING:
    from ser.inference.predictor import Predictor

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

FOLD = click.option("--fold", type=int, metavar="N", help="Of a run over all folds; else the mean of all.")
TRUST = click.option(
    "--trust", multiple=True, metavar="PACKAGE", help="Whose classes a model may name; may be repeated."
)
HOST = click.option("--host", default="127.0.0.1", show_default=True, help="To listen on; 0.0.0.0: for other machines.")


def port(default: int) -> Decorator:
    """`--port`."""
    return click.option(
        "--port", default=default, type=click.IntRange(0, 65535), show_default=True, help="0: any that is free."
    )


def limited(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--max-mb` and `--max-seconds`."""
    size = click.option(
        "--max-mb", default=25.0, type=click.FloatRange(0.01, 10_000), show_default=True, help="Of a file."
    )
    length = click.option(
        "--max-seconds", default=600.0, type=click.FloatRange(1, 86_400), show_default=True, help="Of a recording."
    )
    return size(length(command))


def loaded(models: Sequence[str], fold: int | None, trust: Sequence[str]) -> "dict[str, Predictor]":
    """Models by the names under which they are shown; the terminal says what they are, and from where."""
    from ser.inference.loading import load  # torch takes seconds to import

    predictors = [load(model, fold=fold, trust=trust) for model in models]
    for predictor in predictors:
        predictor.refuse_numbers("what is served")
    for predictor in predictors:
        print(predictor.about, file=sys.stderr)
    return dict(zip(names(models), predictors, strict=True))


def names(models: Sequence[str]) -> list[str]:
    """What tells models apart without saying where they lie on this machine: the last parts of their paths.

    >>> names(["outputs/first", "/home/a/resnet/checkpoints/best.ckpt", "hf:user/name"])
    ['first', 'resnet', 'hf:user/name']
    >>> names(["old/first", "new/first"])
    ['old/first', 'new/first']
    """
    from ser.inference.hub import HUB

    parts = [(model,) if model.startswith(HUB) else Path(model.removesuffix(BEST)).resolve().parts for model in models]
    for n_shown in range(1, max(map(len, parts)) + 1):
        shown = ["/".join(one[-n_shown:]) for one in parts]
        if len(set(shown)) == len(set(parts)):
            break
    return shown
