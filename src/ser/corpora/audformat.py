"""Databases in audEERING's format audformat: a header `db.yaml` with schemes and splits, tables, and audio."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser.config.extras import need
from ser.corpora.base import WHOLE, Corpus, Segment, Utterance
from ser.corpora.files import local_path, utterance_id
from ser.corpora.keys import given, nfc
from ser.corpora.labels import known_emotion, translated
from ser.errors import ConfigError, CorpusError, CorpusNotFound
from ser.files import one_line

if TYPE_CHECKING:
    import audformat

EMOTION, SPEAKER, GENDER = "emotion", "speaker", "gender"


class Audformat(Corpus):
    """The rows of a database's tables that have an emotion: whole files, or segments.

    Speaker and gender are taken from the table, or from another one that lists them by file. The part of a row (train,
    dev, test) is the split of its table, or of another table with emotions that holds the same row.

    Args:
        root: the folder with `db.yaml`.
        table: one or several tables. None: the one with a column of emotions, if there is one that stands for all.
        column: of the tables, with the emotions. None: the one that has them.
    """

    name = "audformat"

    def __init__(self, *, root: str | Path | None, table: str | list[str] | None, column: str | None) -> None:
        self.root = local_path(root or "")
        self.table = [table] if isinstance(table, str) else table
        self.column = column
        self._is_set = bool(root)
        self._remarks: list[str] = []

    def utterances(self) -> list[Utterance]:
        need("corpus=audformat", "audformat", extra="audb")
        database = self._database()
        self.name = nfc(database.name)
        self._remarks = []
        utterances = list(self._rows(database, self._tables(database)))
        if not utterances:
            raise self._error("no row of its tables has an emotion")
        names = [utterance.id for utterance in utterances]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise self._error(f"two rows are {twice}; name one table of those: corpus.table=<table>")
        return sorted(utterances, key=lambda utterance: utterance.id)

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        return self._remarks

    def _database(self) -> "audformat.Database":
        """The database with its tables.

        Raises:
            CorpusNotFound, CorpusError: there is none, or it cannot be read.
        """
        import audformat

        if not self._is_set:
            raise ConfigError("corpus.root is not set; set corpus.root=<folder with db.yaml>")
        if not (self.root / "db.yaml").is_file():
            raise CorpusNotFound(f"corpus.root: no db.yaml in {self.root}; set corpus.root=<folder with db.yaml>")
        try:
            return audformat.Database.load(str(self.root), load_data=True)
        except Exception as error:  # of the parsers of YAML, CSV and Parquet
            raise self._error(f"cannot be read ({one_line(str(error))})") from None

    def _tables(self, database: "audformat.Database") -> list[str]:
        """The tables to read: those that were named, one that has no split, or all that have."""
        known = list(database.tables)
        if self.table:
            for name in self.table:
                if name not in known:
                    raise self._error(f"there is no table {name}; there are {', '.join(known)}", "corpus.table")
            return self.table
        having = [name for name in known if self._columns(database[name])]
        if not having:
            raise self._error(
                f"no table has a column of emotions; name one: corpus.column=<column>: {_listed(database)}"
            )
        whole = [name for name in having if database[name].split_id is None]
        if len(whole) > 1:
            whole = [name for name in whole if name == EMOTION] or whole
        if len(whole) > 1:
            raise self._error(f"several tables have emotions; name one: corpus.table=<one of {', '.join(having)}>")
        return whole or having

    def _columns(self, table: "audformat.Table") -> list[str]:
        """The columns that may hold the emotions."""
        if self.column:
            return [self.column] if self.column in table.columns else []
        found = [name for name, column in table.columns.items() if _is_of_emotions(name, column)]
        return [EMOTION] if EMOTION in found else found

    def _column(self, name: str, table: "audformat.Table") -> str:
        """The column of a table with the emotions."""
        columns = self._columns(table)
        if len(columns) != 1:
            which, there = ("several columns", columns) if columns else ("no column", table.columns)
            raise self._error(f"{name} has {which} of emotions; name one: corpus.column=<one of {', '.join(there)}>")
        return columns[0]

    def _rows(self, database: "audformat.Database", tables: Sequence[str]) -> Iterator[Utterance]:
        """The utterances of the rows that have an emotion."""
        parts = self._parts(database, tables)
        frames = {name: database[name].get() for name in tables}
        columns = {name: self._column(name, database[name]) for name in tables}
        labels = {name: [given(_text(label)) for label in frame[columns[name]]] for name, frame in frames.items()}
        words = translated(label for column in labels.values() for label in column)
        for name, frame in frames.items():
            frame = frame.drop(columns=columns[name]).assign(**_beside(database, name, frame.index))
            for row, label, values in zip(frame.index, labels[name], frame.to_dict("records"), strict=True):
                if label:
                    attributes = {key: _text(value) for key, value in values.items()}
                    attributes |= {"split": parts[row]} if row in parts else {}
                    speaker = attributes.pop(SPEAKER, "") or None
                    yield self._utterance(row, words[label], speaker, attributes)
        n_empty = sum(column.count("") for column in labels.values())
        if n_empty:
            self._remarks.append(f"{n_empty} rows of {', '.join(tables)} have no emotion and are left out")

    def _utterance(self, row: Any, emotion: str, speaker: str | None, attributes: dict[str, str]) -> Utterance:
        file, start, end = (row, None, None) if isinstance(row, str) else row
        seconds = [None if time is None or time != time else time.total_seconds() for time in (start, end)]  # NaT
        segment = Segment(seconds[0] or 0.0, seconds[1])
        name = utterance_id(file) + (f"@{segment}" if segment != WHOLE else "")
        return Utterance(name, self.root / file, emotion, speaker, self.name, attributes, segment)

    def _parts(self, database: "audformat.Database", tables: Sequence[str]) -> dict[Any, str]:
        """The part of each row that has one."""
        having = [name for name in database.tables if name in tables or self._columns(database[name])]
        own = [name for name in tables if database[name].split_id]
        parts: dict[Any, str] = {}
        for name in own or [name for name in having if database[name].split_id]:
            split = database.splits[database[name].split_id]
            part = split.type if split.type in ("train", "dev", "test") else database[name].split_id
            for row in database[name].index:
                if parts.setdefault(row, part) != part:
                    self._remarks.append(
                        f"tables give {row} to {parts[row]} and to {part}, so no split is read; name some: corpus.table"
                    )
                    return {}
        return parts

    def _error(self, problem: str, setting: str = "corpus.root") -> CorpusError:
        return CorpusError(f"{setting}: {self.root}: {problem}")


def _is_of_emotions(name: str, column: "audformat.Column") -> bool:
    """Whether a column is called emotion, or most of the labels that it may have are known emotions."""
    labels = column.scheme.labels_as_list if column.scheme is not None and column.scheme.labels is not None else []
    known = [label for label in labels if known_emotion(str(label))]
    return EMOTION in (name, column.scheme_id) or (len(known) > 1 and 2 * len(known) > len(labels))


def _beside(database: "audformat.Database", table: str, index: Any) -> dict[str, list[str]]:
    """By row who speaks, and what is told of each speaker: from the table, or from another one that lists files."""
    files = index.get_level_values("file")
    columns: dict[str, list[str]] = {}
    others = [name for name in database.tables if name != table and database[name].is_filewise]
    for name in [table, *others]:
        for key, column in database[name].columns.items():
            word = SPEAKER if SPEAKER in (key, column.scheme_id) else key
            if word in (SPEAKER, GENDER) and word not in columns:
                for field in (None, *(_fields(database, column) if word == SPEAKER else ())):
                    values = column.get(map=field)
                    by_file = {} if name == table else dict(values.items())
                    told = values if name == table else [by_file.get(file) for file in files]
                    columns.setdefault(field or word, [_text(value) for value in told])
    return columns


def _fields(database: "audformat.Database", column: "audformat.Column") -> list[str]:
    """What a scheme tells of each of its labels, such as the gender of a speaker."""
    labels = column.scheme.labels if column.scheme is not None else None
    if isinstance(labels, str):
        return list(database.misc_tables[labels].columns)
    told = labels.values() if isinstance(labels, dict) else ()
    return list(dict.fromkeys(field for one in told if isinstance(one, dict) for field in one))


def _text(value: Any) -> str:
    return "" if value is None or value != value or str(value) in ("<NA>", "NaT") else str(value)


def _listed(database: "audformat.Database") -> str:
    return "; ".join(f"{name} has {', '.join(database[name].columns)}" for name in database.tables)
