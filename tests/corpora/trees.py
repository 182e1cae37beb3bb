"""Trees of empty files with the names of published corpora."""

from pathlib import Path
from typing import Any

from ser.corpora.base import Utterance
from tests import components


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def made(name: str, root: Path) -> Any:
    """The corpus of a choice, there."""
    return components.make(f"corpus/{name}", root=str(root))


def one(name: str, root: Path, clip: str) -> Utterance:
    """What a corpus says of its only clip."""
    put(root, clip)
    [utterance] = made(name, root).utterances()
    return utterance  # type: ignore[no-any-return]
