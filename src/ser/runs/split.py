"""split.csv of a run folder: which utterance is in which part; and whether the corpus is still the same."""

from pathlib import Path

from ser.errors import ResumeError
from ser.files import read_csv, write_csv
from ser.runs.names import EMOTION, PART, PATH, SPEAKER, SPLIT, UTTERANCE
from ser.splits.base import Split


def write_split(folder: Path, split: Split) -> None:
    """Write split.csv."""
    rows = [
        {
            UTTERANCE: utterance.id,
            PATH: str(utterance.path),
            SPEAKER: utterance.speaker or "",
            EMOTION: utterance.emotion,
            PART: part,
        }
        for utterance, part in split.rows()
    ]
    write_csv(folder / SPLIT, rows)


def check_unchanged(folder: Path, split: Split, fingerprint: str, before: str | None) -> None:
    """Refuse to go on with a run, or with a fold of one, whose corpus has changed since it began.

    Args:
        folder: of the run or the fold.
        split: of the corpus as it is.
        fingerprint: of the corpus as it is.
        before: of the corpus as the run saw it; None where it did not get so far as to note it.

    Raises:
        ResumeError: clips were added, removed, moved to another part or named otherwise; or recordings, numbers or
            votes were replaced.
    """
    path = folder / SPLIT
    assigned = {row[UTTERANCE]: (row[PART], row[EMOTION]) for row in read_csv(path)} if path.exists() else {}
    now = {utterance.id: (part, utterance.emotion) for utterance, part in split.rows()}
    changed = sorted(name for name in assigned.keys() | now.keys() if assigned.get(name) != now.get(name))
    if assigned and changed:
        what = f"{len(changed)} clip{'s' * (len(changed) > 1)}, such as {changed[0]}"
    elif before not in (None, fingerprint):
        what = "another recording under an old name, or other numbers or votes of a clip"
    else:
        return
    raise ResumeError(
        f"resume: the corpus has changed since the run in {folder} began ({what}); restore it, or begin a new run"
    )
