from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser.errors import ConfigError
from ser.training import losses
from ser.training.data import Batch, Part, SpeechData
from ser.training.recognizer import EmotionRecognizer
from tests.components import settings

LABELS = ["neutral", "sad", "angry"]
SETTINGS: dict[str, Any] = {
    "feature": settings("feature/melspec", sample_rate=8000, trim_db=33.0, n_bands=16, hop_s=0.02),
    "model": settings("model/resnet", depth=10, width=4, dropout=0.0),
    "augment": settings("augment/none"),
    "optim": settings("optim/onecycle", lr=0.01),
    "loss": {"name": "cross_entropy", "label_smoothing": 0.0, "focal_gamma": 2.0, "class_weights": False},
}


def make(**changes: Any) -> EmotionRecognizer:
    torch.manual_seed(0)
    return EmotionRecognizer(**{**SETTINGS, "labels": LABELS, **changes})


def batch(*lengths: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    clips = [torch.rand(length, generator=generator) - 0.5 for length in lengths]
    targets = torch.arange(len(lengths)) % len(LABELS)
    return Batch(pad_sequence(clips, batch_first=True), torch.tensor(lengths), targets, torch.arange(len(lengths)))


def data() -> SpeechData:
    """Noise whose level and length say the class a little."""
    random = np.random.default_rng(0)

    def part(n_clips: int) -> Part:
        targets = [i % len(LABELS) for i in range(n_clips)]
        clips = [
            np.float32(0.1 + target / 4) * random.uniform(-1, 1, 1500 + 400 * target + i).astype(np.float32)
            for i, target in enumerate(targets)
        ]
        return Part(clips, targets)

    return SpeechData(
        {"train": part(24), "val": part(6), "test": part(5)},
        rate=16000,
        batch_size=8,
        seed=0,
        sampling="natural",
        fingerprint="",
    )


def trainer(folder: Path, n_epochs: int = 2, **arguments: Any) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        max_epochs=n_epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **arguments,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[EmotionRecognizer, Path]:
    """A recogniser that was trained for two epochs, and its checkpoint."""
    folder = tmp_path_factory.mktemp("trained")
    recognizer = make(
        augment=settings("augment/specaugment", mixup=0.3),
        loss={"name": "cross_entropy", "label_smoothing": 0.1, "focal_gamma": 2.0},
        class_weights=[1.0, 2.0, 0.5],
        speakers=[],
    )
    training = trainer(folder)
    training.fit(recognizer, datamodule=data())
    training.save_checkpoint(folder / "last.ckpt")
    assert {"train/loss", "val/loss", "val/uar", "val/accuracy"} <= training.callback_metrics.keys()
    return recognizer, folder / "last.ckpt"


def test_views_are_asked_for_where_a_checkpoint_is_loaded(trained: tuple[EmotionRecognizer, Path]) -> None:
    some = batch(3000, 2000)
    for n_views in (0, 2):
        loaded = EmotionRecognizer.load_from_checkpoint(trained[1], weights_only=True, n_views=n_views).eval()
        _, plain, views = loaded.predict_step(some, 0)
        assert torch.equal(plain, views) is (n_views == 0)


@torch.no_grad()
def test_a_checkpoint_is_all_one_needs(trained: tuple[EmotionRecognizer, Path]) -> None:
    recognizer, path = trained
    loaded = EmotionRecognizer.load_from_checkpoint(path, weights_only=True)
    assert loaded.labels == LABELS
    assert (loaded.feature.sample_rate, loaded.feature.trim_db) == (8000, 33.0)
    assert torch.equal(loaded.normalization.mean, recognizer.normalization.mean)
    assert torch.equal(loaded.normalization.deviation, recognizer.normalization.deviation)
    assert loaded.class_weights is not None
    assert loaded.class_weights.tolist() == [1.0, 2.0, 0.5]
    some = batch(3000, 2000)
    torch.testing.assert_close(
        loaded.eval()(some.inputs, some.lengths), recognizer.cpu().eval()(some.inputs, some.lengths)
    )


def test_normalisation_is_taken_from_the_training_part(trained: tuple[EmotionRecognizer, Path]) -> None:
    recognizer, _ = trained
    frames = []
    for waveform in data().datasets["train"].inputs:
        features, _ = recognizer.feature(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))
        frames.append(features[0])
    together = torch.cat(frames, dim=1).double()
    mean, deviation = together.mean(dim=1), together.std(dim=1, correction=0)
    torch.testing.assert_close(recognizer.normalization.mean[0, :, 0].double(), mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(recognizer.normalization.deviation[0, :, 0].double(), deviation, rtol=1e-4, atol=1e-4)


def plain(value: Any) -> bool:
    if type(value) is dict or isinstance(value, pl.utilities.parsing.AttributeDict):
        return all(type(key) is str and plain(item) for key, item in value.items())
    return all(map(plain, value)) if type(value) is list else type(value) in (str, int, float, bool, type(None))


def test_saved_settings_are_plain_containers(trained: tuple[EmotionRecognizer, Path]) -> None:
    checkpoint = torch.load(trained[1], weights_only=True)
    kept = checkpoint["hyper_parameters"]
    assert plain(kept)
    assert kept["labels"] == LABELS and (kept["speakers"], kept["prior"]) == ([], 0.0)
    assert kept["feature"] == SETTINGS["feature"]


def test_predicts_every_clip_of_the_test_part(trained: tuple[EmotionRecognizer, Path], tmp_path: Path) -> None:
    outputs: Any = trainer(tmp_path).predict(trained[0], datamodule=data())
    places, probabilities, _ = (torch.cat(tensors) for tensors in zip(*outputs, strict=True))
    assert sorted(places.tolist()) == list(range(5))
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(5))


