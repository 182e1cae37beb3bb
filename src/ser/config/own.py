"""YAML of the user's own, beside what is shipped: which files there are, and what is wrong with them."""

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from ser.config.places import conf_dir

_GLOBAL = "# @package _global_"
_HEADER = re.compile(r"^\s*#\s*@package\b(.*)$", re.MULTILINE)
_OLD_RESOLVER = re.compile(r"\$\{env:[^}]*\}")


def folders(words: Sequence[str]) -> list[Path]:
    """The folders with YAML of the user's own that a command names, by --config-dir, --config-path or searchpath."""
    found = []
    for number, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in ("--config-dir", "-cd", "--config-path", "-cp"):
            found.append(value if equals else "".join(words[number + 1 : number + 2]))
        elif name == "hydra.searchpath":
            found += [part.strip(" '\"") for part in value.strip("[]").split(",")]
    return [Path(folder.removeprefix("file://")) for folder in found if folder]


def hidden(own: Sequence[Path], choices: Mapping[str, object]) -> str | None:
    """Which chosen file of the user's own is hidden by a shipped one of the same name; None: none is.

    Args:
        own: the folders.
        choices: the choice of each group.
    """
    for folder in own:
        for group, choice in choices.items():
            where = group.partition("@")[0]
            for name in choice if isinstance(choice, list | tuple) else [choice]:
                mine, shipped = folder / where / f"{name}.yaml", conf_dir() / where / f"{name}.yaml"
                if mine.is_file() and shipped.is_file() and mine.read_bytes() != shipped.read_bytes():
                    return (
                        f"{mine}: {where}={name} is a shipped choice, which hides this file; give the file another"
                        f" name, such as {where}/my_{name}.yaml, and choose it by that"
                    )
    return None


def fault(own: Sequence[Path], words: Sequence[str], said: str) -> str | None:
    """What is wrong with a file of the user's own, in one line; None: nothing that can be seen.

    Args:
        own: the folders.
        words: of the command; the files that they choose are looked at.
        said: by Hydra; the files that it names are looked at too.
    """
    names = [*_chosen(words), *re.findall(r"In '([^']+)'", said)]
    files = [folder / f"{name}{ending}" for folder in own for name in names for ending in (".yaml", ".yml")]
    files += [Path(path) for path in re.findall(r'in "([^"]+\.yaml)"', said)]
    there = (file for file in dict.fromkeys(files) if file.is_file())
    return next((f"{file}{problem}" for file in there if (problem := _problem(file))), None)


def _chosen(words: Sequence[str]) -> Iterator[str]:
    """The files that the words of a command choose, relative to a folder of configurations, without their ending."""
    yield "train"
    for before, word in zip(["", *words], words, strict=False):
        name, equals, value = word.partition("=")
        if name in ("--config-name", "-cn"):
            yield value
        elif before in ("--config-name", "-cn"):
            yield word
        elif equals and not name.startswith("-"):
            group = name.lstrip("+").partition("@")[0]
            yield from (f"{group}/{choice.strip()}" for choice in value.strip("[]").split(","))


def naming(own: Sequence[Path], choice: str) -> Path | None:
    """The first file of the user's own that names a choice among its defaults."""
    for file in (file for folder in own if folder.is_dir() for file in sorted(folder.rglob("*.yaml"))):
        text = file.read_text(encoding="utf-8", errors="replace")
        if "defaults:" in text and re.search(rf":\s*{re.escape(choice)}\s*$", text, re.MULTILINE):
            return file
    return None


def _problem(file: Path) -> str | None:
    """What is wrong with a file, to be put behind its name."""
    try:
        content = file.read_bytes()
    except OSError as error:
        return f": cannot be read ({error.strerror})"
    if file.suffix == ".yml":
        return ": must end in .yaml to be found; rename it"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ": is UTF-16; save it as UTF-8"
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return f", line {line}: is not UTF-8 (Shift_JIS?); save it as UTF-8"
    return next(filter(None, _about_text(file, text)), None)


def _about_text(file: Path, text: str) -> Iterator[str | None]:
    import yaml
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    header = _HEADER.search(text.removeprefix("\ufeff"))
    is_global = file.parent.name in _global_groups() and bool(text.strip())
    if text.startswith("\ufeff") and header:
        yield ": begins with a byte order mark, which hides its first line from Hydra; save it as UTF-8 without BOM"
    try:
        made = OmegaConf.create(text)
    except yaml.MarkedYAMLError as error:
        yield _explain_yaml(error)
        return
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        yield f": is no YAML that can be read ({first_line(error)})"
        return
    if not isinstance(made, DictConfig) or (text.strip() and _is_bare(text)):
        yield ": must hold names with values (name: value), and holds something else at its top level"
    if is_global and (header is None or header[1].strip() != "_global_"):
        instead = f", not {header[0].strip()!r}" if header else ""
        yield f": what it sets belongs to the top level; write {_GLOBAL!r} as its first line{instead}"
    elif header and text[: header.start()].strip("\ufeff \r\n"):
        yield f", line {text[: header.start()].count(chr(10)) + 1}: {header[0].strip()!r} counts as the first line only"
    if old := _OLD_RESOLVER.search(text):
        line = text[: old.start()].count("\n") + 1
        now = old[0].replace("env:", "oc.env:")
        yield f", line {line}: {old[0]} is unknown; an environment variable is written {now}"


def _explain_yaml(error: Exception) -> str:
    """Where and why YAML cannot be read, to be put behind a file's name: `, line 3: ...`."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or first_line(error))
    hint = "; YAML takes blanks, no tabs" if "\\t" in problem else ""
    return f"{f', line {mark.line + 1}' if mark else ''}: {problem}{hint}"


@cache
def _global_groups() -> frozenset[str]:
    """The groups whose choices set what belongs to the top level."""
    chosen = {file.parent.name for file in conf_dir().glob("*/*.yaml") if _GLOBAL in file.read_text(encoding="utf-8")}
    return frozenset(chosen)


def _is_bare(text: str) -> bool:
    import yaml

    return isinstance(yaml.safe_load(text), str | int | float)


def first_line(error: Exception) -> str:
    """What an error says, in short."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
