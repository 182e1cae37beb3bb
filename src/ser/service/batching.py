"""Recordings that wait are heard together."""

import logging
import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, PriorityQueue

from ser.errors import AudioError
from ser.inference.prediction import Prediction
from ser.inference.predictor import Predictor

AT_ONCE, AT_ONCE_S = 16, 60.0  # recordings, and their length together: the first of them waits for the last
MOST_AHEAD_S = 3600.0  # of speech: who has that much before him is not let in
FIRST_WAIT_S = 5.0  # what is said before it is known how fast the model hears

Answered = Prediction | AudioError

log = logging.getLogger("ser")


@dataclass(frozen=True, order=True)
class _Job:
    due: float  # the order in which they are heard
    path: Path = field(compare=False)
    duration_s: float = field(compare=False)
    answered: "Future[Answered]" = field(default_factory=Future, compare=False)


_END = _Job(math.inf, Path(), 0.0)


class Batcher:
    """One thread with a trained model: it takes what is waiting, up to `AT_ONCE`, and answers.

    A recording lets those pass that are shorter, as long as they come within its own length: nobody waits for a long
    one that stands before him, and no long one waits for ever.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._waiting: PriorityQueue[_Job] = PriorityQueue()
        self._at_work: Sequence[_Job] = ()
        self._heard_s = self._took_s = 0.0
        self._thread = threading.Thread(target=self._work, name="ser-hearing", daemon=True)
        self._thread.start()

    def ahead_s(self, duration_s: float) -> float:
        """How much speech is heard before a recording of this length that comes now, in seconds."""
        due = time.monotonic() + duration_s
        with self._waiting.mutex:
            waiting = [job for job in self._waiting.queue if job.due <= due]
        return sum(job.duration_s for job in (*waiting, *self._at_work))

    def wait_s(self, duration_s: float) -> int:
        """In how many seconds that is heard, as fast as what was heard before; 1 at least."""
        if not self._heard_s:
            return math.ceil(FIRST_WAIT_S)
        return max(1, math.ceil(self.ahead_s(duration_s) * self._took_s / self._heard_s))

    def hear(self, path: Path, duration_s: float) -> "Future[Answered]":
        """What is said of a recording, or why it cannot be used; the file is to be there until then."""
        job = _Job(time.monotonic() + duration_s, path, duration_s)
        self._waiting.put(job)
        return job.answered

    def close(self) -> None:
        """Answer what is waiting, and end."""
        self._waiting.put(_END)
        self._thread.join()

    def _work(self) -> None:
        while (jobs := self._next()) != [_END]:
            wanted = [job for job in jobs if job.answered.set_running_or_notify_cancel()]
            started = time.monotonic()
            self._answer(wanted)
            self._took_s += time.monotonic() - started
            self._heard_s += sum(job.duration_s for job in wanted)
            self._at_work = ()

    def _next(self) -> list[_Job]:
        """What is heard next: one at least, further ones while they are short together."""
        jobs = [self._waiting.get()]
        left_s = AT_ONCE_S - jobs[0].duration_s
        while len(jobs) < AT_ONCE:
            try:
                job = self._waiting.get_nowait()
            except Empty:
                break
            left_s -= job.duration_s
            if left_s < 0 or job is _END:
                self._waiting.put(job)
                break
            jobs.append(job)
        self._at_work = jobs
        return jobs

    def _answer(self, jobs: Sequence[_Job]) -> None:
        n_answered = 0
        try:
            for job, answered in zip(jobs, self._predictor.predict_each([job.path for job in jobs]), strict=True):
                job.answered.set_result(answered)
                n_answered += 1
        except Exception as error:  # of one of them, such as memory that is short: the others shall not suffer
            left = jobs[n_answered:]
            if len(left) == 1:
                log.exception("a recording of %.1f s could not be answered", left[0].duration_s)
                left[0].answered.set_exception(error)
            else:
                for job in left:
                    self._answer([job])
