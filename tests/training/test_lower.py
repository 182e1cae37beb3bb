"""model=finetune with frozen lower layers: what those give lies in the store, and nothing else changes by that."""

import csv
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from ser import audio
from ser.errors import ConfigError
from ser.features.lower import LowerLayers, Variant
from ser.models.finetune import Finetune
from ser.preparation import prepare
from ser.store.recordings import Recordings
from ser.training.data import ClipDataset, Item, Part, collate
from ser.training.lower import constant_part
from ser.training.recognizer import EmotionRecognizer
from tests import components
from tests.conftest import TINY, Command, configured, noise

N_CLASSES = 3
LENGTHS = (9000, 16000, 5123, 700)
UNMASKED = {kind: None if kind == "whisper" else False for kind in TINY}


def make(folder: Path, **settings: Any) -> Finetune:
    torch.manual_seed(0)
    settings = {"time_masking": UNMASKED[folder.name], "window_s": 0.3, "freeze_layers": 2, **settings}
    model: Finetune = components.make(
        "model/finetune", n_bands=1, n_classes=N_CLASSES, checkpoint=str(folder), **settings
    )
    return model


def lower_of(model: Finetune) -> LowerLayers:
    assert model.lower is not None
    return LowerLayers(model.lower)


def batch(clips: list[Tensor]) -> tuple[Tensor, Tensor]:
    made = collate([Item(clip, 0, place) for place, clip in enumerate(clips)])
    return made.inputs, made.lengths


