"""What can be typed: the shipped groups with their choices, and the values of settings, as plain YAML without Hydra."""

from typing import Any

import yaml

from ser.config.dotted import leaves
from ser.config.places import conf_dir


def groups() -> dict[str, list[str]]:
    """The choices of every group, in the order of conf/train.yaml; not what nobody types: `_...`, and Hydra's own."""
    found = {}
    for folder in sorted(path for path in conf_dir().iterdir() if path.is_dir()):
        files = [path.relative_to(folder).with_suffix("") for path in folder.rglob("*.yaml")]
        names = sorted(file.as_posix() for file in files if not any(part.startswith("_") for part in file.parts))
        if names and not folder.name.startswith("_") and folder.name != "hydra":
            found[folder.name] = names
    order = list(defaults())
    return dict(sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def defaults() -> dict[str, Any]:
    """What is chosen of each group where nothing else is said; None: nothing."""
    chosen: dict[str, Any] = {}
    for entry in _read("train")["defaults"]:
        chosen |= entry if isinstance(entry, dict) else {}
    return chosen


def choice(group: str, name: str) -> dict[str, Any]:
    """The settings in conf/<group>/<name>.yaml, over those of the files that it is based on; nothing is resolved."""
    settings = _read(f"{group}/{name}")
    below: dict[str, Any] = {}
    for base in settings.pop("defaults", []):
        if isinstance(base, str) and base != "_self_":
            file, _, part = base.partition("@")
            path = file[1:] if file.startswith("/") else f"{group}/{file}"
            if part == "_global_":  # settings of others
                continue
            content = choice(*path.rsplit("/", 1))
            below |= content if part in ("", "_here_") else {part: content}
    return below | settings


def settings() -> list[str]:
    """The names of all settings that are shipped, those of conf/train.yaml and of the default choices first."""
    names = [name for name, _ in leaves({key: one for key, one in _read("train").items() if key != "defaults"})]
    for group, choices in groups().items():
        if defaults().get(group) is None:
            continue  # its choices set what belongs elsewhere
        ordered = sorted(choices, key=lambda one: one != defaults()[group])
        names += [name for one in ordered for name, _ in leaves({group: choice(group, one)})]
    return list(dict.fromkeys(name for name in names if "._" not in name))


def value(name: str) -> Any:
    """The default of a setting such as `model.depth`; where the default choice has none, the first that has one.

    Raises:
        KeyError: no choice has it.
    """
    group = name.partition(".")[0]
    choices = [*filter(None, [defaults().get(group)]), *groups().get(group, [])]
    for settings in [_read("train"), *({group: choice(group, one)} for one in choices)]:
        values = dict(leaves(settings))
        if name in values:
            return values[name]
    raise KeyError(name)


def _read(name: str) -> dict[str, Any]:
    content = yaml.safe_load((conf_dir() / f"{name}.yaml").read_text(encoding="utf-8"))
    return content or {}
