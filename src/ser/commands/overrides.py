"""The words of a command as Hydra can read them."""

import re
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from ser.config.build import options_of
from ser.config.places import conf_dir
from ser.config.schema import hint_of

WITH_VALUE = ("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p", "--cfg", "-c")


def options_first(words: Sequence[str]) -> list[str]:
    """The words of a command, Hydra's options with their values before all overrides, between which it knows none.

    >>> options_first(["seed=0,1", "-m", "--config-dir", "own", "epochs=2"])
    ['-m', '--config-dir', 'own', 'seed=0,1', 'epochs=2']
    """
    options: list[str] = []
    others: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        (options if word.startswith("-") or before in WITH_VALUE else others).append(word)
    return options + others


def readable(word: str) -> str:
    """A word of the command line as Hydra can read it.

    A value that Hydra's grammar cannot read (other letters than ASCII, brackets within a path) is taken as text, and
    quoted. For a group, null means to choose nothing, which Hydra writes []. All else stays as it is.

    >>> readable("corpus.root=録音/感情"), readable("corpus.root=my clips (1)"), readable("model.depth=10,18")
    ("corpus.root='録音/感情'", "corpus.root='my clips (1)'", 'model.depth=10,18')
    >>> readable("logger=null"), readable("training.patience=null")
    ('logger=[]', 'training.patience=null')

    Agents write Python's None for null, and whole numbers with a fraction; `build` takes both in components too:

    >>> readable("training.patience=None"), readable("batch_size=16.0,32.0"), readable("trainer.val_check_interval=1.0")
    ('training.patience=null', 'batch_size=16,32', 'trainer.val_check_interval=1.0')
    """
    name, equals, value = word.partition("=")
    if not equals or word.startswith("-") or value.startswith(("'", '"')):
        return word
    if name.isidentifier() and (conf_dir() / name).is_dir():
        value = ",".join("[]" if choice in ("null", "None") else choice for choice in value.split(","))
    elif hint := hint_of(name):
        value = ",".join(_as_wanted(one, hint) for one in value.split(","))
    try:
        OverridesParser.create().parse_override(f"{name}={value}")
    except HydraException:
        value = QuotedString(value, Quote.single).with_quotes()
    return f"{name}={value}"


def _as_wanted(value: str, hint: Any) -> str:
    options = options_of(hint)
    if value == "None" and type(None) in options:
        return "null"
    whole = re.fullmatch(r"([+-]?\d+)\.0+", value)
    return whole[1] if whole and int in options else value
