"""A finished run whose test is to be heard again: its clips, and where their recordings are."""

import re
from dataclasses import dataclass
from pathlib import Path

from ser.audio import WHOLE, Segment
from ser.errors import RobustnessError
from ser.runs.folder import is_finished
from ser.runs.names import EMOTION, FOLD, PATH, PREDICTIONS, UTTERANCE
from ser.runs.predictions import Predictions, read_predictions

_SEGMENT = re.compile(r"@([^@-]+)-([^@-]*)$")  # at the end of an utterance's name: from and to, in seconds


@dataclass(frozen=True)
class Tested:
    """A run's test.

    Attributes:
        folder: of the run.
        table: what predictions.csv says.
        recordings: file and segment of each row.
    """

    folder: Path
    table: Predictions
    recordings: list[tuple[Path, Segment]]

    @property
    def folds(self) -> dict[int | None, list[int]]:
        """Numbers of the rows by the fold that tested them; None: the run is of one training."""
        found: dict[int | None, list[int]] = {}
        for number, row in enumerate(self.table.rows):
            found.setdefault(int(row[FOLD]) if FOLD in row else None, []).append(number)
        return found

    @property
    def clips(self) -> dict[str, str]:
        """The label of each clip, by name."""
        return {row[UTTERANCE]: row[EMOTION] for row in self.table.rows}


def read_tested(folder: Path, root: Path | None) -> Tested:
    """Read a run's test.

    Args:
        folder: of a run, of a fold of one, or of an ensemble.
        root: folder of the corpus, where it has moved; None: the recordings are where they were.

    Raises:
        RobustnessError: it is no finished run, it is damaged, or its recordings are not there.
    """
    if not is_finished(folder):
        raise RobustnessError(f"{folder}: no finished run; name the folder of a run, where its {PREDICTIONS} is")
    try:
        table = read_predictions(folder / PREDICTIONS)
        found = [recording(row, root) for row in table.rows]
    except (OSError, ValueError, KeyError) as error:
        raise RobustnessError(f"{folder}: {PREDICTIONS} cannot be read ({error}); run it again") from None
    missing = [path for path in dict.fromkeys(path for path, _ in found) if not path.is_file()]
    if missing:
        raise RobustnessError(
            f"{folder}: {len(missing)} recordings of its test are not there, such as {missing[0]};"
            " name the folder of the corpus: --root FOLDER"
        )
    return Tested(folder, table, found)


def recording(row: dict[str, str], root: Path | None) -> tuple[Path, Segment]:
    """File and segment of a row of predictions.csv. A segment stands in the name alone: `file@0.5-2`."""
    path, name, segment = Path(row[PATH]), row[UTTERANCE], WHOLE
    if not path.with_suffix("").as_posix().endswith(name.rpartition("/")[2]) and (times := _SEGMENT.search(name)):
        name = name[: times.start()]
        segment = float(times[1]), float(times[2]) if times[2] else None
    return path if root is None else root / f"{name}{path.suffix}", segment
