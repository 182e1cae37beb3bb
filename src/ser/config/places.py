"""Where the shipped configurations and this package lie."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def conf_dir() -> Path:
    """The folder of the shipped configurations: in the installed package, or at the repository's root."""
    packaged = _PACKAGE / "conf"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / "conf"


def source_dir() -> Path:
    """The folder that holds this package's code."""
    return _PACKAGE
