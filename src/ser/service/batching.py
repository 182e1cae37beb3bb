"""Recordings that wait are heard together."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from ser.errors import AudioError
from ser.inference.prediction import Prediction
from ser.inference.predictor import Predictor

AT_ONCE = 16  # recordings; the first of them waits for the last

Answered = Prediction | AudioError

log = logging.getLogger("ser")


@dataclass(frozen=True)
class _Job:
    path: Path
    duration_s: float
    answered: "Future[Answered]" = field(default_factory=Future)


class Batcher:
    """One thread with a trained model: it takes what is waiting, up to `AT_ONCE`, and answers."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._waiting: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ser-hearing", daemon=True)
        self._thread.start()

    def hear(self, path: Path, duration_s: float) -> "Future[Answered]":
        """What is said of a recording, or why it cannot be used; the file is to be there until then."""
        job = _Job(path, duration_s)
        self._waiting.put(job)
        return job.answered

    def close(self) -> None:
        """Answer what is waiting, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        is_open = True
        while is_open:
            jobs = [self._waiting.get()]
            while len(jobs) < AT_ONCE:
                try:
                    jobs.append(self._waiting.get_nowait())
                except Empty:
                    break
            is_open = None not in jobs
            wanted = [job for job in jobs if job and job.answered.set_running_or_notify_cancel()]
            self._answer(sorted(wanted, key=lambda job: job.duration_s))  # nobody waits for a long one behind him

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
