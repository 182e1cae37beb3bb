"""What runs leave to look at and to listen to must not cost them; what it is, test_solved.py sees."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ser import illustration
from ser.errors import Aborted
from ser.illustration import _Models, illustrate


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was made, where nothing else fails."""
    made: list[str] = []
    monkeypatch.setattr(_Models, "embeddings", lambda *_: SimpleNamespace(write=lambda _: made.append("embeddings")))
    monkeypatch.setattr(illustration, "_write_examples", lambda *_: made.append("examples"))
    return made


@pytest.mark.parametrize("failing", ["embeddings", "examples"])
@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), Aborted()], ids=["error", "Ctrl-C"])
def test_what_goes_wrong_costs_neither_the_run_nor_the_other(
    error: BaseException,
    failing: str,
    made: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    place, name = (_Models, "embeddings") if failing == "embeddings" else (illustration, "_write_examples")
    monkeypatch.setattr(place, name, fail)
    prepared: Any = None
    with caplog.at_level(logging.WARNING, "ser"):
        illustrate(tmp_path, prepared, prepared)
    assert "the run is whole, but for its " in caplog.text and failing in caplog.text and str(error) in caplog.text
    if not isinstance(error, Aborted):
        assert made == [one for one in ("embeddings", "examples") if one != failing]
