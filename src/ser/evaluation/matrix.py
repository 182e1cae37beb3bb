"""Runs on several corpora, each tested on all of them: the matrix of training against test corpora."""

import logging
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf
from rich.cells import cell_len
from yaml import YAMLError

from ser.compare.reading import LeftOut, find_runs, read_run, read_yaml
from ser.errors import CorpusNotFound, EvaluateError, SerError
from ser.evaluation.testing import Target, evaluate
from ser.evaluation.trained import read_trained
from ser.files import digest, write_csv
from ser.report.page import write_page
from ser.runs.folder import is_finished
from ser.runs.names import CONFIG, METRICS
from ser.runs.results import Results, read_results

log = logging.getLogger("ser")

TABLE, FIGURE = "cross.csv", "cross.png"
NOT_TESTED = "–"


@dataclass(frozen=True)
class Row:
    """A run.

    Attributes:
        folder: of the run.
        corpus: settings of the corpus that it was trained on.
        choice: the word by which that was chosen.
        store: the folder of all stores that it used.
        name: of the corpus; of several runs on one, with the folder's own name, or all of it where that is not enough.
    """

    folder: Path
    corpus: dict[str, Any]
    choice: str
    store: Path
    name: str


@dataclass(frozen=True)
class Cell:
    """A run on a corpus: its own test, where it was trained on that; `results` None: it could not be tested."""

    trained_on: str
    tested_on: str
    is_own: bool
    folder: Path
    results: Results | None

    @property
    def text(self) -> str:
        """UAR, its interval, and what a reader must beware of."""
        if self.results is None:
            return NOT_TESTED
        assessment = self.results.assessment
        interval = " [{:.3f}, {:.3f}]".format(*assessment.intervals.uar) if assessment else ""
        return f"{self.results.scores.uar:.3f}{interval}{self.sign}"

    @property
    def sign(self) -> str:
        """!: clips of the test were in training; *: speakers were, or may have been; else nothing."""
        if self.results is None:
            return ""
        audit = self.results.facts.audit
        return " !" if audit.identical else "" if audit.speaker_independent else " *"


def read_rows(places: Iterable[Path]) -> list[Row]:
    """The finished runs that are, or lie below, some places; those that are not are said and left out.

    Raises:
        EvaluateError: there are no two corpora.
        CompareError: see `find_runs`.
    """
    rows: list[Row] = []
    for folder in find_runs(places):
        if "trained" in read_yaml(folder / CONFIG):  # a test as we leave it
            continue
        run = read_run(folder)
        if isinstance(run, LeftOut):
            log.warning("%s: left out (%s)", folder, run.reason)
            continue
        facts = read_results(folder).facts
        config = OmegaConf.load(folder / CONFIG)
        corpus = OmegaConf.to_container(config.corpus, resolve=True)  # where the environment says that it lies now
        store = Path(config.paths.store).expanduser()
        choice = run.choices.get("corpus", facts.corpus.name)
        rows.append(Row(folder, cast(dict[str, Any], corpus), choice, store, facts.corpus.name))
    if len({repr(row.corpus) for row in rows}) < 2:
        raise EvaluateError(
            f"{len(rows)} finished runs, and no two corpora that they were trained on; train on each of several: ser"
            " train -m experiment=cross_corpus corpus=ravdess,cremad"
        )
    named = rows
    for place in ([row.folder.name for row in rows], [str(row.folder) for row in rows]):
        counts = Counter(row.name for row in named)
        named = [
            now if counts[now.name] == 1 else replace(now, name=f"{row.name} ({where})")
            for row, now, where in zip(rows, named, place, strict=True)
        ]
    return named


