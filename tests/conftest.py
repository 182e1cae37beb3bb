"""What the tests share: a little generated speech, and running the command as a user does."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser import train
from ser.corpora.demo import make_actors
from ser.corpora.ravdess import SYNTHETIC_MARKER
from ser.features.base import Feature

FAST = ["model.depth=10", "model.width=8", "feature.n_bands=32", "epochs=2"]  # a network that trains in seconds


def noise(*lengths: int) -> list[Tensor]:
    """Clips of white noise (samples,), the same every time."""
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(length, generator=generator) - 0.5 for length in lengths]


def assert_padding_changes_nothing(feature: Feature, clips: list[Tensor], *, atol: float) -> None:
    """A clip's frames in a batch with more padding than the longest clip needs are those of the clip alone."""
    lengths = torch.tensor([len(clip) for clip in clips])
    frames, n_frames = feature(pad_sequence([*clips, torch.zeros(9000)], batch_first=True)[:-1], lengths)
    for row, count, clip in zip(frames, n_frames, clips, strict=True):
        alone, [alone_count] = feature(clip[None], torch.tensor([len(clip)]))
        assert count == alone_count == alone.shape[-1]
        torch.testing.assert_close(row[:, :count], alone[0], atol=atol, rtol=0)


def load_script(name: str) -> ModuleType:
    """scripts/<name>.py as a module."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
