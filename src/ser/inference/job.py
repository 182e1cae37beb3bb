"""What a table of answers holds: of which model, which recordings, and heard how."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser.files import digest
from ser.inference.members import Member
from ser.runs.names import EMOTION, PATH, PROBLEM, SPEAKER, probability_column

START, END, REMARK = "start_s", "end_s", "remark"


@dataclass(frozen=True)
class Job:
    """What a table holds: the same job begun twice gives the same rows.

    Attributes:
        model: a digest of the weights.
        how: settings, as JSON values.
        files: a digest of the list of all recordings.
        n_files: how many those are.
        labels: the emotions, in class order; or the dimensions.
        numbers: whether they are dimensions.
        shard, n_shards: which part of the list this is, from 1.
    """

    model: str
    how: Mapping[str, Any]
    files: str
    n_files: int
    labels: Sequence[str]
    shard: int = 1
    n_shards: int = 1
    numbers: bool = False

    @classmethod
    def of(
        cls, members: Sequence[Member], how: Mapping[str, Any], files: Sequence[Path], shard: int, n_shards: int
    ) -> "Job":
        """The job of answering for some files."""
        hashed = hashlib.blake2b(digest_size=16)
        for member in members:
            hashed.update(repr(member.weight).encode())
            for name, weight in member.recognizer.state_dict().items():
                hashed.update(name.encode())
                hashed.update(weight.cpu().contiguous().numpy().tobytes())
        names = digest(b"\0".join(map(os.fsencode, files)))
        first = members[0].recognizer
        told = list(first.labels), shard, n_shards, first.tells_numbers
        return cls(hashed.hexdigest(), dict(how), names, len(files), *told)

    def mine(self, files: Sequence[Path]) -> list[Path]:
        """The files of this shard: every `n_shards`-th."""
        return list(files[self.shard - 1 :: self.n_shards])

    @property
    def columns(self) -> list[str]:
        """Of the table."""
        told = self.labels if self.numbers else [EMOTION, *map(probability_column, self.labels)]
        return [PATH, START, END, SPEAKER, *told, REMARK, PROBLEM]

    def place(self, path: Path) -> Path:
        """Where the table of this shard lies, of a table that is to lie at `path` as a whole."""
        return path if self.n_shards == 1 else path.with_name(f"{path.name}.{self.shard}-of-{self.n_shards}")

    @property
    def line(self) -> str:
        """As the first line of a table that is not a whole one yet."""
        return json.dumps(vars(self), ensure_ascii=False)
