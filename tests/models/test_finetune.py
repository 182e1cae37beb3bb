"""model=finetune: what is trained and what is not, at which rate, and that a run's checkpoint needs nothing else."""

import copy
import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser import audio
from ser.encoders import SpeechEncoder
from ser.errors import ConfigError, EncoderError
from ser.models.finetune import Finetune
from ser.training.data import Batch
from ser.training.recognizer import EmotionRecognizer
from tests import components
from tests.conftest import Command, noise

N_CLASSES = 3
KINDS = ("wav2vec2", "wav2vec2-stable", "hubert", "wavlm", "data2vec-audio", "unispeech-sat", "whisper")
kinds = pytest.mark.parametrize("kind", KINDS)
CALM = {"layerdrop": 0.0, "dropout": 0.0}


def make(folder: Path, **settings: Any) -> Finetune:
    torch.manual_seed(0)
    model: Finetune = components.make(
        "model/finetune", n_bands=1, n_classes=N_CLASSES, checkpoint=str(folder), **settings
    )
    return model


def still(model: Finetune) -> Finetune:
    """Without dropout, so that training mode repeats itself."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for layer in model.encoder.layers.modules():
        for name in ("dropout", "activation_dropout"):
            if isinstance(getattr(layer, name, None), float):
                setattr(layer, name, 0.0)
    return model


def clips(*lengths: int) -> tuple[Tensor, Tensor]:
    """Waveforms as a model gets them, and their lengths."""
    some = noise(*(lengths or (9000, 16000, 5123, 700)))
    return pad_sequence(some, batch_first=True)[:, None], torch.tensor([len(clip) for clip in some])


def loss_of(model: Finetune) -> Tensor:
    log_probabilities = model(*clips())
    return F.nll_loss(log_probabilities, torch.arange(len(log_probabilities)) % N_CLASSES)


def with_gradients(model: Finetune) -> set[str]:
    """Parameters that a training step reaches."""
    model.train()
    loss_of(model).backward()
    return {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


@kinds
def test_all_but_the_convolutions_is_trained(encoders: Path, kind: str) -> None:
    model = make(encoders / kind, **CALM)
    reached = with_gradients(model)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    unmasked = {name for name in trained if "masked_spec_embed" in name}  # these clips are short; a mask may be missing
    assert trained - unmasked <= reached
    front = ("encoder.model.feature_extractor.", "encoder.model.conv", "encoder.model.embed_positions")
    below = {name for name, _ in model.named_parameters() if name.startswith(front)}
    assert below and not below & trained
    assert {n for n, _ in model.named_parameters()} - below - trained <= {"encoder.model.masked_spec_embed"}
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)


@kinds
@pytest.mark.parametrize("n", [1, 3])
def test_freeze_layers(encoders: Path, kind: str, n: int) -> None:
    model = make(encoders / kind, freeze_layers=n, **CALM)
    reached = {name for name in with_gradients(model) if name.startswith("encoder.")}
    layers = {
        name.split("layers.")[1][0] for name in reached if "encoder.model.layers." in name or ".encoder.layers." in name
    }
    assert layers == set("012"[n:])
    rest = {name for name in reached if ".layers." not in name}
    has_final_norm = kind in ("wav2vec2-stable", "whisper")
    assert {name.rpartition(".")[0].rpartition(".")[2] for name in rest} == (
        {"layer_norm"} if has_final_norm else set()
    )
    for index, layer in enumerate(model.encoder.layers):
        assert layer.training == (index >= n)
    assert all(p.requires_grad is (name in reached) for name, p in model.encoder.named_parameters("encoder"))


@kinds
def test_no_graph_is_kept_through_what_is_frozen(encoders: Path, kind: str) -> None:
    model = make(encoders / kind, freeze_layers=2, **CALM).train()
    states, _ = model.encoder(clips()[0][:, 0], clips()[1])
    assert [state.requires_grad for state in states] == [False, False, False, True]


@pytest.mark.parametrize("kind", ["wav2vec2", "wav2vec2-stable", "whisper"])
@pytest.mark.parametrize("layer", ["last", "mean", "weighted", 0, 2, 3])
@torch.no_grad()
def test_layer(encoders: Path, kind: str, layer: int | str) -> None:
    model = make(encoders / kind, layer=layer, window_s=2).eval()
    states, n_frames = SpeechEncoder.load(encoders / kind, window_s=2)(clips()[0][:, 0], clips()[1])
    stacked = torch.stack(states)
    if layer == "weighted":
        assert model.scores is not None
        model.scores.copy_(torch.tensor([0.3, -1.0, 0.0, 2.0]))
        expected = torch.einsum("lbts,l->bts", stacked, model.scores.softmax(0))
    else:
        expected = stacked.mean(0) if layer == "mean" else stacked[3 if layer == "last" else int(layer)]
    pooled = torch.stack([row[:count].mean(0) for row, count in zip(expected, n_frames, strict=True)])
    scores = model.output(F.relu(model.projection(pooled)))
    torch.testing.assert_close(model(*clips()), F.log_softmax(scores, dim=-1), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_several_layers_stand_side_by_side(encoders: Path) -> None:
    model = make(encoders / "whisper", layer=[1, 3], hidden=None).eval()
    assert not model.output.weight.any()  # it begins knowing nothing
    model.output.weight.normal_()
    states, n_frames = SpeechEncoder.load(encoders / "whisper", window_s=0)(clips()[0][:, 0], clips()[1])
    both = torch.cat([states[1], states[3]], dim=-1)
    pooled = torch.stack([row[:count].mean(0) for row, count in zip(both, n_frames, strict=True)])
    torch.testing.assert_close(model(*clips()), F.log_softmax(model.output(pooled), dim=-1), atol=1e-5, rtol=1e-5)


def test_is_made_ready_for_training(encoders: Path) -> None:
    """For Lightning leaves modules in the mode in which it finds them."""
    model = make(encoders / "wav2vec2", freeze_layers=1)
    modes = {name: module.training for name, module in model.named_modules()}
    model.train()
    assert modes == {name: module.training for name, module in model.named_modules()}
    assert [layer.training for layer in model.encoder.layers] == [False, True, True]
    assert not any(module.training for module in model.eval().modules())


def test_layers_above_the_one_that_is_pooled_are_not_trained(encoders: Path) -> None:
    model = make(encoders / "wav2vec2", layer=2, **CALM)
    names = {name for name in with_gradients(model) if ".layers." in name}
    assert {name.split("layers.")[1][0] for name in names} == {"0", "1"}
    assert not any(p.requires_grad for p in model.encoder.layers[2].parameters())


@kinds
def test_gradient_checkpointing_gives_the_same_gradients(encoders: Path, kind: str) -> None:
    gradients = []
    for checkpointing in (False, True):
        model = make(encoders / kind, gradient_checkpointing=checkpointing, **CALM).train()
        torch.manual_seed(1)
        loss_of(model).backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0]
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize("kind", ["wav2vec2", "wavlm", "whisper"])
def test_layerdrop_acts_in_training_only_and_spares_what_is_frozen(encoders: Path, kind: str) -> None:
    masking = None if kind == "whisper" else False
    model = still(make(encoders / kind, layerdrop=0.5, time_masking=masking))
    assert torch.equal(model.eval()(*clips()), model(*clips()))
    model.train()
    assert len({tuple(model(*clips()).flatten().tolist()) for _ in range(8)}) > 1
    for settings in ({"layerdrop": 0.9, "freeze_layers": 3}, {"layerdrop": 0.0}):
        calm = still(make(encoders / kind, time_masking=masking, **settings)).train()
        torch.testing.assert_close(calm(*clips()), calm.eval()(*clips()), atol=1e-6, rtol=1e-6)


def test_time_masking_acts_in_training_only_and_comes_from_the_seed(encoders: Path) -> None:
    model = still(make(encoders / "hubert", layerdrop=0.0, time_masking=True))
    plain = model.eval()(*clips())
    assert torch.equal(plain, model(*clips()))
    model.train()

    def masked(seed: int) -> Tensor:
        torch.manual_seed(seed)
        answer: Tensor = model(*clips())
        return answer

    assert not torch.equal(masked(1), plain)
    assert not torch.equal(masked(1), masked(2))
    torch.randn(3)
    assert torch.equal(masked(1), masked(1))


def test_what_the_checkpoint_says_counts_where_nothing_is_said(encoders: Path, tmp_path: Path) -> None:
    config = json.loads((encoders / "wav2vec2" / "config.json").read_text(encoding="utf-8"))
    shutil.copytree(encoders / "wav2vec2", tmp_path / "other")
    changed = {**config, "layerdrop": 0.25, "apply_spec_augment": False}
    (tmp_path / "other" / "config.json").write_text(json.dumps(changed), encoding="utf-8")
    said = make(tmp_path / "other").encoder.model.config
    assert (said.layerdrop, said.apply_spec_augment) == (0.25, False)
    said = make(tmp_path / "other", layerdrop=0.0, time_masking=True).encoder.model.config
    assert (said.layerdrop, said.apply_spec_augment) == (0.0, True)


@pytest.mark.parametrize(("kind", "pool"), [*((kind, "average") for kind in KINDS), ("wav2vec2", "attention")])
def test_learns(encoders: Path, kind: str, pool: str) -> None:
    model = make(encoders / kind, pool=pool).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    losses = []
    for _ in range(25):
        loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_the_encoder_has_a_rate_of_its_own(encoders: Path) -> None:
    recognizer = recognizer_of(encoders / "wav2vec2", encoder_lr=3e-5)
    optimizer, _ = recognizer.make_optimizer(recognizer.trained, 10, recognizer.own_rates)
    rates = {p: group["max_lr"] for group in optimizer.param_groups for p in group["params"]}
    assert isinstance(recognizer.model, Finetune)
    for name, parameter in recognizer.model.named_parameters():
        if parameter.requires_grad:
            assert rates.pop(parameter) == (3e-5 if name.startswith("encoder.") else 0.01), name
    assert not rates


def recognizer_of(folder: Path, **settings: Any) -> EmotionRecognizer:
    return EmotionRecognizer(
        feature=components.settings("feature/waveform"),
        model=components.settings("model/finetune", checkpoint=str(folder), **settings),
        augment=components.settings("augment/specaugment", mixup=0.5),
        optim=components.settings("optim/onecycle", lr=0.01),
        loss={"name": "cross_entropy", "label_smoothing": 0.0, "focal_gamma": 2.0},
        labels=["neutral", "sad", "angry"],
    )


def test_features_are_not_augmented_for_there_are_none(encoders: Path) -> None:
    recognizer = recognizer_of(encoders / "wav2vec2").eval()
    waveforms, lengths = clips()
    batch = Batch(waveforms[:, 0], lengths, torch.tensor([0, 1, 2, 0]), torch.arange(4))
    with pytest.warns(UserWarning, match="trainer"):  # nobody to log to
        loss = recognizer.training_step(batch, 0)
    torch.testing.assert_close(loss, F.nll_loss(recognizer(batch.inputs, batch.lengths), batch.targets))


@pytest.mark.parametrize("kind", ["wav2vec2", "wavlm", "whisper"])
def test_mixed_precision(encoders: Path, kind: str) -> None:
    model = make(encoders / kind, **CALM).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        log_probabilities = model(*clips())
        F.nll_loss(log_probabilities, torch.zeros(4, dtype=torch.long)).backward()
    assert log_probabilities.dtype == torch.float32
    torch.testing.assert_close(log_probabilities.exp().sum(1), torch.ones(4))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(model.eval()(*clips()), make(encoders / kind).eval()(*clips()), atol=0.05, rtol=0.05)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.projection.parameters())


def test_what_the_checkpoint_lacks_is_the_same_every_time(encoders: Path, tmp_path: Path) -> None:
    """Or processes that train together would begin with different weights."""
    shutil.copytree(encoders / "wav2vec2", tmp_path / "lacking")
    file = tmp_path / "lacking" / "model.safetensors"
    save_file({k: v for k, v in load_file(file).items() if k != "masked_spec_embed"}, file, metadata={"format": "pt"})
    model = make(tmp_path / "lacking")
    once = model.encoder.model.masked_spec_embed.clone()
    torch.manual_seed(5)
    other = components.make("model/finetune", n_bands=1, n_classes=N_CLASSES, checkpoint=str(tmp_path / "lacking"))
    assert torch.equal(other.encoder.model.masked_spec_embed, once) and once.abs().sum() > 0
    assert not torch.equal(other.output.weight, model.output.weight)


def test_can_be_copied(encoders: Path) -> None:
    """As averaging does."""
    model = make(encoders / "wav2vec2", gradient_checkpointing=True).eval()
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        assert not torch.equal(twin(*clips()), model(*clips()))


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_weights_of_half_precision_are_trained_in_whole(encoders: Path, tmp_path: Path, precision: str) -> None:
    from transformers import AutoModel

    AutoModel.from_pretrained(encoders / "wav2vec2").to(getattr(torch, precision)).save_pretrained(tmp_path)
    shutil.copy(encoders / "wav2vec2" / "preprocessor_config.json", tmp_path)
    assert {p.dtype for p in make(tmp_path).parameters()} == {torch.float32}


class TestRefusals:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"freeze_layers": 4}, r"model\.freeze_layers must lie between 0 and 3; got 4"),
            ({"freeze_layers": 3, "layer": 2}, r"model\.freeze_layers must lie between 0 and 2; got 3"),
            ({"freeze_layers": -1}, r"model\.freeze_layers must lie between 0 and 3"),
            ({"layer": 4}, r"model\.layer must lie between 0 and 3; got 4"),
            ({"layer": "middle"}, r"model\.layer must be one of last, mean, weighted; got 'middle'"),
            ({"layerdrop": 1.0}, r"model\.layerdrop must lie between"),
            ({"encoder_lr": 0.0}, r"model\.encoder_lr must lie between"),
            ({"hidden": 0}, r"model\.hidden must lie between"),
            ({"dropout": 1.0}, r"model\.dropout must lie between"),
            ({"pool": "max"}, r"model\.pool must be one of average, attention, statistics"),
            ({"layer": [1, 4]}, r"model\.layer must lie between 0 and 3; got 4"),
            ({"layer": [1, 1]}, r"model\.layer must name one hidden state at least, and none twice; got \[1, 1\]"),
            ({"layer": [1, 2], "freeze_layers": 3}, r"model\.freeze_layers must lie between 0 and 2; got 3"),
        ],
    )
    def test_settings(self, encoders: Path, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            make(encoders / "wav2vec2", **settings)

    def test_time_masking_of_an_encoder_that_has_none(self, encoders: Path) -> None:
        with pytest.raises(
            ConfigError, match=r"model\.time_masking=true: this encoder \(whisper\) has no time masking"
        ):
            make(encoders / "whisper", time_masking=True)

    @pytest.mark.parametrize("folder", ["bert", "nowhere"])
    def test_what_is_no_speech_encoder(self, encoders: Path, folder: str) -> None:
        with pytest.raises(EncoderError):
            make(encoders / folder)

    @pytest.mark.parametrize("checkpoint", [{}, {"config": {}}, {"a": 1}])
    def test_a_checkpoint_that_is_no_name(self, checkpoint: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match=r"model\.checkpoint must be a hub id or a folder"):
            components.make("model/finetune", n_bands=1, n_classes=N_CLASSES, checkpoint=checkpoint)

    def test_another_sample_rate(self, encoders: Path) -> None:
        with pytest.raises(ConfigError, match=r"feature\.sample_rate=8000: the model hears 16000 Hz"):
            EmotionRecognizer(
                **{
                    **recognizer_of(encoders / "wav2vec2").hparams,
                    "feature": components.settings("feature/waveform", sample_rate=8000),
                }
            )


RUN = ["feature=waveform", "model=finetune", "epochs=2", "batch_size=32", "optim.lr=0.003", "model.encoder_lr=0.001"]


@pytest.fixture
def tiny(encoders: Path, tmp_path: Path) -> Path:
    """An encoder that may be deleted."""
    return Path(shutil.copytree(encoders / "hubert", tmp_path / "tiny"))


def test_a_run_s_checkpoint_needs_no_encoder_besides(command: Command, tiny: Path, speech: Path) -> None:
    outcome = command(*RUN, f"model.checkpoint={tiny}", "training.ema_decay=0.9", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    shutil.rmtree(tiny)
    recognizer = EmotionRecognizer.load_from_checkpoint("run/checkpoints/best.ckpt", weights_only=True).eval()
    with Path("run/predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with torch.no_grad():
        for row in rows[:5]:
            waveform = audio.load(
                next(speech.rglob(f"{Path(row['utterance']).name}.*")),
                sample_rate=recognizer.feature.sample_rate,
                top_db=recognizer.feature.trim_db,
            )
            [answer] = recognizer(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)])).exp()
            said = torch.tensor([float(row[f"p_{label}"]) for label in recognizer.labels])
            torch.testing.assert_close(answer, said, atol=1e-4, rtol=0)
    with Path("run/history.csv").open(encoding="utf-8") as file:
        assert max(float(row["lr"]) for row in csv.DictReader(file)) > 0.001, "the rate that is told is the head's"


class Killed(BaseException):
    """Ends a run at once."""


def test_a_run_goes_on_from_its_own_weights(command: Command, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = [*RUN, f"model.checkpoint={tiny}", "model.layerdrop=0.3", "training.ema_decay=0.9"]
    assert command(*settings, "hydra.run.dir=whole").code == 0
    step, n_steps = EmotionRecognizer.training_step, 0

    def until_the_second_epoch(self: EmotionRecognizer, *arguments: Any) -> Tensor:
        nonlocal n_steps
        n_steps += 1
        if n_steps == 8:
            raise Killed
        return step(self, *arguments)

    monkeypatch.setattr(EmotionRecognizer, "training_step", until_the_second_epoch)
    with pytest.raises(Killed):
        command(*settings, "hydra.run.dir=run")
    monkeypatch.setattr(EmotionRecognizer, "training_step", step)
    for weights in (others := load_file(tiny / "model.safetensors")).values():
        weights.zero_()  # what the encoder began with has no say any more
    save_file(others, tiny / "model.safetensors", metadata={"format": "pt"})
    outcome = command(*settings, "hydra.run.dir=run", "resume=true")
    assert outcome.code == 0, outcome.output
    for name in ("predictions.csv", "history.csv"):
        assert Path("run", name).read_bytes() == Path("whole", name).read_bytes()


def test_several_processes_leave_out_different_layers(command: Command, tiny: Path) -> None:
    settings = ["epochs=1", "trainer=ddp", "trainer.accelerator=cpu", "model.layerdrop=0.5", "model.layer=2"]
    outcome = command(*RUN, *settings, f"model.checkpoint={tiny}", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert Path("run/metrics.json").exists()


def test_a_wrong_encoder_ends_in_a_message(command: Command, encoders: Path) -> None:
    outcome = command(*RUN, f"model.checkpoint={encoders / 'bert'}")
    assert outcome.code == 1 and "is of the kind bert" in outcome.output and "Traceback" not in outcome.output
