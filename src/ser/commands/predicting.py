"""What `ser predict` does: recordings answered one after the other, and each answer written as soon as it is there."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ser.errors import AudioError, PredictError
from ser.files import digest, one_line, printable, replacing
from ser.inference import formats
from ser.inference.job import Job
from ser.inference.prediction import Numbers, Prediction
from ser.inference.predictor import How, Predictor
from ser.inference.table import Table
from ser.inference.timeline import Turn
from ser.inference.turns import read_turns, turns_of

LINE_S = 60.0  # between two lines of progress where there is no terminal
TEXTS = {"labels": formats.audacity, "textgrid": formats.textgrid, "elan": formats.elan}
ENDINGS = {"labels": ".txt", "textgrid": ".TextGrid", "elan": ".csv", "plot": ".png"}


@dataclass(frozen=True)
class Outputs:
    """Where answers go, beside the terminal.

    Attributes:
        table: of all, as CSV; it grows with the answers.
        as_json: of all, at the end.
        timelines: by form; a file of a single recording, or a folder with one for each.
        resume: go on with a table that was left unfinished.
        shard, n_shards: which part of the recordings is answered, from 1.
    """

    table: Path | None
    as_json: Path | None
    timelines: Mapping[str, Path]
    resume: bool
    shard: int
    n_shards: int

    def check(self, files: Sequence[Path]) -> None:
        """Refuse what cannot be written.

        Raises:
            PredictError: says what to name instead.
        """
        for form, path in self.timelines.items():
            if len(files) > 1 and not path.is_dir() and (path.is_file() or path.suffix):
                raise PredictError(f"--{form}: {path} is a file, and there are {len(files)} recordings; name a folder")
        if self.as_json and (self.resume or self.n_shards > 1):
            raise PredictError("--json: is written at the end, by one process; with --resume or --shard take --csv")

    def place(self, form: str, recording: Path, files: Sequence[Path]) -> Path:
        """Where the timeline of a recording goes: in a folder, below the folders that keep it apart from the others."""
        path = self.timelines[form]
        if len(files) == 1 and not path.is_dir():
            return path
        common = os.path.commonpath([file.absolute().parent for file in files])
        place = path / recording.absolute().relative_to(common)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.with_name(f"{place.name}{ENDINGS[form]}")


def predict(predictor: Predictor, files: Sequence[Path], how: How, outputs: Outputs, speakers: Path | None) -> int:
    """Answer for recordings, and say and write it.

    Args:
        predictor: the model.
        files: all recordings, those of other shards too.
        how: to hear them.
        outputs: where to write.
        speakers: a table of who speaks when; None: found by voice activity.

    Returns:
        the exit code: 1 where a recording could not be used.
    """
    if "plot" in outputs.timelines:
        predictor.refuse_numbers("--plot")
    table_of_turns = None if speakers is None else read_turns(speakers)
    turns = None if table_of_turns is None else {file: turns_of(table_of_turns, file) for file in files}
    who = digest(repr(turns).encode(errors="surrogateescape")) if turns else None
    told = {"window_s": how.window_s, "hop_s": how.hop_s, "speaker": how.speaker, "speakers": who}
    mine, table = list(files), None
    if outputs.table:
        job = Job.of(predictor.members, told, files, outputs.shard, outputs.n_shards)
        mine = job.mine(files)
        table = Table(outputs.table, job, mine, resume=outputs.resume)
    if table and table.is_finished:
        print(f"{table.place} is finished")
        return 0
    left = mine[len(table.done) :] if table else mine
    n_broken, n_odd = table.n_broken if table else 0, 0
    documents = []
    with _telling_how_to_go_on(table), _Progress(len(mine), len(mine) - len(left), shows=bool(table)) as progress:
        for file, said in zip(left, _answers(predictor, left, how, turns, progress), strict=True):
            if isinstance(said, AudioError):
                n_broken += 1
            if table:
                table.add(file, said)
            else:
                print(_line(file, said))
            if isinstance(said, Prediction):
                n_odd += bool(said.remarks)
                _write_timelines(file, said, outputs, files, predictor.labels)
            if outputs.as_json:
                documents.append(_document(file, said, predictor.tells_numbers))
            progress.advance()
    if table:
        told_of = [f"{n_broken} of them cannot be used"] if n_broken else []
        told_of += [f"{n_odd} with a remark"] if n_odd else []
        print(", ".join([f"{table.finish()}: {_counted(mine)}", *told_of]))
    if outputs.as_json:
        _write(outputs.as_json, json.dumps(documents, ensure_ascii=False, indent=1) + "\n")
    return 1 if n_broken else 0


@contextmanager
def _telling_how_to_go_on(table: Table | None) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if table:
            print(f"interrupted; what was answered lies in {table.part}, and --resume goes on", file=sys.stderr)
        raise


def _counted(files: Sequence[Path]) -> str:
    return f"{len(files)} recording{'' if len(files) == 1 else 's'}"


def _answers(
    predictor: Predictor,
    files: Sequence[Path],
    how: How,
    turns: Mapping[Path, list[Turn]] | None,
    progress: "_Progress",
) -> Iterator[Prediction | AudioError]:
    if turns is None:
        yield from predictor.predict_each(files, how, progress=progress.hear)
        return
    for file in files:
        yield from predictor.predict_each([file], replace(how, turns=turns[file]), progress=progress.hear)


def _document(file: Path, said: Prediction | AudioError, numbers: bool) -> dict[str, object]:
    if isinstance(said, AudioError):
        return {"path": printable(str(file)), "problem": printable(str(said))}
    return formats.as_json(file, said, numbers=numbers)


def _line(file: Path, said: Prediction | AudioError) -> str:
    """An answer for the terminal; of a timeline a line a segment."""
    if isinstance(said, AudioError):
        return one_line(str(said))
    lines = [f"{one_line(str(file))}: {likely(said.emotion, said.probabilities)}"]
    for segment in said.timeline:
        who = f"  {one_line(segment.speaker)}" if segment.speaker else ""
        times = f"{clock(segment.start_s)} - {clock(segment.end_s)}"
        lines.append(f"  {times}{who}  {likely(segment.emotion, segment.probabilities)}")
    lines += [f"  the file {remark}" for remark in said.remarks]
    return "\n".join(lines)


def likely(emotion: str, probabilities: Mapping[str, float]) -> str:
    """The likeliest emotion, and the next two; of numbers all."""
    if not probabilities or isinstance(probabilities, Numbers):
        return emotion
    first, *others = sorted(probabilities.items(), key=lambda pair: -pair[1])[:3]
    return f"{first[0]} {first[1]:.2f} ({', '.join(f'{name} {value:.2f}' for name, value in others)})"


def clock(seconds: float) -> str:
    """1:02:03.4 of 3723.4."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def _write_timelines(
    file: Path, said: Prediction, outputs: Outputs, files: Sequence[Path], labels: Sequence[str]
) -> None:
    for form in outputs.timelines:
        path = outputs.place(form, file, files)
        if form == "plot":
            from ser.inference import figure

            figure.plot(path, said, title=file.name, labels=labels)
        else:
            _write(path, TEXTS[form](said))


