"""Packages that only some need: the extras of pyproject.toml."""

from importlib.util import find_spec

from ser.errors import ConfigError


def missing(what: str, package: str, extra: str) -> str:
    """What to tell where the package of an extra is not installed.

    >>> missing("logger=mlflow", "mlflow", "mlflow")
    'logger=mlflow needs the package mlflow, which is missing; install it with pip install "ser-lab[mlflow]"'
    """
    return f'{what} needs the package {package}, which is missing; install it with pip install "ser-lab[{extra}]"'


def need(what: str, package: str, *, extra: str) -> None:
    """Refuse `what` where the package that it needs is not installed.

    Args:
        what: as it is typed, such as logger=mlflow.
        package: by the name under which it is imported.
        extra: the extra of pyproject.toml that brings it.

    Raises:
        ConfigError: says how to install it.
    """
    if find_spec(package) is None:
        raise ConfigError(missing(what, package, extra))
