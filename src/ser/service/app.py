"""The service: a recording is posted, its emotion comes back."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import jinja2
from fastapi import FastAPI, HTTPException, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from ser import __version__
from ser.errors import AudioError
from ser.files import printable
from ser.inference.predictor import Predictor
from ser.service.admission import Admission, busy
from ser.service.batching import MOST_AHEAD_S, Batcher
from ser.web import Limits, TooLong

N_AT_ONCE = 64  # recordings that are being sent, wait, or are heard

PREDICT = "/predict"
ABOUT = (
    "Post a recording to /predict as the field file of a form. Up to 30 s it is heard as a whole; what is longer in"
    " windows over speech, and the answer has a timeline. Where nobody speaks, emotion is silence."
)

_WITH_FILE = f"with the recording as its field file: curl -F file=@my.wav <address>{PREDICT}"
_PAGE = Path(__file__).with_name("page.html")


class Part(BaseModel):
    """A part of a long recording."""

    start_s: float
    end_s: float
    emotion: str
    probabilities: Mapping[str, float]


class Answer(BaseModel):
    """What is said of a recording."""

    emotion: str = Field(description="the likeliest; `silence` where nobody speaks")
    probabilities: Mapping[str, float] = Field(description="of each emotion, of sum 1; empty where nobody speaks")
    duration_s: float
    timeline: Sequence[Part] = Field(description="the parts of a recording that was heard in windows; else empty")
    remarks: Sequence[str] = Field(description="what somebody should know of the file")
    model: str


class Health(BaseModel):
    """How the service is."""

    status: str
    model: str
    emotions: Sequence[str]
    n_inside: int = Field(description="recordings that are being sent, wait, or are heard")


class Problem(BaseModel):
    """Why a recording is not answered."""

    detail: str


PROBLEMS = {
    408: "the file does not come",
    413: "the file is too large, or the recording too long",
    415: "what is posted is no form",
    422: "the file cannot be used: no audio, damaged, too short; or there is none, or more than one",
    429: "too many are waiting; come again after `Retry-After` seconds",
}


def make_app(predictor: Predictor, name: str, limits: Limits, n_at_once: int = N_AT_ONCE) -> Admission:
    """The ASGI application; it hears with one thread, and leaves no file behind.

    Args:
        predictor: who answers.
        name: of the model, as it is shown.
        limits: of a recording.
        n_at_once: recordings that are let in at once; further ones are refused.
    """
    batcher = Batcher(predictor)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(batcher.close)

    # FastAPI's own pages load scripts from elsewhere.
    app = FastAPI(title="ser", version=__version__, description=ABOUT, docs_url=None, redoc_url=None, lifespan=lifespan)
    admission = Admission(app, path=PREDICT, limits=limits, n_at_once=n_at_once, batcher=batcher)

    @app.post(PREDICT, responses={status: {"model": Problem, "description": why} for status, why in PROBLEMS.items()})
    async def predict(file: UploadFile, request: Request) -> Answer:
        """Name the emotion of a recording, in any format that can be read."""
        n_files = len((await request.form()).getlist("file"))
        if n_files > 1:  # FastAPI gives the last
            raise HTTPException(422, f"there are {n_files} fields file; post one file a request")
        said = printable(file.filename or "the recording")
        with TemporaryDirectory(prefix="ser-") as folder:
            path = Path(folder, "recording")
            try:
                duration_s = await run_in_threadpool(_kept, file.file, path, predictor.sample_rate, limits)
                if batcher.ahead_s(duration_s) >= MOST_AHEAD_S:
                    raise busy(batcher, duration_s)
                answered = await asyncio.wrap_future(batcher.hear(path, duration_s))
                if isinstance(answered, AudioError):
                    raise answered
            except TooLong as error:
                raise HTTPException(413, f"{said}: {error}") from None
            except AudioError as error:
                raise HTTPException(422, str(error).replace(str(path), said)) from None
        return Answer(**asdict(answered), model=name)

    @app.get("/health")
    async def health() -> Health:
        """Whether the service is up, and what it has to do."""
        return Health(status="ok", model=name, emotions=predictor.labels, n_inside=admission.n_inside)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def page() -> HTMLResponse:
        """What the service does, from its OpenAPI description; needs no network."""
        template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
            _PAGE.read_text(encoding="utf-8")
        )
        policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
        about = template.render(described=app.openapi(), model=name, limits=limits)
        return HTMLResponse(about, headers={"Content-Security-Policy": policy})

    @app.exception_handler(RequestValidationError)
    async def no_file(request: Request, _: RequestValidationError) -> JSONResponse:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            return JSONResponse({"detail": f"post a form (multipart/form-data) {_WITH_FILE}"}, 415)
        return JSONResponse({"detail": f"the form has no file; post it {_WITH_FILE}"}, 422)

    return admission


def _kept(file: BinaryIO, path: Path, sample_rate: int, limits: Limits) -> float:
    """Write a recording where it can be read from; its length in seconds."""
    with path.open("wb") as kept:
        shutil.copyfileobj(file, kept)
    return sum(len(block) for block in limits.blocks(path, sample_rate)) / sample_rate
