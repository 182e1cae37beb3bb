"""Who speaks when, as people note it in tables, and diarization in RTTM."""

import math
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path, PurePosixPath

from ser.corpora.delimited import MEANT, Refusal, decoded, rows
from ser.corpora.files import AUDIO_ENDINGS, UNREADABLE_ENDINGS
from ser.corpora.keys import clean, key, nfc
from ser.errors import PredictError
from ser.files import printable
from ser.inference.timeline import Turn

COLUMNS = ("start", "end", "speaker")
LAYOUT = (
    "a CSV file with the columns start and end (seconds), speaker and, for several recordings, path;"
    " or RTTM, in a file whose name ends in .rttm"
)
_SHOWN = 5  # names in a message


def read_turns(path: Path) -> dict[str, list[Turn]]:
    """The turns of each recording that a table names, in the order of time; under "" where it names none.

    CSV in UTF-8, UTF-16 or Shift_JIS, separated by commas, semicolons, tabs or bars; a speaker that is not given is
    None. Where the name ends in .rttm, the lines of the type SPEAKER of NIST's format
    (https://catalog.ldc.upenn.edu/docs/LDC2004T12/RTTM-format-v13.pdf). A turn of no length is passed over.

    Raises:
        PredictError: it is not there, or cannot be understood; names the row or line.
    """

    def error(problem: str) -> PredictError:
        return PredictError(f"--speakers {printable(str(path))}: {problem}")

    if not path.is_file():
        what = "is a folder, not a table" if path.is_dir() else "there is no such file"
        raise error(f"{what}; give {LAYOUT}")
    text, _ = decoded(path, error)
    turns: dict[str, list[Turn]] = {}
    for recording, turn in (_of_rttm if path.suffix.lower() == ".rttm" else _of_csv)(text, error):
        if turn.end_s > turn.start_s:
            turns.setdefault(recording, []).append(turn)
    if not turns:
        raise error(f"there is no turn in it; it must be {LAYOUT}")
    return {recording: sorted(some, key=lambda turn: turn[:2]) for recording, some in turns.items()}


def turns_of(table: Mapping[str, list[Turn]], recording: Path) -> list[Turn]:
    """The turns of a recording, of those that `read_turns` found.

    A table may name it with or without its ending, and with some of its folders; what fits best counts. A table that
    names no recordings is about any.

    Raises:
        PredictError: the table names recordings, but not this one, or two that it may be.
    """
    if "" in table:
        return table[""]
    wanted = PurePosixPath(nfc(recording.absolute().as_posix()))
    fits = {name: fit for name in table if _stem(wanted) in name and (fit := _fit(name, wanted))}
    best = [name for name, fit in fits.items() if fit == max(fits.values())]
    if len(best) == 1:
        return table[best[0]]
    what = f"which of {', '.join(best)} it is" if best else "who speaks in it"
    more = ", ..." if len(table) > _SHOWN else ""
    raise PredictError(
        f"--speakers: the table does not say of {printable(str(recording))} {what}; it names"
        f" {', '.join([*table][:_SHOWN])}{more}: write {printable(recording.name)} there (column path, or the second"
        " field of RTTM)"
    )


def _of_csv(text: str, error: Refusal) -> Iterator[tuple[str, Turn]]:
    for number, row in rows(text, COLUMNS, LAYOUT, error):
        start_s, end_s = (_seconds(row[column], f"row {number}: {column}", error) for column in ("start", "end"))
        if end_s < start_s:
            raise error(f"row {number}: the turn ends at {end_s:g} s, before it starts at {start_s:g} s; correct it")
        near = [] if "path" in row else [name for name in MEANT["path"] if name in row]
        if near:  # else the turns of several recordings might be taken for those of one
            raise error(f"the column {near[0]}: if it names the recordings, rename it to path; else take it out")
        if row.get("path") == "":
            raise error(f"row {number} has no path where others have one; fill it in, or leave the column out")
        yield nfc(row.get("path", "")), Turn(start_s, end_s, _name(row["speaker"]))


def _of_rttm(text: str, error: Refusal) -> Iterator[tuple[str, Turn]]:
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if fields[:1] != ["SPEAKER"]:
            continue
        if len(fields) < 8:
            raise error(
                f"line {number} has {len(fields)} fields, and a SPEAKER line of RTTM at least 8: SPEAKER <recording>"
                " <channel> <start> <duration> <NA> <NA> <speaker> <NA> <NA>"
            )
        start_s = _seconds(fields[3], f"line {number}: the start", error)
        duration_s = _seconds(fields[4], f"line {number}: the duration", error)
        yield nfc(fields[1]), Turn(start_s, start_s + duration_s, _name(fields[7]))


def _seconds(written: str, what: str, error: Refusal) -> float:
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise error(f"{what} must be a number of seconds, such as 1.25; got {written!r}")
    return seconds


def _name(written: str) -> str | None:
    return None if key(written) is None else clean(written)


def _fit(name: str, wanted: PurePosixPath) -> tuple[bool, int] | None:
    """How well a name in a table fits a recording, the greater the better; None: not at all."""
    given = PurePosixPath(name.replace("\\", "/"))
    if _stem(given) != _stem(wanted):
        return None
    folders = zip(reversed(given.parts[:-1]), reversed(wanted.parts[:-1]), strict=False)
    return given.name == wanted.name, len([*takewhile(lambda pair: pair[0] == pair[1], folders)])


def _stem(path: PurePosixPath) -> str:
    """Without the ending, if it is one of recordings: an id of RTTM has none, but may have dots."""
    return path.stem if path.suffix.lower() in {*AUDIO_ENDINGS, *UNREADABLE_ENDINGS} else path.name
