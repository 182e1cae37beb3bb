"""The table of answers: one row a recording or, in windows, a segment; begun, gone on with, in shards, and joined."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import groupby, takewhile
from pathlib import Path
from typing import TextIO

from ser.errors import PredictError
from ser.files import one_line, replacing
from ser.inference.job import END, REMARK, START, Job
from ser.inference.prediction import SILENCE, Prediction, Segment
from ser.runs.names import EMOTION, PATH, PROBLEM, SPEAKER, probability_column

UNFINISHED = ".part"  # behind the name of a table that is being written


class Table:
    """A table that grows with the answers; whatever ends the program, what was answered is kept.

    It lies beside its place, with `.part` behind its name, until it is finished.

    Args:
        path: of the whole table.
        job: what is to be answered.
        files: of the job, those of its shard.
        resume: go on with what an earlier process has left.

    Attributes:
        done: recordings that were answered before.
        n_broken: how many of these cannot be used.

    Raises:
        PredictError: there is a table already, or one of another job; or it cannot be written.
    """

    def __init__(self, path: Path, job: Job, files: Sequence[Path], *, resume: bool) -> None:
        self.place, self.job, self.names = job.place(path), job, list(map(_name, files))
        self.part = self.place.with_name(self.place.name + UNFINISHED)
        self.done: list[str] = []
        self.n_broken = 0
        self.is_finished = self.place.exists() and resume
        if self.place.is_dir():
            raise PredictError(f"--csv: {self.place} is a folder; name a file")
        if self.place.exists() and not resume:
            raise PredictError(f"--csv: {self.place} exists; name another file, or delete it")
        if self.part.exists() and not resume:
            raise PredictError(f"--csv: {self.part} was left unfinished; --resume goes on with it, or delete it")
        if self.is_finished:
            self._check_finished()
            return
        try:
            begun = self.part.exists() and self.part.stat().st_size > 0
            self._file = self._continued() if begun else self._begun()
        except OSError as error:
            raise _cannot_write(self.part, error) from None

    def add(self, path: Path, prediction: Prediction | Exception) -> None:
        """Write the rows of a recording."""
        said = io.StringIO()
        writer = csv.DictWriter(said, self.job.columns, restval="", lineterminator="\n")
        for row in rows(path, prediction, numbers=self.job.numbers):
            writer.writerow(row)
        try:
            self._file.write(said.getvalue())
            self._file.flush()
        except OSError as error:
            raise _cannot_write(self.part, error) from None

    def finish(self) -> Path:
        """Put the table in its place; a shard keeps the line that says which it is."""
        self._file.close()
        try:
            if self.job.n_shards > 1:
                self.part.replace(self.place)
            else:
                with replacing(self.place) as beside, self.part.open(encoding="utf-8", newline="") as file:
                    next(file)
                    with beside.open("w", encoding="utf-8", newline="") as whole:
                        whole.writelines(file)
                self.part.unlink()
        except OSError as error:
            raise _cannot_write(self.place, error) from None
        return self.place

    def _check(self, before: Job, path: Path) -> None:
        if before != self.job:
            raise PredictError(
                f"--resume: {path} is of {_difference(before, self.job)}; name another --csv, or delete it"
            )

    def _check_finished(self) -> None:
        """Refuse a finished table that is of something else."""
        with ExitStack() as stack:
            if self.job.n_shards > 1:
                self._check(_read_part(self.place, stack)[0], self.place)
                return
            reader = csv.DictReader(stack.enter_context(self.place.open(encoding="utf-8", newline="")))
            found = [name for name, _ in groupby(row.get(PATH) for row in reader)]
            if found != self.names or reader.fieldnames != self.job.columns:
                raise PredictError(
                    f"--resume: {self.place} is a finished table of other recordings or emotions; name another --csv,"
                    " or delete it"
                )

    def _begun(self) -> TextIO:
        self.part.parent.mkdir(parents=True, exist_ok=True)
        file = self.part.open("w", encoding="utf-8", newline="")
        file.write(self.job.line + "\n")
        csv.DictWriter(file, self.job.columns, lineterminator="\n").writeheader()
        file.flush()
        return file

    def _continued(self) -> TextIO:
        """What was left, without its last recording, whose rows may be cut off anywhere."""
        with ExitStack() as stack:
            before, groups = _read_part(self.part, stack)
            self._check(before, self.part)
            pairs = zip(self.names, groups, strict=False)
            whole = [group for _, group in takewhile(lambda pair: pair[0] == pair[1][0][PATH], pairs)][:-1]
        with replacing(self.part) as beside, beside.open("w", encoding="utf-8", newline="") as file:
            file.write(self.job.line + "\n")
            writer = csv.DictWriter(file, self.job.columns, lineterminator="\n")
            writer.writeheader()
            for group in whole:
                writer.writerows(group)
        self.done = [group[0][PATH] for group in whole]
        self.n_broken = sum(bool(group[0][PROBLEM]) for group in whole)
        return self.part.open("a", encoding="utf-8", newline="")


def _name(path: Path) -> str:
    """A path as the table has it, whatever bytes and signs are in it."""
    return one_line(str(path))


def rows(path: Path, prediction: Prediction | Exception, *, numbers: bool) -> Iterator[dict[str, str]]:
    """Rows of the table for one recording; `numbers`: it has columns of dimensions, and none for the emotion."""
    if isinstance(prediction, Exception):
        yield {PATH: _name(path), PROBLEM: one_line(str(prediction))}
        return
    whole = Segment(0.0, prediction.duration_s, prediction.emotion, prediction.probabilities)
    for segment in prediction.timeline or [whole]:
        yield {
            PATH: _name(path),
            START: f"{segment.start_s:.3f}",
            END: f"{segment.end_s:.3f}",
            SPEAKER: segment.speaker or "",
            **(_numbers(segment) if numbers else _emotion(segment)),
            REMARK: "; ".join([*([SILENCE] if numbers and not segment.probabilities else []), *prediction.remarks]),
        }


def _numbers(segment: Segment) -> dict[str, str]:
    return {name: f"{value:.6g}" for name, value in segment.probabilities.items()}


def _emotion(segment: Segment) -> dict[str, str]:
    each = {probability_column(name): f"{value:.6f}" for name, value in segment.probabilities.items()}
    return {EMOTION: segment.emotion, **each}


def join(path: Path) -> tuple[int, int]:
    """Put the finished shards of a table together, in the order of its recordings.

    Args:
        path: of the whole table; its shards lie beside it.

    Returns:
        how many shards and recordings there are.

    Raises:
        PredictError: says which shards are missing or unfinished, or do not belong together.
    """
    if path.exists():
        raise PredictError(f"--join: {path} exists; name another file, or delete it")
    found = sorted(path.parent.glob(f"{_escaped(path.name)}.*-of-*"))
    finished = [one for one in found if not one.name.endswith(UNFINISHED)]
    _allow_files(len(found))
    if not found:
        raise PredictError(f"--join: there are no shards {path}.1-of-... ; make them with --csv {path} --shard 1/...")
    with ExitStack() as stack:
        shards = {}
        first: Job | None = None
        for file in finished or found:
            job, groups = _read_part(file, stack)
            first = first or job
            if (job.model, job.how, job.files, job.n_shards) != (first.model, first.how, first.files, first.n_shards):
                raise PredictError(f"--join: {file} is of {_difference(job, first)}; delete what is not wanted")
            shards[job.shard] = groups
        assert first
        missing = [number for number in range(1, first.n_shards + 1) if number not in shards or not finished]
        if missing:
            raise PredictError(f"--join: of {first.n_shards} shards are missing: {_about(path, first, missing)}")
        n_files = 0
        try:
            with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as whole:
                writer = csv.DictWriter(whole, first.columns, lineterminator="\n")
                writer.writeheader()
                for number in range(first.n_files):
                    group = next(shards[number % first.n_shards + 1], None)
                    if group is None:
                        raise PredictError("--join: a shard holds fewer recordings than it should; make it again")
                    writer.writerows(group)
                    n_files += 1
        except OSError as error:
            raise _cannot_write(path, error) from None
    return first.n_shards, n_files


def _about(path: Path, job: Job, missing: Sequence[int]) -> str:
    """Which shards are missing, and how far each has come."""
    told = []
    for number in missing:
        part = path.with_name(f"{path.name}.{number}-of-{job.n_shards}{UNFINISHED}")
        n_mine = len(range(number - 1, job.n_files, job.n_shards))
        if not part.exists():
            told.append(f"{number} (not begun)")
            continue
        with ExitStack() as stack:
            n_done = max(len(list(_read_part(part, stack)[1])) - 1, 0)
        told.append(f"{number} ({n_done} of {n_mine} recordings)")
    return ", ".join(told)


def _read_part(path: Path, stack: ExitStack) -> tuple[Job, Iterator[list[dict[str, str]]]]:
    """The job of a table that is not a whole one yet, and its rows, recording by recording, as long as `stack` lasts.

    Raises:
        PredictError: it is none.
    """
    try:
        file = stack.enter_context(path.open(encoding="utf-8", newline=""))
        job = Job(**json.loads(file.readline()))
        reader = csv.DictReader(file)
        if reader.fieldnames != job.columns:
            raise ValueError("its columns are not those of its first line")
    except OSError as error:
        raise PredictError(f"{path}: cannot be read ({error.strerror}); make it readable") from None
    except (ValueError, TypeError) as error:
        raise PredictError(
            f"{path}: is no table of ser predict that can be gone on with ({error}); delete it"
        ) from None
    return job, (list(group) for _, group in groupby(reader, key=lambda row: row[PATH]))


def _difference(one: Job, other: Job) -> str:
    """What keeps two jobs apart, in words."""
    if one.model != other.model:
        return "another model"
    if one.n_shards != other.n_shards:
        return f"{one.n_shards} shards, others of {other.n_shards}"
    if one.files != other.files:
        return f"another list of recordings ({one.n_files} and {other.n_files})"
    return f"other settings ({json.dumps(one.how)} and {json.dumps(other.how)})"


def _allow_files(n_files: int) -> None:
    """Let this process have so many files open, as far as the system allows."""
    with suppress(ImportError, ValueError, OSError):  # not everywhere, nor for everybody
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = n_files + 100
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _cannot_write(path: Path, error: OSError) -> PredictError:
    return PredictError(
        f"{path}: cannot be written ({error.strerror or error}); free space or name another file, and go on with"
        " --resume"
    )
