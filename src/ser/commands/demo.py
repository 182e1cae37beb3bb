"""`ser demo`: trained models on a page in the browser."""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from ser.commands.serving import FOLD, HOST, TRUST, limited, loaded, port
from ser.config.extras import need
from ser.web import Limits, serve

EXAMPLES = """\b
Examples:
  ser demo outputs/first
  ser demo outputs/resnet outputs/whisper
  ser demo outputs/folds --fold 1 --port 9000

docs/demo.md explains the page."""


@click.command("demo", epilog=EXAMPLES)
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@FOLD
@TRUST
@HOST
@port(7860)
@limited
def command(
    models: tuple[str, ...],
    fold: int | None,
    trust: tuple[str, ...],
    host: str,
    port: int,
    max_mb: float,
    max_seconds: float,
) -> None:
    """Record yourself, or drop a file, on a page in the browser, and see what models say of it, until Ctrl-C.

    MODEL is a run folder, an exported folder, a checkpoint, or hf:user/name; of several, the answers stand side by
    side.
    """
    need("ser demo", "gradio", extra="page")
    from ser.demo.page import make_app  # torch takes seconds to import

    predictors = loaded(models, fold, trust)
    with TemporaryDirectory(prefix="ser-demo-") as folder:
        serve(make_app(predictors, Limits(max_mb, max_seconds), Path(folder)), host, port, "ser demo")
