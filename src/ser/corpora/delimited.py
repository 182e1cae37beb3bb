"""Tables in text, as spreadsheets and people write them: which encoding, which separator, which columns."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ser.corpora.keys import folded
from ser.errors import SerError

Refusal = Callable[[str], SerError]  # makes of a problem the error that names the table

DELIMITERS = ",;\t|"  # the first of these that the header holds
_SEPARATOR = re.compile(r'"?sep=(.)"?[\s,;]*', re.IGNORECASE)
_BLANK_BEHIND_QUOTE = re.compile(r'(?<=")[ \t]+(?=[,;|\t\r\n]|$)')
# What people call columns that are read under another name
MEANT = {
    "path": ("file", "filename", "file_name", "filepath", "file_path", "wav", "audio", "audio_path", "name"),
    "emotion": ("label", "emo", "class", "category", "target"),
    "speaker": ("speaker_id", "spk", "spk_id", "speakerid", "actor", "actor_id", "subject"),
    "split": ("part", "partition", "subset", "set"),
    "start": ("start_s", "start_time", "starttime", "begin", "onset", "xmin"),
    "end": ("end_s", "end_time", "endtime", "stop", "xmax"),
}


def decoded(path: Path, error: Refusal) -> tuple[str, str]:
    """The text of a file, and the encoding it was read with: UTF-8, UTF-16 or Shift_JIS.

    Raises:
        SerError: it cannot be read, or is no text; as `error` makes it.
    """
    try:
        content = path.read_bytes()
    except OSError as failure:
        raise error(f"cannot be read ({failure.strerror})") from None
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "cp932"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, encoding
    raise error("is no text in UTF-8, UTF-16 or Shift_JIS; save it as CSV UTF-8 in your spreadsheet program")


def rows(text: str, required: Sequence[str], layout: str, error: Refusal) -> Iterator[tuple[int, dict[str, str]]]:
    """Every row as a spreadsheet numbers it, from 1 for the header, and its values by column.

    Args:
        required: columns that the header must have.
        layout: of the table, for the message about an empty one.

    Raises:
        SerError: the header or a row cannot be understood; as `error` makes it.
    """
    first, *_ = [*filter(str.strip, text.splitlines()), ""]
    named = _SEPARATOR.fullmatch(first)  # as Excel has it in a line of its own
    if named:
        text = text.replace(first, "", 1)
    delimiter = named[1] if named else next((sign for sign in DELIMITERS if sign in first), ",")
    text = _BLANK_BEHIND_QUOTE.sub("", text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    header: list[str] = []
    number = 0
    try:
        for number, record in enumerate(lines, start=1):
            values = [value.strip() for value in record]
            if not any(values):
                continue
            if not header:
                header = [folded(value) for value in values]
                _check_header(header, required, error)
            elif len(values) < len(header) or any(values[len(header) :]):
                raise error(
                    f"row {number} has {len(values)} fields where the header has {len(header)}; put a value that"
                    f" holds the separator ({delimiter!r}) in double quotes"
                )
            else:
                yield number, {name: value for name, value in zip(header, values, strict=False) if name}
    except csv.Error as failure:
        raise error(f"row {number + 1} cannot be read ({failure}); look for a double quote too many") from None
    if not header:
        raise error(f"is empty; it must be {layout}")


def _check_header(header: Sequence[str], required: Sequence[str], error: Refusal) -> None:
    missing = [column for column in required if column not in header]
    if missing:
        near = [f"rename {name} to {column}" for column in missing for name in MEANT[column] if name in header]
        hint = f"; {', '.join(near)}" if near else ""
        raise error(f"the header lacks {' and '.join(missing)}; it is {', '.join(filter(None, header))}{hint}")
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise error(f"the header names {twice[0]} twice; rename one of the columns")
