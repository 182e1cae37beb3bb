"""Own recordings that a table lists: a CSV file with the columns path and emotion."""

import math
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ser.corpora.base import WHOLE, Corpus, Segment, Utterance
from ser.corpora.delimited import MEANT, decoded, rows
from ser.corpora.files import find, local_path, utterance_id
from ser.corpora.keys import emotion_name, folded, key, nfc
from ser.errors import ConfigError, CorpusError, CorpusNotFound, SettingError

REQUIRED = ("path", "emotion")
TIMES = ("start", "end")  # of a segment, in seconds
USED = (*REQUIRED, *TIMES, "speaker", "split", "gender")  # the last two by protocols
_LAYOUT = "a CSV file with the columns path, emotion and, if known, speaker and split"


class Table(Corpus):
    """The rows of a table: path (relative to the table, or absolute), emotion, and optionally speaker, start, end.

    A corpus with `dimensions` needs no emotion. A row with a start or an end, in seconds, is a segment of its
    recording. Further columns become attributes; split=given reads the one called split. UTF-8, UTF-16 and Shift_JIS;
    separated by commas, semicolons, tabs or bars.

    Several raters give votes, which decide where emotion is empty, or there is no such column.

    Args:
        path: of the table.
        raters: columns that hold the word of a rater each, empty where there was none; null: there are none.
        votes: columns that hold how many raters named an emotion, or how likely it is; of a list the column is called
            as the emotion. null: there are none.
    """

    def __init__(
        self, *, path: str | Path | None, raters: list[str] | None, votes: Mapping[str, Any] | list[str] | None
    ) -> None:
        if raters is not None and votes is not None:
            raise SettingError("votes: raters are named already; leave one of the two out")
        self._raters = _columns("raters", raters or [])
        named = votes if isinstance(votes, Mapping) else {one: one for one in votes or []}
        emotions = [emotion_name(str(emotion)) for emotion in named]
        if len({*emotions}) < len(emotions):
            raise SettingError("votes: an emotion is named twice; name one column for each")
        self._votes = dict(zip(emotions, _columns("votes", list(named.values())), strict=True))
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
        required = ("path",) if self._rated or self.dimensions else REQUIRED
        n_unjudged = 0
        for number, row in rows(text, required, _LAYOUT, self._error):
            if not header:
                header = list(row)
                self._check_rated(header)
            votes = self._said(number, row)
            if self._rated and not (self.dimensions or votes) and key(row.get("emotion", "")) is None:
                n_unjudged += 1
                continue
            for column in ("path",) if votes or self.dimensions else REQUIRED:
                written = row.get(column, "")
                if not written or (column != "path" and key(written) is None):
                    found = f" ({written!r})" if written else ""
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
            utterances.append(Utterance(name, path, emotion, speaker, self.name, row, segment, votes))
        if not utterances:
            raise self._error("nobody judged a row" if n_unjudged else "there are no rows below the header")
        self._remarks = self._about_columns(header)
        if n_unjudged:
            self._remarks.append(f"{n_unjudged} rows are left out, for no rater judged them")
        if encoding == "cp932":
            self._remarks.append(f"{self.path} was read as Shift_JIS; should names look wrong, save it as CSV UTF-8")
        return sorted(utterances, key=lambda utterance: utterance.id)

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        return self._remarks

    @property
    def _rated(self) -> list[str]:
        """The columns of raters, or of votes."""
        return [*self._raters, *self._votes.values()]

    def _check_rated(self, header: Collection[str]) -> None:
        missing = [column for column in self._rated if column not in header]
        if missing:
            setting = "raters" if self._raters else "votes"
            raise ConfigError(
                f"corpus.{setting}: {self.path} has no column {' or '.join(missing)}; it has {', '.join(header)}"
            )

    def _said(self, number: int, row: dict[str, str]) -> dict[str, float] | None:
        """The votes of a row, whose columns are taken out of it."""
        words = [row.pop(column) for column in self._raters]
        counted: dict[str, float] = {**Counter(emotion_name(word) for word in words if key(word) is not None)}
        votes = {emotion: self._number(number, column, row.pop(column)) for emotion, column in self._votes.items()}
        return {emotion: n for emotion, n in (counted | votes).items() if n} or None

    def _number(self, number: int, column: str, written: str) -> float:
        try:
            votes = float(written.removesuffix("%")) if key(written) is not None else 0.0
        except ValueError:
            votes = math.nan
        if not 0 <= votes < math.inf:
            raise self._error(f"row {number}: {column} must be a number of votes, or how likely; got {written!r}")
        return votes

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
        unused = [name for name in header if name not in (*USED, *self._rated, *map(folded, self.dimensions))]
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


def _columns(setting: str, names: Sequence[Any]) -> list[str]:
    """Columns as the header has them; none twice, and none that means something else."""
    columns = [folded(str(name)) for name in names]
    for column in columns:
        if column in USED or columns.count(column) > 1:
            why = "named twice" if column not in USED else "what a column of another meaning is called"
            raise SettingError(f"{setting}: {column} is {why}; name a column of its own for each")
    return columns
