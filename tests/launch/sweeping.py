"""What the tests of sweeps share."""

import csv
from pathlib import Path


def rows(folder: Path | str = "sweep") -> list[dict[str, str]]:
    with Path(folder, "sweep.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def states(folder: Path | str = "sweep") -> list[str]:
    return [row["state"] for row in rows(folder)]
