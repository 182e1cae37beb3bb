"""What runs leave to look at and to listen to must not cost them; what it is, test_solved.py sees."""

import logging
from pathlib import Path
from typing import Any

import pytest

from ser import illustration
from ser.errors import Aborted
from ser.illustration import illustrate


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), Aborted()], ids=["error", "Ctrl-C"])
def test_what_goes_wrong_does_not_cost_the_run(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(illustration, "_Models", fail)
    prepared: Any = None
    with caplog.at_level(logging.WARNING, "ser"):
        illustrate(tmp_path, prepared, prepared)
    assert "the run is whole, but for its examples" in caplog.text and str(error) in caplog.text
    assert list(tmp_path.iterdir()) == []
