"""The page, by Gradio: a recording in, what one or more models say of it out. Nothing is fetched from elsewhere."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import soundfile
from fastapi import FastAPI, Request, Response

from ser.audio import Waveform
from ser.demo.rendering import answer, problem
from ser.demo.texts import TEXTS, Texts, language
from ser.errors import AudioError
from ser.inference.prediction import Prediction
from ser.inference.predictor import Predictor
from ser.web import Limits, TooLong

N_WAITING = 20  # recordings; one is heard at a time
CLEAN_S, KEPT_S = 900, 3600  # how often it is looked for old recordings, and how old they may become

# Gradio needs inline scripts and `eval`; nothing may come from, or go to, elsewhere.
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; base-uri 'self'; form-action 'self'"

# Of Gradio's addresses: what lies elsewhere, which it would fetch; and films for ffmpeg, which may name files.
CLOSED = ("://", "/process_recording")

_HERE = Path(__file__).parent

log = logging.getLogger("ser")


def make_app(predictors: Mapping[str, Predictor], limits: Limits, folder: Path) -> FastAPI:
    """The ASGI application.

    Args:
        predictors: the models, by the names that are shown.
        limits: of a recording.
        folder: for recordings, as long as the page is served.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    import gradio as gr  # it reads these

    def hear(path: str | None, request: gr.Request) -> str:
        if path is None:
            return ""
        _check_uploaded(path, folder)  # a stream is not moved
        spoken = language(request.headers.get("accept-language", ""))
        texts = shown[spoken]
        try:
            return _answered(predictors, Path(path), limits, folder, spoken)
        except TooLong:
            return problem(spoken, texts["too_long"])
        except AudioError as error:
            return problem(spoken, texts["cannot"], str(error).replace(path, Path(path).name))
        except Exception:  # said on the page too, where somebody waits
            log.exception("a recording could not be answered")
            return problem(spoken, texts["failed"])

    shown = {spoken: _filled(texts, limits) for spoken, texts in TEXTS.items()}
    i18n = gr.I18n(**shown)
    with gr.Blocks(title="ser", analytics_enabled=False) as blocks:
        gr.Markdown(i18n("about"))
        recording = gr.Audio(
            sources=["upload", "microphone"],
            type="filepath",
            label=i18n("recording"),
            waveform_options=gr.WaveformOptions(show_recording_waveform=False),
            buttons=[],
        )
        said = gr.HTML(
            js_on_load=(_HERE / "page.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            min_height=120,
            max_bytes=limits.max_bytes,
            too_large={spoken: problem(spoken, texts["too_large"]) for spoken, texts in shown.items()},
        )
        recording.change(hear, recording, said, api_visibility="private", show_progress="full")

    async def moved(url_or_file_path: str | Path | None) -> str | None:
        if url_or_file_path is None:
            return None
        _check_uploaded(url_or_file_path, folder)
        return str(url_or_file_path)

    # Gradio would copy any file of this machine, and fetch any address, that a visitor names. Not in a subclass: of
    # these it writes stubs beside the source.
    recording.async_move_resource_to_block_cache = moved  # type: ignore[method-assign]
    blocks.queue(max_size=N_WAITING)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        cleaning = asyncio.create_task(_clean(folder))
        yield
        cleaning.cancel()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.middleware("http")
    async def guarded(request: Request, call_next: Any) -> Response:
        if any(word in request.scope["path"] for word in CLOSED):
            return Response(status_code=404)
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        footer_links=[],
        run_history=False,
        allowed_paths=[str(folder)],
        max_file_size=limits.max_bytes,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        i18n=i18n,
        theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css_paths=_HERE / "page.css",
    )
    return app


def _check_uploaded(path: str | Path, folder: Path) -> None:
    """Whatever a visitor's browser names as its recording.

    Raises:
        gradio.Error: it was not uploaded.
    """
    import gradio as gr

    if not Path(path).resolve().is_relative_to(folder.resolve()):
        raise gr.Error("only what was uploaded is heard", print_exception=False)


async def _clean(folder: Path) -> None:
    """Delete old recordings, again and again."""
    while True:
        await asyncio.sleep(CLEAN_S)
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink(missing_ok=True)


def _filled(texts: Texts, limits: Limits) -> dict[str, str]:
    """With the limits in them."""
    limited = ("about", "too_long", "too_large")
    return {**texts, **{name: texts[name].format(max_s=limits.max_s, max_mb=limits.max_mb) for name in limited}}


def _answered(predictors: Mapping[str, Predictor], path: Path, limits: Limits, folder: Path, spoken: str) -> str:
    """HTML of what the models say of a recording.

    Raises:
        AudioError: it cannot be used.
        TooLong: likewise.
    """
    sample_rate = max(predictor.sample_rate for predictor in predictors.values())
    samples: Waveform = np.concatenate([np.zeros(0, np.float32), *limits.blocks(path, sample_rate)])
    said: dict[str, Prediction] = {name: predictor.predict(path) for name, predictor in predictors.items()}
    heard = folder / f"{uuid4().hex}.wav"  # what a browser can play, whatever was uploaded
    soundfile.write(heard, samples, sample_rate, subtype="PCM_16")
    return answer(said, samples, sample_rate, f"gradio_api/file={heard}", spoken, TEXTS[spoken])