def test_training_can_be_repeated_exactly(tmp_path: Path) -> None:
    def run() -> dict[str, Tensor]:
        pl.seed_everything(0, verbose=False)
        recognizer = make(augment=settings("augment/specaugment", mixup=0.3))
        trainer(tmp_path, n_epochs=1).fit(recognizer, datamodule=data())
        return recognizer.state_dict()

    torch.testing.assert_close(run(), run(), rtol=0, atol=0)


@torch.no_grad()
def test_padding_changes_nothing(trained: tuple[EmotionRecognizer, Path]) -> None:
    recognizer = trained[0].eval()
    some = batch(4000, 2500, 800, 801)
    together = recognizer(some.inputs, some.lengths)
    torch.testing.assert_close(together.exp().sum(dim=1), torch.ones(4))
    more = recognizer(F.pad(some.inputs, (0, 3333)), some.lengths)
    torch.testing.assert_close(more, together, atol=1e-4, rtol=1e-4)
    for waveform, length, result in zip(some.inputs, some.lengths, together, strict=True):
        alone = recognizer(waveform[None, :length], length[None])
        torch.testing.assert_close(alone[0], result, atol=1e-4, rtol=1e-4)


def loss_of(recognizer: EmotionRecognizer, some: Batch) -> Tensor:
    with pytest.warns(UserWarning, match="trainer"):  # nobody to log to
        return recognizer.eval().training_step(some, 0)


def test_the_losses_are_what_their_names_say() -> None:
    some = batch(4000, 2500, 800, 900)
    log_probabilities = make().eval()(some.inputs, some.lengths)
    expected = F.nll_loss(log_probabilities, some.targets)
    for name in ("nll", "cross_entropy"):
        made = make(loss={"name": name, "label_smoothing": 0.0, "focal_gamma": 2.0})
        torch.testing.assert_close(loss_of(made, some), expected)
    smoothed = make(loss={"name": "cross_entropy", "label_smoothing": 0.3, "focal_gamma": 2.0})
    expected = 0.7 * expected - 0.3 * log_probabilities.mean()
    torch.testing.assert_close(loss_of(smoothed, some), expected)


@pytest.mark.parametrize("name", ["nll", "cross_entropy"])
def test_class_weights(name: str) -> None:
    some = batch(4000, 2500, 800, 900)
    weights = [0.2, 1.0, 3.0]
    made = make(loss={"name": name, "label_smoothing": 0.0, "focal_gamma": 2.0}, class_weights=weights)
    expected = F.nll_loss(made.eval()(some.inputs, some.lengths), some.targets, weight=torch.tensor(weights))
    torch.testing.assert_close(loss_of(made, some), expected)


def test_focal_loss_takes_its_settings() -> None:
    some, weights = batch(4000, 2500, 800, 900), [0.2, 1.0, 3.0]
    made = make(loss={"name": "focal", "label_smoothing": 0.1, "focal_gamma": 3.0}, class_weights=weights)
    log_probabilities = made.eval()(some.inputs, some.lengths)
    further: dict[str, Any] = {"weights": torch.tensor(weights), "smoothing": 0.1}
    expected, other = (losses.focal(log_probabilities, some.targets, gamma=gamma, **further) for gamma in (3.0, 2.0))
    torch.testing.assert_close(loss_of(made, some), expected)
    assert not torch.isclose(expected, other)


