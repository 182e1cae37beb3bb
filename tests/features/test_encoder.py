"""Frozen encoders as features: layers, what is kept of them, and what is refused."""

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ser.encoders import SpeechEncoder
from ser.errors import ConfigError, EncoderError
from ser.features import encoder as encoder_feature
from ser.features.encoder import Encoder
from ser.training.recognizer import EmotionRecognizer
from tests.components import make
from tests.conftest import FAST, TINY, Command, make_encoder, noise


def made(folder: str, **settings: Any) -> Encoder:
    encoder: Encoder = make("feature/wav2vec", checkpoint=folder, **settings)
    return encoder


def heard(feature: Encoder) -> Tensor:
    """Frames (n_bands, frames) of a clip of noise."""
    clip = noise(8000)[0]
    frames, [count] = feature(clip[None], torch.tensor([len(clip)]))
    assert frames.shape == (1, feature.n_bands, count)
    assert frames.dtype == torch.float32
    return frames[0]


def test_layers(encoders: Path) -> None:
    folder = str(encoders / "wavlm")
    clip = noise(8000)[0]
    with torch.no_grad():
        states, _ = SpeechEncoder.load(Path(folder))(clip[None], torch.tensor([8000]))
    expected = [state[0].T for state in states]
    for layer in range(len(expected)):
        torch.testing.assert_close(heard(made(folder, layer=layer)), expected[layer], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(heard(made(folder, layer="last")), expected[-1], atol=1e-5, rtol=1e-4)
    mean = torch.stack(expected).mean(dim=0)
    torch.testing.assert_close(heard(made(folder, layer="mean")), mean, atol=1e-5, rtol=1e-4)
    weighted = made(folder, layer="weighted")
    assert (weighted.n_layers, weighted.n_bands) == (4, 4 * 24)
    torch.testing.assert_close(heard(weighted), torch.cat(expected), atol=1e-5, rtol=1e-4)
    best = made(folder, layer="best")
    assert (best.n_layers, best.n_bands, best.chooses_layer, weighted.chooses_layer) == (4, 4 * 24, True, False)
    assert best.frame_parameters == weighted.frame_parameters, "they are computed once"
    some = made(folder, layer=[2, 0])
    assert (some.n_layers, some.n_bands) == (1, 2 * 24)
    torch.testing.assert_close(heard(some), torch.cat([expected[2], expected[0]]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layer", [-1, 4])
def test_a_layer_out_of_range_is_refused_with_the_range(encoders: Path, layer: int) -> None:
    with pytest.raises(ConfigError, match=r"feature\.layer must lie between 0 and 3"):
        made(str(encoders / "wavlm"), layer=layer)


@pytest.mark.parametrize("layer", [[], [1, 1]])
def test_a_list_of_layers_names_some_and_none_twice(encoders: Path, layer: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"feature\.layer must name one hidden state at least, and none twice; got"):
        made(str(encoders / "wavlm"), layer=layer)


def test_unknown_words_and_levels_are_refused(encoders: Path) -> None:
    with pytest.raises(ConfigError, match=r"feature\.layer must be one of last, mean, weighted, best; got 'first'"):
        made(str(encoders / "wavlm"), layer="first")
    with pytest.raises(ConfigError, match=r"feature\.trim_db"):
        made(str(encoders / "wavlm"), trim_db=-3.0)
    with pytest.raises(
        ConfigError,
        match=r"feature\.layer must be a whole number or text or a list: \[a whole number, \.\.\.\]; got 1\.5",
    ):
        make("feature/wav2vec", layer=1.5)


@pytest.mark.parametrize("name", TINY)
def test_weights_are_loaded_late_and_kept_out_of_state_and_copies(encoders: Path, name: str) -> None:
    feature = made(str(encoders / name))
    assert feature not in encoder_feature._loaded
    heard(feature)
    assert feature in encoder_feature._loaded
    assert list(feature.state_dict()) == ["digest"]
    assert not list(feature.parameters())
    assert copy.deepcopy(feature) not in encoder_feature._loaded


def test_several_threads_load_once_and_agree(encoders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    load = SpeechEncoder.load
    monkeypatch.setattr(SpeechEncoder, "load", lambda *args, **kwargs: loads.append(args) or load(*args, **kwargs))
    feature = made(str(encoders / "hubert"))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: heard(feature), range(8)))
    assert len(loads) == 1
    for answer in answers:
        torch.testing.assert_close(answer, answers[0], rtol=0, atol=1e-6)


def test_frames_are_known_by_content_not_place(encoders: Path, tmp_path: Path) -> None:
    moved = make_encoder("wavlm", tmp_path / "moved")
    one, other = made(str(encoders / "wavlm")), made(str(moved))
    assert one.frame_parameters == other.frame_parameters
    assert made(str(moved), layer="last").frame_parameters == made(str(moved), layer=3).frame_parameters
    assert made(str(moved), layer="last").frame_parameters != one.frame_parameters
    weights = moved / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert made(str(moved)).frame_parameters != one.frame_parameters


def test_a_checkpoint_refuses_another_encoder_when_it_is_used(encoders: Path) -> None:
    trained, other = made(str(encoders / "wavlm")), made(str(encoders / "hubert"))
    other.load_state_dict(trained.state_dict())
    with pytest.raises(EncoderError, match="is not what this recogniser was trained with"):
        heard(other)
    same = made(str(encoders / "wavlm"))
    same.load_state_dict(trained.state_dict())
    heard(same)


@pytest.mark.parametrize("settings", [{"layer": "mean"}, {"layer": 1}, {"layer": "last", "trim_db": 20.0}])
def test_a_checkpoint_refuses_other_settings(encoders: Path, settings: dict[str, Any]) -> None:
    trained, other = made(str(encoders / "wavlm"), layer="last"), made(str(encoders / "wavlm"), **settings)
    other.load_state_dict(trained.state_dict())
    with pytest.raises(EncoderError, match="is not what this recogniser was trained with: other weights, layer"):
        heard(other)


def test_weights_that_changed_before_they_were_loaded_are_refused(tmp_path: Path) -> None:
    feature = made(str(make_encoder("wavlm", tmp_path / "wavlm")))
    weights = tmp_path / "wavlm/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(EncoderError, match="is not what this recogniser was trained with"):
        heard(feature)


def test_training_with_a_frozen_encoder(encoders: Path, command: Command) -> None:
    fast = [word for word in FAST if not word.startswith("feature.")]
    words = ["feature=wav2vec", f"feature.checkpoint={encoders / 'wav2vec2'}", "model=resnet", "epochs=1"]
    for layer in ("weighted", "2"):
        outcome = command(*fast, *words, f"feature.layer={layer}", f"hydra.run.dir=run-{layer}")
        assert outcome.code == 0, outcome.output
    best = Path("run-weighted/checkpoints/best.ckpt")
    recognizer = EmotionRecognizer.load_from_checkpoint(best, weights_only=True).eval()
    clip = noise(8000)[0]
    with torch.no_grad():
        answer = recognizer(clip[None], torch.tensor([8000]))
    torch.testing.assert_close(answer.exp().sum(), torch.tensor(1.0))
    assert not any("encoder" in key for key in recognizer.state_dict())


def test_a_missing_encoder_is_one_message(command: Command, tmp_path: Path, encoders: Path) -> None:
    outcome = command("feature=wav2vec", f"feature.checkpoint={tmp_path / 'nowhere'}")
    assert outcome.code == 1
    assert "nowhere: there is no such folder" in outcome.output and "Traceback" not in outcome.output
    outcome = command("feature=wav2vec", f"feature.checkpoint={encoders / 'bert'}")
    assert outcome.code == 1
    assert "is of the kind bert, which is no speech encoder known here; known are wav2vec2" in outcome.output
