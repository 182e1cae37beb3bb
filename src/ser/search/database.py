"""The database of a search."""

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ser.errors import ConfigError

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

WAIT_S = 120  # for other processes that write


def sqlite_url(folder: Path) -> str:
    """The search's own database: study.db in its folder."""
    return f"sqlite:///{(folder / 'study.db').resolve()}"


def open_database(url: str) -> "RDBStorage":
    """Open a database, or make it.

    Raises:
        ConfigError: it cannot be opened.
    """
    import optuna
    from optuna.exceptions import ExperimentalWarning, StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
    options = {"connect_args": {"timeout": WAIT_S}} if url.startswith("sqlite") else {}
    try:
        return optuna.storages.RDBStorage(url, engine_kwargs=options)
    except (SQLAlchemyError, StorageInternalError, ImportError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"hydra.sweeper.storage: the database cannot be opened ({str(error).splitlines()[0]}); give the URL of a"
            " database, such as sqlite:///study.db, or leave it out for study.db in the sweep folder; if that is"
            " damaged, begin a new search"
        ) from None
