"""Building components from their settings."""

import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ser.errors import ConfigError, SerError, SettingError


def build(group: str, settings: Mapping[str, Any], kind: type = object, /, **given: Any) -> Any:
    """Make the component that `settings` describe (`_target_` and its arguments), adding the arguments `given` by code.

    Args:
        group: what its settings are below, as `model`: messages put it before a setting's name. A component that
            builds another one gives the name of that setting, and the two names add up.
        kind: what it must be; no other class is called.

    Raises:
        SettingError: a key that the component does not have, a value of the wrong type, or one that it refuses.
        SerError: what else the component raises.
    """
    if not isinstance(settings, Mapping):
        raise SettingError(f"{group}: nothing is chosen; name one of the choices that --help lists")
    target = _class(f"{group}._target_", settings.get("_target_"), kind)
    arguments = {key: value for key, value in settings.items() if not key.startswith("_")}
    fitting = _check_arguments(group, target, arguments, given)
    try:
        return target(**fitting, **given)
    except SettingError as error:
        raise SettingError(f"{group}.{error}") from None


def _class(name: str, path: Any, kind: type) -> type:
    """The class that a path `package.module.Class` names.

    Raises:
        SettingError: there is none, or it is of another kind.
    """
    module, _, last = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    try:
        found = getattr(import_module(module), last, None) if module else None
    except (ImportError, ValueError):
        found = None
    if not inspect.isclass(found):
        raise SettingError(f"{name}: no such class: {path!r}; name one as package.module.Class")
    if not issubclass(found, kind):
        raise SettingError(f"{name}: {path} is no {kind.__name__}; name a class that derives from it")
    return found


def _check_arguments(group: str, target: Any, arguments: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the component wants them."""
    fitting: dict[str, Any] = {}
    hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    parameters = inspect.signature(target).parameters
    known = [name for name in parameters if name not in given]
    for name, value in arguments.items():
        if name not in known:
            raise SettingError(f"{group}.{name}: no such setting; there are {', '.join(known)}")
        hint = hints.get(name, Any)
        value = fitting[name] = _as_wanted(value, hint)
        if value is None and typing.get_origin(hint) is Mapping:
            continue  # a component that was taken away: said where it is built
        check_type(f"{group}.{name}", value, hint)
    for name in known:
        if name not in arguments and parameters[name].default is inspect.Parameter.empty:
            raise SettingError(f"{group}.{name} is missing; it must be {wanted(hints.get(name, Any))}")
    return fitting


def _as_wanted(value: Any, hint: Any) -> Any:
    """A value as an agent writes it: a whole number with a fraction, or Python's None in letters."""
    options = options_of(hint)
    if isinstance(value, float) and value.is_integer() and int in options and float not in options:
        return int(value)
    return None if value == "None" and type(None) in options and not {str, Path}.intersection(options) else value


def check_type(name: str, value: Any, hint: Any) -> None:
    """Refuse a value from YAML that cannot stand where one of type `hint` is wanted.

    >>> check_type("trainer.max_steps", "many", int)
    Traceback (most recent call last):
    ...
    ser.errors.SettingError: trainer.max_steps must be a whole number; got 'many'
    """
    if not _fits(value, hint):
        raise SettingError(f"{name} must be {wanted(hint)}; got {value!r}")


_WORDS = {
    Any: "a value",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    bool: "true or false",
    Mapping: "a mapping",
    type(None): "null",
}


def wanted(hint: Any) -> str:
    """A type in words, as `a whole number or null`."""
    return " or ".join(_word(option) for option in options_of(hint))


def options_of(hint: Any) -> Sequence[Any]:
    """The types that a hint allows."""
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return typing.get_args(hint) if is_union else (hint,)


def _word(hint: Any) -> str:
    if typing.get_origin(hint) is list:
        return f"a list: [{_word(typing.get_args(hint)[0])}, ...]"
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(map(str, typing.get_args(hint)))
    return _WORDS.get(typing.get_origin(hint) or hint, str(hint))


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value from YAML can stand where a parameter of type `hint` is wanted; unknown hints accept all."""
    if len(options := options_of(hint)) > 1:
        return any(_fits(value, option) for option in options)
    if typing.get_origin(hint) is typing.Literal:
        return value in typing.get_args(hint)
    if typing.get_origin(hint) is list:
        return isinstance(value, list) and all(_fits(item, typing.get_args(hint)[0]) for item in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, type(None)):
        return isinstance(value, hint)
    if hint in (str, Path):
        return isinstance(value, str)
    if typing.get_origin(hint) is Mapping:
        return isinstance(value, Mapping)
    return True


def build_object(name: str, settings: Any) -> Any:
    """Make an object of any library, such as a callback, from its `_target_` and arguments.

    Args:
        name: of the setting, for messages.

    Raises:
        ConfigError: there is no such class, or it refuses its arguments.
    """
    import hydra.utils
    from hydra.errors import InstantiationException

    if not isinstance(settings, Mapping) or not isinstance(settings.get("_target_"), str):
        raise ConfigError(f"{name} must name a class, as {name}._target_=package.module.Class; got {settings!r}")
    try:
        return hydra.utils.instantiate(dict(settings), _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, SerError):
            raise cause from None
        raise ConfigError(f"{name}: {settings['_target_']} cannot be made: {' '.join(str(cause).split())}") from None
