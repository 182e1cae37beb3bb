"""`ser serve`: a trained model as an HTTP service."""

import click

from ser.commands.serving import FOLD, HOST, TRUST, limited, loaded, port
from ser.config.extras import need
from ser.web import Limits, serve

EXAMPLES = """\b
Examples:
  ser serve outputs/first
  ser serve outputs/folds --fold 1 --port 9000
  curl -F file=@my.wav http://127.0.0.1:8000/predict

docs/service.md explains the answers, the limits and the Dockerfile."""


@click.command("serve", epilog=EXAMPLES)
@click.argument("model")
@FOLD
@TRUST
@HOST
@port(8000)
@limited
def command(
    model: str, fold: int | None, trust: tuple[str, ...], host: str, port: int, max_mb: float, max_seconds: float
) -> None:
    """Answer recordings that are posted to /predict with JSON, until Ctrl-C.

    MODEL is a run folder, an exported folder, a checkpoint, or hf:user/name.
    """
    for package in ("fastapi", "uvicorn", "python_multipart"):
        need("ser serve", package, extra="service")
    from ser.service.app import make_app  # torch takes seconds to import

    [(name, predictor)] = loaded([model], fold, trust).items()
    serve(make_app(predictor, name, Limits(max_mb, max_seconds)), host, port, f"ser serve {name}")
