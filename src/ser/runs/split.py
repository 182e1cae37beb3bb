"""split.csv of a run folder: which utterance is in which part."""

from pathlib import Path

from ser.errors import ResumeError
from ser.files import read_csv, write_csv
from ser.runs.report import read_results
from ser.splits.base import Split


def check_split(folder: Path, split: Split) -> None:
    """Refuse to go on with a run whose split.csv says otherwise.

    Raises:
        ResumeError: clips were added to the corpus, removed, or moved since.
    """
    path = folder / "split.csv"
    if not path.exists():
        return
    before = {row["utterance"]: row["part"] for row in read_csv(path)}
    now = {utterance.id: part for utterance, part in split.rows()}
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        raise ResumeError(
            f"ckpt_path=last: the corpus has changed since the run in {folder} began ({len(changed)} clips, such as"
            f" {changed[0]}); restore it, or begin a new run"
        )


def check_corpus(folder: Path, fingerprint: str) -> None:
    """Refuse to pool a fold whose recordings were others than now.

    Raises:
        ResumeError: recordings were replaced since the fold was finished.
    """
    if read_results(folder)["corpus"]["fingerprint"] != fingerprint:
        raise ResumeError(
            f"ckpt_path=last: the corpus has changed since {folder} was finished (another recording under an old name);"
            " restore it, or begin a new run"
        )


def write_split(folder: Path, split: Split) -> None:
    """Write split.csv: which utterance is in which part."""
    rows = [
        {
            "utterance": utterance.id,
            "path": str(utterance.path),
            "speaker": utterance.speaker or "",
            "emotion": utterance.emotion,
            "part": part,
        }
        for utterance, part in split.rows()
    ]
    write_csv(folder / "split.csv", rows)
