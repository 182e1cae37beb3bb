"""What a person types and sees: words that are Unicode, and streams that show any name."""

import io
import sys
from collections.abc import Sequence
from pathlib import Path

from ser.errors import ConfigError
from ser.files import printable


def show_every_name() -> None:
    """Names that the terminal cannot show, of people or folders, shall end no line and no program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def check_words(words: Sequence[str]) -> None:
    """Refuse words, and a folder to work in, with bytes that are no Unicode: no file of a run could hold them.

    Raises:
        ConfigError: shows the first.
    """
    for word in [*words, str(Path.cwd())]:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise ConfigError(f"{printable(word)}: is not Unicode; rename what it names, or name another") from None
