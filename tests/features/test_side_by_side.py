"""Features side by side: joined alike from waveforms and from the store, and what does not go together."""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ser.config.build import build
from ser.errors import ConfigError
from ser.features.base import FrozenFeature
from ser.features.side_by_side import SideBySide
from ser.preparation import prepare
from ser.store.frozen import load_frames
from ser.training.recognizer import EmotionRecognizer
from tests.components import make, settings
from tests.conftest import Command, assert_padding_changes_nothing, configured, noise
from tests.frozen import FrozenNoise

SUMS = {"_target_": "tests.frozen.FrozenSums"}


def tiny(encoders: Path, name: str, **changes: Any) -> dict[str, Any]:
    return settings(f"feature/{name}", checkpoint=str(encoders / name), trim_db=None, **changes)


def beside(*parts: dict[str, Any]) -> SideBySide:
    made: SideBySide = make("feature/side_by_side", parts={f"part{number}": part for number, part in enumerate(parts)})
    return made


def test_frames_stand_side_by_side_and_one_alone_is_repeated(encoders: Path) -> None:
    parts = [tiny(encoders, "whisper"), SUMS, tiny(encoders, "wavlm", layer=2)]
    feature = beside(*parts)
    assert feature.n_bands == 24 + 3 + 24 and feature.frame_rate == 50.0
    for clip in noise(9000, 500, 100):
        frames, [count] = feature(clip[None], torch.tensor([len(clip)]))
        alone = [build("feature", part)(clip[None], torch.tensor([len(clip)]))[0][0] for part in parts]
        assert count == min(alone[0].shape[1], alone[2].shape[1]) == frames.shape[2]
        expected = torch.cat([alone[0][:, :count], alone[1].expand(-1, count), alone[2][:, :count]])
        torch.testing.assert_close(frames[0], expected)
        joined = feature.join([one.numpy() for one in alone])
        assert joined.shape == expected.shape
        np.testing.assert_array_equal(np.asarray(joined), expected)
    assert_padding_changes_nothing(feature, noise(9000, 500, 4000), atol=1e-4)


def test_one_frame_a_clip_beside_another() -> None:
    feature = beside(SUMS, SUMS)
    assert feature.frame_rate is None and feature.notice == "sums are free"
    frames, counts = feature(torch.stack(noise(800, 800)), torch.tensor([800, 400]))
    assert frames.shape == (2, 6, 1) and counts.tolist() == [1, 1]
    torch.testing.assert_close(frames[:, :3], frames[:, 3:])


class At200Hz(FrozenNoise):
    """Another frame rate."""

    frame_rate = 200.0


def refused(parts: Sequence[dict[str, Any]], said: str) -> None:
    with pytest.raises(ConfigError, match=rf"^feature\.parts{said}"):
        beside(*parts)


def test_what_does_not_go_together_is_refused(encoders: Path) -> None:
    whisper = tiny(encoders, "whisper")
    refused([whisper], ": name two features at least")
    refused([whisper, settings("feature/melspec")], r"\.part1: only encoders and hand-made features")
    refused([whisper, settings("feature/side_by_side", parts={"a": SUMS, "b": SUMS})], r"\.part1: only encoders")
    refused([whisper, tiny(encoders, "wavlm", layer="weighted")], r"\.part1\.layer: all layers")
    refused([whisper, tiny(encoders, "wavlm", layer=9)], r"\.part1\.layer must lie between 0 and 3; got 9")
    refused([SUMS, {**whisper, "trim_db": 30.0}], ": .* the same trim_db; got part0 null, part1 30.0; set it alike")
    noises = [{"_target_": f"tests.{name}"} for name in ("frozen.FrozenNoise", "features.test_side_by_side.At200Hz")]
    refused([*noises, SUMS], ": .* the same frame_rate; got part0 100.0, part1 200.0")


def test_each_part_is_kept_by_itself_and_a_checkpoint_hears_both(
    few: Path, encoders: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ser.experiment import run

    caplog.set_level(logging.INFO, "ser")
    monkeypatch.setattr("ser.runs.figures.curves", lambda *_, **__: None)
    monkeypatch.setattr("ser.runs.figures.confusion", lambda *_, **__: None)
    words = ["corpus=ravdess", "split=random", "augment=none", "model=probe", "epochs=1", f"corpus.root={few}"]
    config = configured(*words, f"paths.store={tmp_path / 'store'}")
    whisper = tiny(encoders, "whisper")
    config.feature = settings("feature/side_by_side", parts={"whisper": whisper, "sums": SUMS})
    folder = tmp_path / "run"
    folder.mkdir()
    run(config, folder)
    assert caplog.text.count("sums are free") == 1
    assert len(list((tmp_path / "store").glob("frames-*"))) == 2
    prepared = prepare(config, folder)
    for part in (whisper, SUMS):  # alone, it finds its frames
        alone: FrozenFeature = build("feature", part)
        caplog.clear()
        load_frames(alone, prepared.recordings, tmp_path / "store", device=torch.device("cpu"), precision="32")
        assert "computed" not in caplog.text
    recognizer = EmotionRecognizer.load_from_checkpoint(folder / "checkpoints/best.ckpt", weights_only=True).eval()
    with (folder / "predictions.csv").open() as file:
        for row in list(csv.DictReader(file))[:3]:
            clip = torch.from_numpy(np.array(prepared.recordings.waveforms[row["utterance"]]))
            with torch.no_grad():
                [answer] = recognizer(clip[None], torch.tensor([len(clip)])).exp()
            expected = [float(row[f"p_{label}"]) for label in recognizer.labels]
            torch.testing.assert_close(answer, torch.tensor(expected), atol=1e-3, rtol=0)


def test_on_the_command_line(command: Command, encoders: Path) -> None:
    both = ["feature=[whisper,wavlm]", "--cfg=job"]
    outcome = command(*both, "feature.parts.wavlm.layer=3")
    assert outcome.code == 0, outcome.output
    assert "ser.features.side_by_side.SideBySide" in outcome.output and "layer: 3" in outcome.output
    for word, said in {
        "feature=[whisper,wavlm],melspec": "cannot be one of several values",
        "feature=[whisper,whisper]": "names a feature twice",
        "feature=[whisper,absent]": "feature=absent: no such feature; choose from",
    }.items():
        outcome = command(word)
        assert outcome.code == 1 and said in outcome.output and "Traceback" not in outcome.output