@pytest.mark.parametrize("gamma", [-0.1, 10.1])
def test_gamma_out_of_range_is_refused(gamma: float) -> None:
    with pytest.raises(ConfigError, match=r"loss\.focal_gamma must lie between 0"):
        make(loss={"name": "focal", "label_smoothing": 0.0, "focal_gamma": gamma})


def test_the_validation_loss_does_not_depend_on_the_batches(tmp_path: Path) -> None:
    made = make(class_weights=[0.2, 1.0, 3.0])
    val = data().datasets["val"]
    part = Part(val.inputs, [0, 0, 0, 1, 2, 2])
    found = []
    for batch_size in (1, 2, 4, 6):
        some = SpeechData({"val": part}, rate=16000, batch_size=batch_size, seed=0, sampling="natural", fingerprint="")
        found.append(trainer(tmp_path).validate(made, datamodule=some, verbose=False)[0]["val/loss"])
    assert found == pytest.approx([found[0]] * 4, rel=1e-5)


def test_mixup_mixes_the_losses_as_it_mixes_the_clips() -> None:
    some = batch(4000, 2500, 800, 900)
    made = make(augment=settings("augment/none", mixup=1.0)).eval()
    torch.manual_seed(5)
    loss = loss_of(made, some)
    torch.manual_seed(5)
    frames, n_frames = made.feature(some.inputs, some.lengths)
    features, lengths, other, weight = made.augment.mix(made.normalization(frames, n_frames), n_frames)
    assert 0.05 < weight < 0.95
    log_probabilities = made.model(features, lengths)
    first, second = (F.nll_loss(log_probabilities, targets) for targets in (some.targets, some.targets[other]))
    assert not torch.isclose(first, second)
    torch.testing.assert_close(loss, weight * first + (1 - weight) * second)


def test_trains_with_one_clip_a_batch(tmp_path: Path) -> None:
    some = SpeechData(
        {name: Part(data().datasets["val"].inputs, [0, 1, 2] * 2) for name in ("train", "val")},
        rate=16000,
        batch_size=1,
        seed=0,
        sampling="natural",
        fingerprint="",
    )
    training = trainer(tmp_path, n_epochs=1)
    training.fit(make(feature={**SETTINGS["feature"], "n_bands": 64}), datamodule=some)
    assert training.global_step == 6
    assert "val/uar" in training.callback_metrics


class Heard(pl.Callback):
    """Which clips each batch of each epoch holds."""

    def __init__(self) -> None:
        self.epochs: list[list[list[int]]] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs.append([])

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, _: int) -> None:
        self.epochs[-1].append(batch.places.tolist())


@pytest.mark.parametrize("n_batches", [0, 1, 2])
def test_overfitting_hears_the_same_batches_every_epoch(tmp_path: Path, n_batches: int) -> None:
    heard = Heard()
    trainer(tmp_path, n_epochs=3, overfit_batches=n_batches, callbacks=[heard]).fit(make(), datamodule=data())
    assert [len(epoch) for epoch in heard.epochs] == [n_batches or 3] * 3
    assert (heard.epochs[0] == heard.epochs[1] == heard.epochs[2]) is (n_batches > 0)


def test_gradients_reach_the_model_only() -> None:
    made, some = make(), batch(4000, 2500, 800, 900)
    made.training_step(some, 0).backward()
    assert all(parameter.grad is not None for parameter in made.model.parameters())
    assert {name.split(".")[0] for name, _ in made.named_parameters()} == {"model"}


@pytest.mark.parametrize("name", ["mse", "", "NLL"])
def test_an_unknown_loss_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"loss\.name.*cross_entropy, nll"):
        make(loss={"name": name, "label_smoothing": 0.0, "focal_gamma": 2.0})


def test_nll_with_smoothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"loss\.label_smoothing"):
        make(loss={"name": "nll", "label_smoothing": 0.1, "focal_gamma": 2.0})


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_out_of_range_is_refused(smoothing: float) -> None:
    with pytest.raises(ConfigError, match=r"loss\.label_smoothing"):
        make(loss={"name": "cross_entropy", "label_smoothing": smoothing, "focal_gamma": 2.0})


def test_a_model_s_own_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"model\.n_layers"):
        make(model={**SETTINGS["model"], "n_layers": 3})


@pytest.mark.parametrize("n_channels", [1, 3])
def test_takes_what_the_feature_says(n_channels: int) -> None:
    feature = SETTINGS["feature"] if n_channels == 1 else settings("feature/spectrogram", height=16)
    some, made = batch(3000, 2000), make(feature=feature)
    assert made(some.inputs, some.lengths).shape == (2, len(LABELS))
    assert (made.augment.n_channels, made.augment.sample_rate) == (n_channels, made.feature.sample_rate)
