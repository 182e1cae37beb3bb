"""Own recordings that a table lists: a CSV file with the columns path and emotion."""

import codecs
import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ser.corpora.base import Corpus, Utterance
from ser.corpora.files import (
    UNREADABLE_ENDINGS,
    check_unicode,
    clean,
    emotion_name,
    find,
    nfc,
    unreadable_remark,
    utterance_id,
)
from ser.errors import ConfigError, CorpusError, CorpusNotFound

REQUIRED = ("path", "emotion")
DELIMITERS = ",;\t"  # the first of these that the header holds
_LAYOUT = "a CSV file with the columns path, emotion and, if known, speaker and split"


class Table(Corpus):
    """The rows of a table: path (relative to the table, or absolute), emotion, and optionally speaker.

    Further columns become attributes; split=given reads the one called split. UTF-8, UTF-16 and Shift_JIS; separated
    by commas, semicolons or tabs.
    """

    def __init__(self, *, path: str | Path | None) -> None:
        self.path = Path(path or "").expanduser()
        self.root = self.path.parent
        self.name = nfc(self.path.stem) or "table"
        self._is_set = bool(path)
        self._remarks: list[str] = []

    def utterances(self) -> list[Utterance]:
        if not self._is_set:
            raise ConfigError(f"corpus.path is not set; set corpus.path=<table.csv> ({_LAYOUT})")
        text, encoding = self._text()
        listings: dict[Path, dict[str, str]] = {}
        numbers: dict[str, int] = {}
        utterances = []
        for number, row in self._rows(text):
            for column in REQUIRED:
                if not row[column]:
                    raise self._error(f"row {number} has no {column}; fill it in, or take the row out")
            path = self._locate(row.pop("path"), listings)
            name = utterance_id(self._relative(path))
            if name in numbers:
                raise self._error(
                    f"rows {numbers[name]} and {number} name the same recording, {name} (endings do not count); take"
                    " one out"
                )
            numbers[name] = number
            emotion, speaker = emotion_name(row.pop("emotion")), clean(row.pop("speaker", ""))
            utterances.append(Utterance(name, path, emotion, speaker or None, self.name, row))
        if not utterances:
            raise self._error("there are no rows below the header")
        self._remarks = unreadable_remark([u.path for u in utterances if u.path.suffix.lower() in UNREADABLE_ENDINGS])
        if encoding == "cp932":
            self._remarks.append(f"{self.path} was read as Shift_JIS; should names look wrong, save it as CSV UTF-8")
        return sorted(utterances, key=lambda utterance: utterance.id)

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        return self._remarks

    def _text(self) -> tuple[str, str]:
        """The table's text, and the encoding it was read with."""
        if not self.path.is_file():
            what = "is a folder, not a table" if self.path.is_dir() else "there is no such file"
            hint = "; corpus=folder reads folders" if self.path.is_dir() else ""
            raise CorpusNotFound(f"corpus.path: {self.path}: {what}; set corpus.path=<table.csv> ({_LAYOUT}){hint}")
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise self._error(f"cannot be read ({error.strerror})") from None
        is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "cp932"):
            try:
                text = content.decode(encoding)
            except UnicodeDecodeError:
                continue
            if "\0" not in text:
                return text, encoding
        raise self._error("is no text in UTF-8, UTF-16 or Shift_JIS; save it as CSV UTF-8 in your spreadsheet program")

    def _rows(self, text: str) -> Iterator[tuple[int, dict[str, str]]]:
        """Every row as a spreadsheet numbers it, from 1 for the header, and its values by column."""
        first = next((line for line in text.splitlines() if line.strip()), "")
        delimiter = next((character for character in DELIMITERS if character in first), ",")
        records = enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), start=1)
        header: list[str] = []
        number = 0
        try:
            for number, record in records:
                values = [value.strip() for value in record]
                if not any(values):
                    continue
                if not header:
                    header = [clean(value).casefold() for value in values]
                    self._check_header(header)
                elif len(values) < len(header) or any(values[len(header) :]):
                    raise self._error(
                        f"row {number} has {len(values)} fields where the header has {len(header)}; put a value that"
                        f" holds the separator ({delimiter!r}) in double quotes"
                    )
                else:
                    yield number, {name: value for name, value in zip(header, values, strict=False) if name}
        except csv.Error as error:
            raise self._error(f"row {number + 1} cannot be read ({error}); look for a double quote too many") from None
        if not header:
            raise self._error(f"is empty; it must be {_LAYOUT}")

    def _check_header(self, header: Sequence[str]) -> None:
        missing = [column for column in REQUIRED if column not in header]
        if missing:
            raise self._error(f"the header lacks {' and '.join(missing)}; it is {', '.join(filter(None, header))}")
        twice = [name for name in header if name and header.count(name) > 1]
        if twice:
            raise self._error(f"the header names {twice[0]} twice; rename one of the columns")

    def _locate(self, written: str, listings: dict[Path, dict[str, str]]) -> Path:
        if not Path(written).is_absolute():
            written = written.replace("\\", "/")
        return check_unicode(find(self.root / written, listings))

    def _relative(self, path: Path) -> str:
        try:
            return os.path.relpath(path, self.root)
        except ValueError:  # on another drive of Windows
            return str(path)

    def _error(self, problem: str) -> CorpusError:
        return CorpusError(f"corpus.path: {self.path}: {problem}")
