"""Own recordings that a table lists: a CSV file with the columns path and emotion."""

import math
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ser.corpora.base import WHOLE, Corpus, Segment, Utterance
from ser.corpora.delimited import MEANT, decoded, rows
from ser.corpora.files import find, local_path, utterance_id
from ser.corpora.keys import key, nfc
from ser.errors import ConfigError, CorpusError, CorpusNotFound

REQUIRED = ("path", "emotion")
TIMES = ("start", "end")  # of a segment, in seconds
USED = (*REQUIRED, *TIMES, "speaker", "split", "gender")  # the last two by protocols
_LAYOUT = "a CSV file with the columns path, emotion and, if known, speaker and split"


class Table(Corpus):
    """The rows of a table: path (relative to the table, or absolute), emotion, and optionally speaker, start, end.

    A corpus with `dimensions` needs no emotion. A row with a start or an end, in seconds, is a segment of its
    recording. Further columns become attributes; split=given reads the one called split. UTF-8, UTF-16 and Shift_JIS;
    separated by commas, semicolons, tabs or bars.
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
        required = ("path",) if self.dimensions else REQUIRED
        for number, row in rows(text, required, _LAYOUT, self._error):
            header = header or list(row)
            for column in required:
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
            emotion, speaker = row.pop("emotion", ""), row.pop("speaker", "") or None
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
        unused = [name for name in header if name not in (*USED, *self.dimensions)]
        if not unused:
            return []
        lacking = {meant: names for meant, names in MEANT.items() if meant not in header}
        near = [f"{name} to {meant}" for meant, names in lacking.items() for name in names if name in unused]
        hint = f"; to use one, rename it: {', '.join(near)}" if near else ""
        what = "columns that are kept beside each prediction, and used for the breakdown of the scores only"
        return [f"{what}: {', '.join(unused)}{hint}"]

    def _text(self) -> tuple[str, str]:
        """The table's text, and the encoding it was read with."""
        if not self.path.is_file():
            what = "is a folder, not a table" if self.path.is_dir() else "there is no such file"
            hint = "; corpus=folder reads folders" if self.path.is_dir() else ""
            raise CorpusNotFound(f"corpus.path: {self.path}: {what}; set corpus.path=<table.csv> ({_LAYOUT}){hint}")
        return decoded(self.path, self._error)

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