def cross(
    rows: Sequence[Row],
    folder: Path,
    *,
    again: bool,
    trusted: Sequence[str] = (),
    say: Callable[[str], None],
) -> list[Cell]:
    """Test each run on the corpora of the others, unless a former call has; a folder for each below `folder`.

    What cannot be tested is said, and costs no other.
    """
    columns = [row for number, row in enumerate(rows) if row.corpus not in [one.corpus for one in rows[:number]]]
    counts = Counter(_words(row, column) for row in rows for column in columns)
    cells = []
    for row in rows:
        for column in columns:
            if row.corpus == column.corpus:
                cells.append(Cell(row.name, column.name, True, row.folder, read_results(row.folder)))
                continue
            words = _words(row, column)
            own = "" if counts[words] == 1 else "-" + digest(f"{row.name}\n{column.name}".encode())[:8]
            place = folder / (words + own)
            results = None if again else _tested_before(place, row, column)
            if results:
                say(f"{place}: has been tested; --again tests it once more")
            else:
                results = _test(row, column, place, trusted, say)
            cells.append(Cell(row.name, column.name, False, place, results))
    return cells


def _words(row: Row, column: Row) -> str:
    """What a folder can be called."""
    return re.sub(r"[^\w.+-]+", "_", f"{row.name}-on-{column.name}")


def _tested_before(place: Path, row: Row, column: Row) -> Results | None:
    """The test of this run on this corpus, unless one of the runs was made after it."""
    if not is_finished(place):
        return None
    try:
        results, corpus = read_results(place), read_yaml(place / CONFIG)["corpus"]
        made, *runs = ((folder / METRICS).stat().st_mtime for folder in (place, row.folder, column.folder))
    except (OSError, ValueError, KeyError, YAMLError):  # damaged
        return None
    is_same = results.facts.trained and Path(results.facts.trained.run) == row.folder and corpus == column.corpus
    return results if is_same and made >= max(runs) else None


def _test(row: Row, column: Row, place: Path, trusted: Sequence[str], say: Callable[[str], None]) -> Results | None:
    say(f"{row.name} on {column.name}: {place}")
    command = shlex.join(["ser", "cross", str(row.folder), str(column.folder)])
    try:
        run = read_trained(row.folder, trusted)
        results = evaluate(run, Target(column.corpus, None, column.choice, column.store, command), place).results
        write_page(place)
    except SerError as error:
        as_then = f"; it is looked for as the run in {column.folder} did" if isinstance(error, CorpusNotFound) else ""
        say(f"{row.name} on {column.name}: cannot be tested: {error}{as_then}")
        return None
    return results


def write_table(path: Path, cells: Sequence[Cell]) -> None:
    """A row for each cell that was tested."""
    rows = []
    for cell in cells:
        if cell.results is None:
            continue
        scores, facts, assessment = cell.results.scores, cell.results.facts, cell.results.assessment
        low, high = assessment.intervals.uar if assessment else ("", "")
        rows.append(
            {
                "trained_on": cell.trained_on,
                "tested_on": cell.tested_on,
                "split": facts.split.name,
                "uar": round(scores.uar, 5),
                "uar_low": low,
                "uar_high": high,
                "accuracy": round(scores.accuracy, 5),
                "n": scores.n_test,
                "emotions": sum(one.support > 0 for one in scores.per_class.values()),
                "speaker_independent": facts.audit.verdict,
                "identical": len(facts.audit.identical),
                "folder": str(cell.folder),
            }
        )
    write_csv(path, rows)


def text(cells: Sequence[Cell]) -> str:
    """The matrix for a person."""
    names, columns = (
        list(dict.fromkeys(getattr(cell, side) for cell in cells)) for side in ("trained_on", "tested_on")
    )
    table = [["", *columns]]
    for name in names:
        table.append([name, *(cell.text for cell in cells if cell.trained_on == name)])
    widths = [max(cell_len(row[number]) for row in table) for number in range(len(table[0]))]
    lines = ["UAR with 95 % intervals: trained on (rows), tested on (columns)", ""]
    for row in table:
        padded = (word + " " * (width - cell_len(word)) for word, width in zip(row, widths, strict=True))
        lines.append("  " + "   ".join(padded).rstrip())
    lines += ["", "within a corpus: the run's own test; across: all clips of the other corpus"]
    signs = {cell.sign for cell in cells}
    if " *" in signs:
        lines.append("* speakers of the test were in the training, or may have been")
    if " !" in signs:
        lines.append("! clips of the test were in the training: no result")
    return "\n".join(lines)
