"""What `ser explore` does: measure a corpus, write the page and its tables, and say the most important."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ser.commands.composing import composed
from ser.config.build import build
from ser.corpora.base import Corpus
from ser.corpora.reading import read_clips
from ser.errors import ConfigError, ReportError
from ser.exploration.exploring import Explored
from ser.exploration.exploring import explore as explore_clips
from ser.exploration.findings import findings
from ser.exploration.measuring import measure
from ser.exploration.writing import FILES, write
from ser.files import one_line

COLUMNS = 100


def explore(overrides: Sequence[str], folder: Path | None) -> None:
    """Write explore.html, clips.csv, explore.json and, where there are any, broken.csv; print what stands out.

    Args:
        overrides: settings, as `ser train` takes them.
        folder: to write to; None: a new one.

    Raises:
        SerError: something that the user can mend.
    """
    config = composed(overrides)
    if config.task.name != "emotions":
        raise ConfigError(f"ser explore tells clips apart by emotion, not task={config.task.name}; leave task out")
    corpus: Corpus = build("corpus", config.corpus, Corpus)
    if folder is None:
        now = datetime.now()
        folder = Path(config.paths.outputs) / "explore" / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S}-{corpus.name}"
    _check(folder)
    read = read_clips(corpus, config.labels)
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("Measuring clips", total=len(read.wanted))
        clips, broken = measure(read.wanted, lambda n: progress.advance(bar, n))
        progress.add_task("Comparing them", total=None)
        explored = explore_clips(corpus, read, clips, broken)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = write(explored, folder)
    except OSError as error:
        raise ReportError(
            f"--out: cannot write {error.filename} ({error.strerror}); free space, or name another folder with --out"
        ) from None
    print(_text(explored))
    print(*written, sep="\n")


def _check(folder: Path) -> None:
    for name in FILES:
        if (folder / name).exists():
            raise ReportError(f"--out: {folder / name} exists and would be lost; name another folder with --out")


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _text(explored: Explored) -> str:
    counts = Counter(explored.emotions)
    speakers = f", {_counted(len(explored.voices), 'speaker')}" if explored.voices else ""
    lines = [
        f"{explored.name}: {_counted(len(explored.clips), 'clip')}{speakers}, {60 * explored.hours:.1f} minutes",
        f"  {', '.join(f'{label} {counts[label]}' for label in explored.labels)}",
        "",
    ]
    told = [explored.notice] if explored.notice else []
    for one in [*told, *map(str, findings(explored)), *explored.remarks] or ["Nothing stands out."]:
        lines += [textwrap.fill(one_line(one), COLUMNS, initial_indent="- ", subsequent_indent="  "), ""]
    return "\n".join(lines)
