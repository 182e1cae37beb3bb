"""status.json of a run folder: how the run ended. Where there is none, it is at work or was killed."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ser.files import replacing
from ser.runs.names import STATUS

FINISHED, INTERRUPTED, PRUNED, FAILED = "finished", "interrupted", "pruned", "failed"
UNFINISHED, NOT_BEGUN = "unfinished", "not begun"  # where there is no status.json


@dataclass(frozen=True)
class Status:
    """How a run ended.

    Attributes:
        state: finished, interrupted (by Ctrl-C), pruned (by a search) or failed.
        seconds: wall time of the run, or of its last part where it was gone on with.
        message: why it failed; empty otherwise.
    """

    state: str
    seconds: float
    message: str = ""

    def write(self, folder: Path) -> None:
        """Write status.json, where the disk takes it: what is told here has been said before."""
        with suppress(OSError), replacing(folder / STATUS) as beside:
            beside.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_status(folder: Path) -> Status | None:
    """How the run in this folder ended; None: it is at work, or was killed, or its status.json is damaged."""
    try:
        return Status(**json.loads((folder / STATUS).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def clear_status(folder: Path) -> None:
    """Forget how a run ended that goes on now."""
    (folder / STATUS).unlink(missing_ok=True)