def _write(path: Path, text: str) -> None:
    try:
        with replacing(path) as beside:
            beside.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise PredictError(f"{path}: cannot be written ({error.strerror or error}); name another file") from None


class _Progress:
    """A bar in a terminal, where the answers themselves are not shown; elsewhere a line now and then."""

    def __init__(self, n_files: int, n_done: int, *, shows: bool) -> None:
        self.n_files, self.n_done, self.shows = n_files, n_done, shows
        columns = [
            TextColumn("Hearing recordings"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}"),
        ]
        self.bar = Progress(
            *columns, TimeRemainingColumn(), console=Console(stderr=True), disable=not (shows and sys.stderr.isatty())
        )

    def __enter__(self) -> "_Progress":
        self.task = self.bar.add_task("", total=self.n_files, completed=self.n_done, said="")
        self.n_before, self.started = self.n_done, time.monotonic()
        self.last = self.started
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def advance(self) -> None:
        """Count a recording."""
        self.n_done += 1
        now = time.monotonic()
        rate = (self.n_done - self.n_before) / max(now - self.started, 1e-9)
        self.bar.update(self.task, completed=self.n_done, said=f"{rate:.1f} a second")
        if self.shows and self.bar.disable and now - self.last > LINE_S:
            print(f"heard {self.n_done} of {self.n_files} recordings, {rate:.1f} a second", file=sys.stderr, flush=True)
            self.last = now

    def hear(self, seconds: float) -> None:
        """Tell how far a long recording has been heard."""
        self.bar.update(self.task, said=f"{clock(seconds)} heard")
        if (self.bar.disable or not self.shows) and time.monotonic() - self.last > LINE_S:
            print(f"heard {clock(seconds)} of a recording", file=sys.stderr, flush=True)
            self.last = time.monotonic()
