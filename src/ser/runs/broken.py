"""broken.csv of a run folder: the clips that could not be used."""

from collections.abc import Mapping
from pathlib import Path

from ser.files import write_csv
from ser.runs.names import BROKEN, PROBLEM, UTTERANCE


def write_broken(folder: Path, problems: Mapping[str, str]) -> Path:
    """Write broken.csv, from the problem of each such clip by its id; returns where it lies."""
    path = folder / BROKEN
    write_csv(path, [{UTTERANCE: name, PROBLEM: problem} for name, problem in sorted(problems.items())])
    return path
