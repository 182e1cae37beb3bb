"""Where a result comes from: code, libraries, machine."""

import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from ser.config.places import source_dir

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
        return cls(_git_commit(), _library_versions())


def _git_commit() -> str | None:
    try:
        # An installed package may lie inside somebody else's checkout, whose commit would say nothing.
        _git("ls-files", "--error-unmatch", "__init__.py")
        return _git("describe", "--always", "--abbrev=40", "--dirty", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(source_dir()), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()


def _library_versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
