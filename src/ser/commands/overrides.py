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
from ser.errors import ConfigError

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


def for_hydra(words: Sequence[str]) -> list[str]:
    """Overrides as a person types them, as Hydra can read them.

    Raises:
        ConfigError: features or corpora side by side are named in a way that cannot be.
    """
    return [readable(own) for word in words for own in side_by_side(word)]


# Groups of which several can be chosen at once, with the choice that holds them, and what they are called.
_SEVERAL = {"feature": ("side_by_side", "features"), "corpus": ("several", "corpora")}


def side_by_side(word: str) -> list[str]:
    """The words of Hydra's for one that chooses several features or corpora at once; any other word as it is.

    >>> side_by_side("feature=[whisper,compare]")
    ['feature=side_by_side', '+feature@feature.parts.whisper=whisper', '+feature@feature.parts.compare=compare']
    >>> side_by_side("feature=[melspec]"), side_by_side("feature=melspec,mfcc")
    (['feature=[melspec]'], ['feature=melspec,mfcc'])

    Raises:
        ConfigError: the list is one of several values, or something is named twice in it.
    """
    group, _, value = word.partition("=")
    if group not in _SEVERAL or "[" not in value or "," not in value:
        return [word]
    choice, called = _SEVERAL[group]
    names = [part.strip() for part in value.removeprefix("[").removesuffix("]").split(",")]
    if not re.fullmatch(r"\[[^\[\]]*\]", value):
        raise ConfigError(f"{word}: {called} side by side cannot be one of several values; give each a command")
    if len(set(names)) < len(names):
        raise ConfigError(f"{word}: names a {group} twice; name each once")
    return [f"{group}={choice}", *(f"+{group}@{group}.parts.{part}={part}" for part in names)]


def readable(word: str) -> str:
    """A word of the command line as Hydra can read it.

    A value that Hydra's grammar cannot read (other letters than ASCII, brackets within a path) is taken as text, and
    quoted; of a list that holds no other list, each item is. For a group, null means to choose nothing, which Hydra
    writes []. All else stays as it is.

    >>> readable("corpus.root=録音/感情"), readable("corpus.root=my clips (1)"), readable("model.depth=10,18")
    ("corpus.root='録音/感情'", "corpus.root='my clips (1)'", 'model.depth=10,18')
    >>> readable("task.dimensions=[覚醒度,快 不快]")
    "task.dimensions=['覚醒度','快 不快']"
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
        is_list = re.fullmatch(r"\[[^\[\]]*\]", value)
        value = f"[{','.join(_quoted(one.strip()) for one in value[1:-1].split(','))}]" if is_list else _quoted(value)
    return f"{name}={value}"


def _quoted(value: str) -> str:
    return QuotedString(value, Quote.single).with_quotes()


def _as_wanted(value: str, hint: Any) -> str:
    options = options_of(hint)
    if value == "None" and type(None) in options:
        return "null"
    whole = re.fullmatch(r"([+-]?\d+)\.0+", value)
    return whole[1] if whole and int in options else value