def stored(model: Finetune, clips: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """Frames of each clip alone, as the store keeps them."""
    feature = lower_of(model).eval()
    kept = []
    for clip in clips:
        frames, [count] = feature(clip[None], torch.tensor([len(clip)]))
        assert frames.shape[1:] == (feature.n_bands, count)
        kept.append(frames[0].to(dtype).float())
    model.train()
    return kept


def step(model: Finetune, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Log-probabilities in training, and gradients of all that is trained."""
    model.train()
    torch.manual_seed(1)
    log_probabilities = model(inputs if inputs.ndim == 3 else inputs[:, None], lengths)
    model.zero_grad()
    F.nll_loss(log_probabilities, torch.arange(len(inputs)) % N_CLASSES).backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return log_probabilities.detach(), gradients


@pytest.mark.parametrize("kind", TINY)
@pytest.mark.parametrize(
    "settings",
    [
        {"layer": "weighted"},
        {"layer": "last", "freeze_layers": 3},
        {"layer": 2, "freeze_layers": 1},
        {"layer": "mean", "freeze_layers": 1, "layerdrop": 0.5},
        {"layer": [1, 3], "pool": "attention"},
    ],
)
def test_gives_what_the_whole_model_gives_for_the_waveform(encoders: Path, kind: str, settings: dict[str, Any]) -> None:
    model = make(encoders / kind, **settings)
    clips = noise(*LENGTHS)
    expected, gradients = step(model, *batch(clips))
    assert settings.get("freeze_layers") == 3 or any(".layers." in name for name in gradients)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float16, 2e-3)):
        answer, others = step(model, *batch(stored(model, clips, dtype)))
        torch.testing.assert_close(answer, expected, atol=tolerance, rtol=0)
        assert others.keys() == gradients.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(others[name], gradient, atol=tolerance, rtol=10 * tolerance, msg=name)


@pytest.mark.parametrize("kind", ["wav2vec2-stable", "wavlm", "whisper"])
@torch.no_grad()
def test_padding_changes_nothing(encoders: Path, kind: str) -> None:
    model = make(encoders / kind)
    frames = stored(model, noise(*LENGTHS), torch.float32)
    together, lengths = batch(frames)
    answer = model.eval()(F.pad(together, (0, 20)), lengths)
    for row, alone in zip(answer, frames, strict=True):
        torch.testing.assert_close(model(*batch([alone]))[0], row, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("window_s", [0.0, 30.0])
def test_whisper_s_silence_is_kept_too(encoders: Path, window_s: float) -> None:
    model = make(encoders / "whisper", window_s=window_s)
    [frames] = stored(model, noise(9000), torch.float32)
    assert frames.shape[-1] == (29 if window_s == 0 else 100)  # all the positions that it has
    assert frames[-1].sum() == 29
    assert lower_of(model).n_further == 50 * window_s


def test_only_what_is_needed_is_kept(encoders: Path) -> None:
    size = 24
    assert lower_of(make(encoders / "wavlm", layer=3)).n_bands == size + 1
    assert lower_of(make(encoders / "wavlm", layer="weighted")).n_bands == 3 * size + 1
    assert lower_of(make(encoders / "wavlm", layer=[0, 3])).numbers == [0, 2]


@pytest.mark.parametrize("settings", [{"freeze_layers": 0}, {"time_masking": True}, {"time_masking": None}])
def test_there_is_none_where_something_changes_it(encoders: Path, settings: dict[str, Any]) -> None:
    assert make(encoders / "wav2vec2", **settings).lower is None


def test_there_is_none_where_bands_are_masked(encoders: Path, tmp_path: Path) -> None:
    shutil.copytree(encoders / "wav2vec2", tmp_path / "wav2vec2")
    config = tmp_path / "wav2vec2" / "config.json"
    changed = config.read_text().replace('"mask_feature_prob": 0.0', '"mask_feature_prob": 0.1')
    config.write_text(changed.replace('"mask_time_prob": 0.05', '"mask_time_prob": 0.0'))
    assert make(tmp_path / "wav2vec2", time_masking=None).lower is None
    assert make(tmp_path / "wav2vec2").lower is not None


class TestVariant:
    def variant(self, encoders: Path, number: int = 1, **settings: Any) -> Variant:
        augment = components.make("augment/waveform", **settings)
        lower = lower_of(make(encoders / "hubert"))
        return Variant(lower, augment.waveforms, settings, number).eval()  # type: ignore[return-value]

    def frames(self, variant: Variant, *clips: Tensor) -> list[Tensor]:
        made, counts = variant(*batch(list(clips)))
        return [row[:, :count] for row, count in zip(made, counts, strict=True)]

    def test_depends_on_the_clip_and_the_number_alone(self, encoders: Path) -> None:
        clips, variant = noise(9000, 16000), self.variant(encoders)
        before = torch.get_rng_state()
        together = self.frames(variant, *clips)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(4)
        for row, clip in zip(together, clips, strict=True):
            [alone] = self.frames(variant, clip)
            torch.testing.assert_close(alone, row, atol=1e-5, rtol=1e-5)
        [other] = self.frames(self.variant(encoders, 2), clips[0])
        assert other.shape != together[0].shape or not torch.allclose(other, together[0], atol=1e-3)

    def test_is_found_again_by_all_that_it_depends_on(self, encoders: Path) -> None:
        told = [
            self.variant(encoders, number, gain_probability=p).frame_parameters for number in (1, 2) for p in (0.1, 0.2)
        ]
        assert len({str(one) for one in told}) == 4
        assert all(one["weights"] == told[0]["weights"] for one in told)

    def test_becomes_no_longer_than_is_heard_at_once(self, encoders: Path) -> None:
        always = {"speed_probability": 1.0, "speed": [0.5, 0.5], "pitch_probability": 0.0, "shift_probability": 0.0}
        augment = components.make("augment/waveform", **always)
        lower = lower_of(make(encoders / "whisper", window_s=0))
        [frames] = self.frames(Variant(lower, augment.waveforms, always, 1).eval(), *noise(20000))
        assert frames.shape[-1] == 100


def test_each_version_of_a_clip_is_given_as_often() -> None:
    clips = [np.full((2, 3), value, np.float32) for value in range(4)]
    dataset = ClipDataset(Part(clips[:1], [0], variants=[clips[1:]]))
    given = [int(dataset[0].input[0, 0]) for _ in range(400)]
    assert all(given.count(value) > 60 for value in range(4))
    assert dataset.lengths == [3]


def recognizer_of(folder: Path, augment: str = "none", **settings: Any) -> EmotionRecognizer:
    settings = {"time_masking": UNMASKED[folder.name], "freeze_layers": 2, **settings}
    return EmotionRecognizer(
        feature=components.settings("feature/waveform"),
        model=components.settings("model/finetune", checkpoint=str(folder), **settings),
        augment=components.settings(f"augment/{augment}"),
        optim=components.settings("optim/onecycle"),
        loss={"name": "cross_entropy", "label_smoothing": 0.0, "focal_gamma": 2.0},
        labels=["neutral", "sad", "angry"],
    )


@pytest.mark.parametrize(
    ("kind", "settings", "n_views", "seconds", "said"),
    [
        ("wavlm", {}, 0, 20, "what the 2 lowest layers of"),
        ("wavlm", {"augment": "specaugment"}, 0, 20, "what the 2 lowest layers of"),
        ("wavlm", {"augment": "waveform", "variants": 3}, 0, 20, "beside 3 variants of each training clip"),
        ("wavlm", {"freeze_layers": 0}, 0, 20, "no lower part of it always gives the same"),
        ("wavlm", {"augment": "waveform"}, 0, 20, "augment changes the waveforms"),
        ("wavlm", {}, 2, 20, "tta=2 hears clips at other speeds"),
        ("wavlm", {}, 0, 21, "a clip is longer than the 20 s that are heard at once"),
        ("whisper", {}, 0, 2.1, "a clip is longer than the 2 s that are heard at once"),
    ],
)
def test_says_which_way_it_goes(
    encoders: Path,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    settings: dict[str, Any],
    n_views: int,
    seconds: float,
    said: str,
) -> None:
    caplog.set_level(logging.INFO, "ser")
    recordings = Recordings(waveforms={"one": np.zeros(round(16000 * seconds), np.float32)})
    found = constant_part(recognizer_of(encoders / kind, **settings), recordings, n_views)
    assert (found is None) == ("every clip from the waveform up" in caplog.text)
    assert said in caplog.text and len(caplog.records) == 1


def test_variants_of_what(encoders: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.variants=2: no lower part of the encoder always gives the same"):
        recognizer_of(encoders / "wavlm", freeze_layers=0, variants=2)
    with pytest.raises(ConfigError, match=r"model\.variants=2: augment changes no waveforms"):
        recognizer_of(encoders / "wavlm", variants=2)


RUN = ["feature=waveform", "model=finetune", "model.freeze_layers=2", "model.time_masking=false", "batch_size=32"]


def test_variants_are_of_training_clips_alone(few: Path, encoders: Path, tmp_path: Path) -> None:
    places = [f"corpus.root={few}", f"paths.store={tmp_path / 'store'}", f"model.checkpoint={encoders / 'wavlm'}"]
    config = configured(*RUN, "corpus=ravdess", "split=random", "augment=waveform", "model.variants=1", *places)
    prepared = prepare(config, tmp_path)
    [split] = prepared.folds
    assert prepared.variants.keys() == {utterance.id for utterance in split.train}
    data = prepared.data(split)
    assert {name: len(dataset.variants) for name, dataset in data.datasets.items()} == {
        "train": len(split.train),
        "val": 0,
        "test": 0,
    }
    batch = next(iter(data.train_dataloader()))
    changed, lengths = prepared.recognizer(split)._augmented(batch.inputs, batch.lengths)
    assert changed is batch.inputs and lengths is batch.lengths, "what was changed before is not changed again"

    assert data.datasets["train"].longest is None  # of Whisper the silence would be cut off
    n_frames = [clip.shape[-1] for clip in data.datasets["train"].inputs]
    assert all(len(versions) == 1 for versions in data.datasets["train"].variants)
    assert [versions[0].shape[-1] for versions in data.datasets["train"].variants] != n_frames
    batch = next(iter(data.train_dataloader()))
    log_probabilities = prepared.recognizer(split)(batch.inputs, batch.lengths)
    assert log_probabilities.shape == (len(batch.targets), len(prepared.labels))


def test_a_run_scores_as_its_checkpoint_does_for_the_waveform(
    command: Command, few: Path, encoders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*RUN, "epochs=2", f"corpus.root={few}", f"model.checkpoint={encoders / 'wavlm'}", "optim.lr=0.003"]
    outcome = command(*settings, "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    recognizer = EmotionRecognizer.load_from_checkpoint("run/checkpoints/best.ckpt", weights_only=True).eval()
    with Path("run/predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with torch.no_grad():
        for row in rows[:5]:
            path = next(few.rglob(f"{Path(row['utterance']).name}.*"))
            waveform = audio.load(path, sample_rate=16000, top_db=recognizer.feature.trim_db)
            [answer] = recognizer(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)])).exp()
            said = torch.tensor([float(row[f"p_{label}"]) for label in recognizer.labels])
            torch.testing.assert_close(answer, said, atol=2e-3, rtol=0)


def test_the_frozen_layers_must_stay_what_they_were(
    command: Command, few: Path, encoders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(self: EmotionRecognizer) -> None:
        if self.current_epoch == 1:
            raise Killed

    tiny = shutil.copytree(encoders / "wavlm", tmp_path / "tiny")
    settings = [*RUN, "epochs=2", f"corpus.root={few}", f"model.checkpoint={tiny}", "hydra.run.dir=run"]
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(EmotionRecognizer, "on_train_epoch_end", kill)
        command(*settings)
    weights = {name: 1.5 * weight for name, weight in load_file(tiny / "model.safetensors").items()}
    save_file(weights, tiny / "model.safetensors", metadata={"format": "pt"})
    outcome = command(*settings, "resume=true")
    assert outcome.code == 1 and "the encoder of model.checkpoint is not what it was" in outcome.output
    assert "Traceback" not in outcome.output
