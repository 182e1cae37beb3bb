"""Own recordings that a table lists: a CSV file with the columns path and emotion."""

import codecs
import csv
import io
import math
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ser.corpora.base import WHOLE, Corpus, Segment, Utterance
from ser.corpora.files import find, local_path, utterance_id
from ser.corpora.keys import clean, key, nfc
from ser.errors import ConfigError, CorpusError, CorpusNotFound

REQUIRED = ("path", "emotion")
TIMES = ("start", "end")  # of a segment, in seconds
USED = (*REQUIRED, *TIMES, "speaker", "split", "gender")  # the last two by protocols
DELIMITERS = ",;\t|"  # the first of these that the header holds
_SEPARATOR = re.compile(r'"?sep=(.)"?[\s,;]*', re.IGNORECASE)
_BLANK_BEHIND_QUOTE = re.compile(r'(?<=")[ \t]+(?=[,;|\t\r\n]|$)')
_LAYOUT = "a CSV file with the columns path, emotion and, if known, speaker and split"
# What people call columns that are read under another name
_MEANT = {
    "path": ("file", "filename", "file_name", "filepath", "file_path", "wav", "audio", "audio_path", "name"),
    "emotion": ("label", "emo", "class", "category", "target"),
    "speaker": ("speaker_id", "spk", "spk_id", "speakerid", "actor", "actor_id", "subject"),
    "split": ("part", "partition", "subset", "set"),
    "start": ("start_s", "start_time", "starttime", "begin", "onset", "xmin"),
    "end": ("end_s", "end_time", "endtime", "stop", "xmax"),
}


class Table(Corpus):
    """The rows of a table: path (relative to the table, or absolute), emotion, and optionally speaker, start, end.

    A row with a start or an end, in seconds, is a segment of its recording. Further columns become attributes;
    split=given reads the one called split. UTF-8, UTF-16 and Shift_JIS; separated by commas, semicolons, tabs or bars.
    """

    def __init__(self, *, path: str | Path | None) -> None:
        self.path = local_path(path or "")
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
        header: list[str] = []
        for number, row in self._rows(text):
            header = header or list(row)
            for column in REQUIRED:
                if not row[column] or (column != "path" and key(row[column]) is None):
                    found = f" ({row[column]!r})" if row[column] else ""
                    raise self._error(f"row {number} has no {column}{found}; fill it in, or take the row out")
            path = self._locate(row.pop("path"), listings)
            segment = self._segment(number, row)
            name = utterance_id(self._relative(path)) + (f"@{segment}" if segment != WHOLE else "")
            if name in numbers:
                raise self._error(
                    f"rows {numbers[name]} and {number} name the same recording, {name} (endings do not count); take"
                    " one out, or tell its segments apart: columns start and end, in seconds"
                )
            numbers[name] = number
            emotion, speaker = row.pop("emotion"), row.pop("speaker", "") or None
            utterances.append(Utterance(name, path, emotion, speaker, self.name, row, segment))
        if not utterances:
            raise self._error("there are no rows below the header")
        self._remarks = self._about_columns(header)
        if encoding == "cp932":
            self._remarks.append(f"{self.path} was read as Shift_JIS; should names look wrong, save it as CSV UTF-8")
        return sorted(utterances, key=lambda utterance: utterance.id)

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        return self._remarks

    def _segment(self, number: int, row: Mapping[str, str]) -> Segment:
        """The part of its recording that a row means; its times stay among the attributes."""
        start, end = (self._seconds(number, column, row.get(column, "")) for column in TIMES)
        segment = Segment(start or 0.0, end)
        if end is not None and end <= segment.start_s:
            raise self._error(f"row {number}: the segment ends at {end:g} s and starts at {segment.start_s:g} s")
        return segment

    def _seconds(self, number: int, column: str, written: str) -> float | None:
        if key(written) is None:
            return None
        try:
            seconds = float(written)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise self._error(f"row {number}: {column} must be a number of seconds, such as 1.25; got {written!r}")
        return seconds

    def _about_columns(self, header: Collection[str]) -> list[str]:
        """Which columns are used for nothing, and how they would be."""
        unused = [name for name in header if name not in USED]
        if not unused:
            return []
        lacking = {meant: names for meant, names in _MEANT.items() if meant not in header}
        near = [f"{name} to {meant}" for meant, names in lacking.items() for name in names if name in unused]
        hint = f"; to use one, rename it: {', '.join(near)}" if near else ""
        return [f"columns that are kept beside each prediction, and used for nothing else: {', '.join(unused)}{hint}"]

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
        first, *_ = [*filter(str.strip, text.splitlines()), ""]
        named = _SEPARATOR.fullmatch(first)  # as Excel has it in a line of its own
        if named:
            text = text.replace(first, "", 1)
        delimiter = named[1] if named else next((sign for sign in DELIMITERS if sign in first), ",")
        text = _BLANK_BEHIND_QUOTE.sub("", text)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
        records = enumerate(rows, start=1)
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
            near = [f"rename {name} to {column}" for column in missing for name in _MEANT[column] if name in header]
            hint = f"; {', '.join(near)}" if near else ""
            raise self._error(
                f"the header lacks {' and '.join(missing)}; it is {', '.join(filter(None, header))}{hint}"
            )
        twice = [name for name in header if name and header.count(name) > 1]
        if twice:
            raise self._error(f"the header names {twice[0]} twice; rename one of the columns")

    def _locate(self, written: str, listings: dict[Path, dict[str, str]]) -> Path:
        if not Path(written).is_absolute():
            written = written.replace("\\", "/")
        return find(self.root / local_path(written), listings)

    def _relative(self, path: Path) -> str:
        try:
            return os.path.relpath(path, self.root)
        except ValueError:  # on another drive of Windows
            return str(path)

    def _error(self, problem: str) -> CorpusError:
        return CorpusError(f"corpus.path: {self.path}: {problem}")
