"""What makes the results of a comparison again: commands, versions, and hashes of corpus, splits and encoders."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ser.compare.comparison import Table
from ser.compare.reading import Run, read_yaml
from ser.config.dotted import leaves
from ser.encoders.hub import cached
from ser.encoders.weights import weights_digest
from ser.errors import EncoderError
from ser.runs.environment import read_environment
from ser.runs.names import CONFIG, METRICS, PREDICTIONS, SPLIT, fold_folders
from ser.runs.provenance import Provenance, command_of
from ser.runs.results import plain, read_results

HASHES = (
    "sha256 of files; fingerprint: see docs/runs.md; digest of an encoder: blake2b of its weights and configuration"
)


def record(tables: Sequence[Table]) -> str:
    """JSON: for each table its rows, for each row its runs; what is not known is null."""
    content = {
        "made by": {"program": "ser compare --paper", **asdict(Provenance.here())},
        "hashes": HASHES,
        "tables": [
            {
                "heading": table.heading,
                "rows": [
                    {"row": index + 1, "name": table.name(index), "runs": [_run(run) for run in row.runs]}
                    for index, row in enumerate(table.rows)
                ],
            }
            for table in tables
        ],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _run(run: Run) -> dict[str, Any]:
    facts = read_results(run.folder).facts
    environment = _environment(run.folder)
    places = [run.folder, *fold_folders(run.folder).values()]
    hashed = [place / name for place in places for name in (SPLIT, PREDICTIONS) if (place / name).exists()]
    return {
        "folder": str(run.folder),
        "command": environment.pop("command", None) or command_of(run.folder, facts.ensemble) or None,
        "git_commit": facts.git_commit,
        "versions": facts.versions,
        "seed": facts.seed,
        "device": facts.device,
        "precision": facts.precision,
        "corpus": plain(facts.corpus),
        "label_map": plain(facts.label_map),
        "split": plain(facts.split),
        "splits of the folds": {
            place.name: read_results(place).facts.split.hash for place in places[1:] if (place / METRICS).exists()
        },
        "encoders": list(_encoders(run.folder)),
        "sha256": {path.relative_to(run.folder).as_posix(): _sha256(path) for path in hashed},
        "environment": environment or None,
    }


def _environment(folder: Path) -> dict[str, Any]:
    """Of a damaged file nothing."""
    try:
        return read_environment(folder)
    except (OSError, ValueError):
        return {}


def _encoders(folder: Path) -> Iterator[dict[str, Any]]:
    """The pretrained encoders that the settings name, with the digest of their weights as they lie here now."""
    config = dict(leaves(read_yaml(folder / CONFIG)))
    for name, checkpoint in config.items():
        group, _, last = name.rpartition(".")
        if last != "checkpoint" or not isinstance(checkpoint, str):
            continue
        told = {"setting": name, "checkpoint": checkpoint, "revision": config.get(f"{group}.revision")}
        yield told | _digest(checkpoint, told["revision"], bool(config.get(f"{group}.allow_pickle")))


def _digest(checkpoint: str, revision: Any, allow_pickle: bool) -> dict[str, Any]:
    folder = Path(checkpoint).expanduser()
    try:
        place = folder if folder.is_dir() else cached(checkpoint, revision, allow_pickle=allow_pickle)
        if place is None:
            return {"digest": None, "why": "it does not lie on this machine"}
        return {"digest": weights_digest(place, allow_pickle=allow_pickle)}
    except EncoderError as error:
        return {"digest": None, "why": str(error)}


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
