"""A model that nobody has trained, and applications that are served. Not a test itself."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import torch
import uvicorn

from ser.inference.members import Member
from ser.inference.predictor import Predictor
from ser.recognizer import Recognizer
from tests import components

LABELS = ["happy", "sad", "angry"]


def untrained() -> Predictor:
    """A small network with random weights."""
    torch.manual_seed(0)
    feature, model = components.settings("feature/melspec", n_bands=16), components.settings("model/probe", hidden=4)
    recognizer = Recognizer(feature=feature, model=model, labels=LABELS).eval().requires_grad_(False)
    return Predictor([Member(recognizer, 1.0, "made")], "made")


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of an ASGI application on this machine."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()
