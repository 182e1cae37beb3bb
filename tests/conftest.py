"""What the tests share: a little generated speech, and running the command as a user does."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ser import train
from ser.corpora.demo import make_actors
from ser.corpora.ravdess import SYNTHETIC_MARKER

FAST = ["model.depth=10", "model.width=8", "feature.n_bands=32", "epochs=2"]  # a network that trains in seconds


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four speakers in RAVDESS's layout, 240 clips spoken by eSpeak NG."""
    root = tmp_path_factory.mktemp("speech")
    make_actors(["01", "02", "03", "04"], root)
    (root / SYNTHETIC_MARKER).unlink()  # for once, they shall pass for RAVDESS
    return root


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and all that it printed."""

    code: int
    output: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], speech: Path
) -> Command:
    """`command("seed=1", ...)` does what `python train.py seed=1 ...` does, in a folder of the test's own.

    The corpus is `speech`, read as RAVDESS, and the split random, unless the overrides say otherwise.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAVDESS_ROOT", raising=False)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)

    def run(*overrides: str) -> Outcome:
        corpus = [] if any(o.startswith(("corpus=", "experiment=")) for o in overrides) else ["corpus=ravdess"]
        root = (
            [] if any(o.startswith(("corpus.root=", "corpus=table")) for o in overrides) else [f"corpus.root={speech}"]
        )
        split = [] if any(o.startswith(("split=", "experiment=")) for o in overrides) else ["split=random"]
        store = [f"paths.store={speech.parent / 'store'}"]
        flags = [word for word in overrides if word.startswith("-")]
        words = [word for word in overrides if word not in flags]
        monkeypatch.setattr(sys, "argv", ["train.py", *flags, *corpus, *root, *split, *store, *words])
        capfd.readouterr()
        code = 0
        try:
            train.main()
        except SystemExit as stop:
            if isinstance(stop.code, str):  # Python itself prints it, when nobody catches it
                print(stop.code, file=sys.stderr)
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capfd.readouterr()
        return Outcome(code, captured.out + captured.err)

    return run
