"""What the tests share: a little generated speech, and running the command as a user does."""

import atexit
import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process with threads of OpenMP cannot be forked

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from matplotlib.image import imsave
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser.commands import train
from ser.config.places import conf_dir
from ser.config.schema import Config, read_config, register
from ser.corpora.demo import make_actors
from ser.corpora.ravdess import SYNTHETIC_MARKER
from ser.features.base import Feature
from ser.files import hold
from ser.runs import environment
from ser.training import processes
from tests import components, composing, forked

composing.remember()
packages = cache(environment._packages)

TINY = {  # an encoder of each kind, a few hundred kilobytes; group norm where the published base models have it
    "wav2vec2": {"hidden_size": 24, "num_attention_heads": 2},
    "wav2vec2-stable": {"hidden_size": 24, "num_attention_heads": 2, "feat_extract_norm": "layer", "conv_bias": True}
    | {"do_stable_layer_norm": True},
    "hubert": {"hidden_size": 24, "num_attention_heads": 2},
    "wavlm": {"hidden_size": 24, "num_attention_heads": 2},
    "data2vec-audio": {"hidden_size": 24, "num_attention_heads": 2, "conv_pos_kernel_size": 5},
    "unispeech-sat": {"hidden_size": 24, "num_attention_heads": 2},
    "whisper": {"d_model": 24, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "num_mel_bins": 16}
    | {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "decoder_layers": 1, "encoder_layers": 3, "vocab_size": 60}
    | {"max_source_positions": 100, "bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 1}
    | {"decoder_start_token_id": 1},
}
TINY_WAV2VEC = {
    **{"num_hidden_layers": 3, "intermediate_size": 32, "conv_dim": [16] * 7, "vocab_size": 30},
    **{"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "layerdrop": 0.0},
}

BESIDE = ("whisper", "wavlm")  # features side by side: as many frames a second, not always as many a clip

FAST = [
    "model.depth=10",
    "model.width=8",
    "feature.n_bands=32",
    "feature.hop_s=0.02",
    "epochs=2",
]  # a network that trains in seconds


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


def make_encoder(name: str, folder: Path) -> Path:
    """Save an encoder of `TINY` with random weights, as save_pretrained does."""
    from transformers import AutoConfig, AutoModel, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

    kind = name.removesuffix("-stable")
    settings = TINY[name] if kind == "whisper" else {**TINY_WAV2VEC, **TINY[name]}
    if kind == "data2vec-audio":
        settings["num_conv_pos_embeddings"] = 3
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModel.from_config(AutoConfig.for_model(kind, **settings)).eval()
        for parameter in model.parameters():
            if parameter.ndim == 1:  # norms and biases say nothing as they are made
                parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    if kind == "whisper":
        extractor = WhisperFeatureExtractor(feature_size=16, chunk_length=2)
    else:
        extractor = Wav2Vec2FeatureExtractor(do_normalize=name != "hubert")
    extractor.save_pretrained(folder)
    return folder


@cache
def tiny_encoders() -> Path:
    """A folder with a tiny encoder of each kind in `TINY`, and a text model."""
    from transformers import BertConfig, BertModel

    root = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    for name in TINY:
        make_encoder(name, root / name)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    BertModel(BertConfig(**sizes, vocab_size=20)).save_pretrained(root / "bert")
    return root


def without_hub(settings: dict[str, Any]) -> dict[str, Any]:
    """A component's settings, with a tiny encoder of the same kind where they name one on the hub, and two where they
    want features side by side. The test is skipped where the package of an extra is missing.
    """
    if settings["_target_"].endswith(".Functionals"):
        pytest.importorskip("opensmile")
    if settings["_target_"].endswith(".Several"):
        return {**settings, "parts": {name: components.settings(f"corpus/{name}") for name in ("demo", "folder")}}
    if "parts" in settings:
        return {**settings, "parts": {name: without_hub(components.settings(f"feature/{name}")) for name in BESIDE}}
    if "checkpoint" not in settings:
        return settings
    kind = next((name for name in TINY if name in settings["checkpoint"]), "wav2vec2")
    return {**settings, "checkpoint": str(tiny_encoders() / kind)}


def configured(*overrides: str) -> Config:
    """The configuration that `python train.py` has with these overrides."""
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return read_config(compose("train", overrides=list(overrides)))


@pytest.fixture(scope="session")
def encoders() -> Path:
    """`encoders / "wavlm"` is the folder of a tiny WavLM; so for each kind in `TINY`."""
    return tiny_encoders()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes which run the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def speech(shared: Path) -> Path:
    """Four speakers in RAVDESS's layout, 240 clips spoken by eSpeak NG."""
    root = shared / "corpora" / "speech"
    make_actors(["01", "02", "03", "04"], root)
    (root / SYNTHETIC_MARKER).unlink(missing_ok=True)  # for once, they shall pass for RAVDESS
    return root


@pytest.fixture(scope="session")
def few(speech: Path) -> Path:
    """One clip of each speaker, emotion and sentence."""
    root, beside = speech.parent / "few", speech.parent / "copying"
    with hold(speech.parent / "few.lock", "waiting for the other tests"):
        if not root.exists():
            for clip in speech.rglob("03-01-*-01-*-01-*.wav"):
                (beside / clip.parent.name).mkdir(parents=True, exist_ok=True)
                shutil.copy(clip, beside / clip.parent.name)
            beside.rename(root)
    return root


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "figures: a test about the figures of a run, which `no_figures` leaves alone")


def pytest_collection_finish() -> None:
    gc.freeze()  # what is imported stays: gc.collect(), which many tests call, need not look at it for half a second


@pytest.fixture
def no_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A white dot stands for each figure of a run, and no examples are left: drawing and listening are slow.

    Not so in tests that are marked `figures`.
    """
    if request.node.get_closest_marker("figures"):
        return
    monkeypatch.setattr("ser.experiment.illustrate", lambda *_: None)
    for name in ("figures.confusion", "figures.curves", "figures.calibration", "dimensions.figures.scatter"):
        monkeypatch.setattr(f"ser.runs.{name}", lambda path, *_, **__: imsave(path, np.ones((1, 1, 3))))


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and all that it printed."""

    code: int
    output: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], speech: Path, no_figures: None
) -> Command:
    """`command("seed=1", ...)` does what `python train.py seed=1 ...` does, in a folder of the test's own.

    The corpus is `speech`, read as RAVDESS, and the split random, unless the overrides say otherwise. No figures.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAVDESS_ROOT", raising=False)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.setattr(processes, "subprocess", forked.SUBPROCESS)  # to import all anew takes ten seconds
    monkeypatch.setattr(environment, "uncommitted", lambda largest: b"")  # where somebody is at work
    monkeypatch.setattr(environment, "_packages", packages)  # a file of each is read
    # To load a checkpoint, Lightning reads the source of all that is on the stack, which in tests is deep.
    monkeypatch.setattr("pytorch_lightning.utilities.model_helpers.inspect", SimpleNamespace(stack=list))
    for name in ("hydra", "hydra_plugins"):
        logging.getLogger(name).setLevel(logging.NOTSET)  # a search of another test has silenced them

    def run(*overrides: str) -> Outcome:
        corpus = [] if any(o.startswith(("corpus=", "experiment=")) for o in overrides) else ["corpus=ravdess"]
        root = (
            []
            if any(o.startswith(("corpus.root=", "corpus=table", "corpus=[")) for o in overrides)
            else [f"corpus.root={speech}"]
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
