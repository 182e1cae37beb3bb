"""Databases of audEERING's repositories, which the library audb downloads, verifies and keeps in its cache."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ser.config.extras import need
from ser.corpora.audformat import Audformat
from ser.corpora.base import Utterance
from ser.errors import ConfigError, CorpusError, DownloadError
from ser.files import one_line

if TYPE_CHECKING:
    import audformat


class Audb(Audformat):
    """A published database; only the recordings that have an emotion are downloaded.

    Args:
        name: of the database, such as emodb.
        version: such as 1.4.1. None: the latest.
        table, column: see `Audformat`.
    """

    def __init__(
        self, *, name: str | None, version: str | None, table: str | list[str] | None, column: str | None
    ) -> None:
        super().__init__(root=name, table=table, column=column)
        self.database, self.version = name, version
        self.name = "audb"

    def utterances(self) -> list[Utterance]:
        need("corpus=audb", "audb", extra="audb")
        import audb

        with _one_message():
            utterances = super().utterances()
            files = sorted({str(utterance.path.relative_to(self.root)) for utterance in utterances})
            try:
                audb.load_media(self.database, files, version=self.version)
            except Exception as error:
                raise self._failed(error) from None
        return utterances

    def _database(self) -> "audformat.Database":
        import audb

        if not self.database:
            raise ConfigError("corpus.name is not set; set corpus.name=<database, such as emodb>")
        try:
            self.version = self.version or audb.latest_version(self.database)
            database = audb.load(self.database, version=self.version, only_metadata=True, full_path=False)
        except Exception as error:  # of the network, the repository, the disk
            raise self._failed(error) from None
        self.root = Path(database.meta["audb"]["root"])
        return database

    def _failed(self, error: Exception) -> DownloadError:
        version = f" {self.version}" if self.version else ""
        return DownloadError(
            f"corpus.name: audb cannot load {self.database}{version} ({type(error).__name__}: {one_line(str(error))});"
            " see https://audeering.github.io/datasets for what there is; offline there is only what was loaded before"
        )

    def _error(self, problem: str, setting: str = "corpus.name") -> CorpusError:
        return CorpusError(f"{setting}: {self.database}: {problem}")


@contextmanager
def _one_message() -> Iterator[None]:
    """Keep urllib3 from telling each try in vain before the message about them all."""
    logger = logging.getLogger("urllib3")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
