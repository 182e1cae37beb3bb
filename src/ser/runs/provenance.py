"""Where a result comes from: command, code, libraries."""

import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from ser.config.places import conf_dir, source_dir
from ser.runs.facts import Ensemble
from ser.runs.names import HYDRA, OVERRIDES

LIBRARIES = ("torch", "torchaudio", "pytorch-lightning", "torchmetrics", "librosa", "soundfile", "soxr", "numpy")


@dataclass(frozen=True)
class Provenance:
    """The code and the libraries that are at work.

    Attributes:
        git_commit: of this package's code, with `-dirty` where it was changed since; None where it is not kept in git.
        versions: of Python and of the libraries that a result depends on.
    """

    git_commit: str | None
    versions: dict[str, str]

    @classmethod
    def here(cls) -> "Provenance":
        """As they are now."""
        return cls(git_commit(), _library_versions())


def overrides_of(run: Path) -> list[str]:
    """What was set on the command line of the run in a folder, word by word; none where it is not known."""
    words = _yaml(run / OVERRIDES)
    # To go on is of one try.
    return [str(word) for word in words if not str(word).startswith("resume=")] if isinstance(words, list) else []


def command_of(run: Path, ensemble: Ensemble | None = None) -> str:
    """The command that makes the run, or the ensemble, in a folder again, in a folder of its own; empty where it is not
    known.
    """
    if ensemble:
        return shlex.join(["ser", "ensemble", *ensemble.members, "--weights", ensemble.weights])
    if not (run / OVERRIDES).exists():
        return ""
    hydra: Any = _yaml(run / HYDRA)
    try:
        sources = hydra["hydra"]["runtime"]["config_sources"]
    except (KeyError, TypeError):  # it is missing or damaged
        sources = []
    own = [word for one in sources if one["provider"] == "command-line" for word in ("--config-dir", one["path"])]
    return shlex.join(["ser", "train", *own, *overrides_of(run)])


def _yaml(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeError):
        return None


def git_commit() -> str | None:
    """See `Provenance`."""
    try:
        _check_ours()
        return _git("describe", "--always", "--abbrev=40", "--dirty", "--exclude=*").decode().strip()
    except (OSError, subprocess.SubprocessError):
        return None


def uncommitted(largest: int) -> bytes:
    """The patch that makes the code that is at work of the commit, by `git apply`; empty: it is the commit's.

    New files count where the code and the configurations lie, unless git ignores them.

    Args:
        largest: bytes of new files; where there are more, they are left as they are and so many zeros returned.
    """
    places = [str(source_dir().parent), str(conf_dir())]
    try:
        _check_ours()
        new = _git("ls-files", "--others", "--exclude-standard", "--full-name", "-z", *places).decode().split("\0")
        root = Path(_git("rev-parse", "--show-toplevel").decode().strip())
        if sum((root / name).stat().st_size for name in new if name) > largest:
            return bytes(largest + 1)
        with tempfile.TemporaryDirectory() as folder:
            # A copy of the index takes the new files in: the user's own is left alone.
            index = Path(folder, "index")
            shutil.copy(source_dir() / _git("rev-parse", "--git-path", "index").decode().strip(), index)
            _git("add", "--intent-to-add", *places, index=index)
            plain = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
            return _git("diff", "--binary", *plain, "HEAD", index=index)
    except (OSError, subprocess.SubprocessError):
        return b""


def _check_ours() -> None:
    """An installed package may lie inside somebody else's checkout, whose commit would say nothing."""
    _git("ls-files", "--error-unmatch", "__init__.py")


def _git(*arguments: str, index: Path | None = None) -> bytes:
    command = ["git", "-C", str(source_dir()), *arguments]
    told = None if index is None else {**os.environ, "GIT_INDEX_FILE": str(index)}
    return subprocess.run(command, capture_output=True, timeout=20, check=True, env=told).stdout


def _library_versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
