from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ser.augment.base import Augment
from ser.augment.waveform import WaveformAugment
from ser.errors import ConfigError
from ser.layers.mask import frame_mask
from tests.components import make, settings
from tests.conftest import FAST, Command

NAMES = ["pitch", "speed", "shift", "room", "noise", "low_pass", "high_pass", "gain"]
RANGES = {"speed": "speed", "pitch": "pitch_semitones", "shift": "shift_s", "room": "room_rt60_s"} | {
    "noise": "noise_snr_db", "low_pass": "low_pass_hz", "high_pass": "high_pass_hz", "gain": "gain_db"
}  # fmt: skip
NEVER = {f"{name}_probability": 0.0 for name in NAMES}
ALWAYS = {f"{name}_probability": 1.0 for name in NAMES}


def made(**settings: Any) -> WaveformAugment:
    augment: WaveformAugment = make("augment/waveform", **settings)
    return augment


def batch(*lengths: int) -> tuple[Tensor, Tensor]:
    counts = torch.tensor(lengths)
    generator = torch.Generator().manual_seed(1)
    clips = 0.1 * torch.randn(len(lengths), max(lengths), generator=generator)
    return clips * frame_mask(counts, max(lengths)), counts


def level_db(waveforms: Tensor, lengths: Tensor) -> Tensor:
    return 10 * (waveforms.square().sum(dim=1) / lengths).log10()


@pytest.mark.parametrize(
    "augment", [make("augment/none"), make("augment/specaugment"), made(**NEVER)], ids=["none", "specaugment", "off"]
)
def test_waveforms_are_left_alone_and_nothing_is_drawn_for_them(augment: Augment) -> None:
    waveforms, lengths = batch(5000, 3000)
    state = torch.random.get_rng_state()
    changed, counts = augment.waveforms(waveforms, lengths)
    assert torch.equal(changed, waveforms) and torch.equal(counts, lengths)
    if not isinstance(augment, WaveformAugment):
        assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", NAMES)
def test_each_effect_by_itself_and_switched_off(name: str) -> None:
    torch.manual_seed(0)
    waveforms, lengths = batch(5000, 3000)
    alone = NEVER | {f"{name}_probability": 1.0}
    [drawn] = made(**alone).draw(2)
    assert drawn.effect.name == name and drawn.rows.tolist() == [0, 1] and RANGES[name] in drawn.parameters
    assert not torch.equal(made(**alone).waveforms(waveforms, lengths)[0], waveforms)
    assert made(**alone, **{RANGES[name]: None}).draw(2) == []
    others = {item.effect.name for item in made(**ALWAYS | {f"{name}_probability": 0.0}).draw(2)}
    assert others == set(NAMES) - {name}


def test_as_often_and_as_much_as_asked_for() -> None:
    torch.manual_seed(0)
    drawn = made(**NEVER | {"noise_probability": 0.3}, noise_snr_db=[10, 20], noise_tilt_db=[-3, -3]).draw(20_000)[0]
    assert len(drawn.rows) / 20_000 == pytest.approx(0.3, abs=0.02)
    snr_db = drawn.parameters["noise_snr_db"]
    assert 10 <= float(snr_db.min()) < 10.1 and 19.9 < float(snr_db.max()) <= 20
    assert float(snr_db.mean()) == pytest.approx(15, abs=0.2)
    assert (drawn.parameters["noise_tilt_db"] == -3).all()


def test_all_together() -> None:
    """Padding stays zero, nothing is louder than before beyond its gain, silence is silent, the input is left."""
    torch.manual_seed(0)
    waveforms, lengths = batch(9000, 8000, 700, 1, 6000)
    waveforms[4] = 0
    before = waveforms.clone()
    augment = made(**ALWAYS, gain_db=[6, 6])
    for _ in range(15):
        changed, counts = augment.waveforms(waveforms, lengths)
        assert torch.equal(waveforms, before)
        assert changed.isfinite().all()
        assert changed.shape[1] == int(counts.max()) and (counts >= 1).all()
        assert (changed[~frame_mask(counts, changed.shape[1])] == 0).all()
        assert (changed[4] == 0).all()
        assert (changed[0] != 0).any()
        assert (level_db(changed, counts)[:4] <= level_db(waveforms, lengths)[:4] + 6.01).all()
        assert (changed.abs().amax(dim=1) <= 2 * waveforms.abs().amax(dim=1)).all()


def test_clips_that_are_not_drawn_stay_as_they_are() -> None:
    torch.manual_seed(0)
    waveforms, lengths = batch(4000, 3500, 3000, 2500)
    augment = made(**NEVER | {"speed_probability": 0.5, "room_probability": 0.5})
    kept = 0
    for _ in range(10):
        drawn = augment.draw(4)
        changed, counts = augment.change(waveforms, lengths, drawn)
        rows = {row for item in drawn for row in item.rows.tolist()}
        for row in set(range(4)) - rows:
            kept += 1
            assert counts[row] == lengths[row]
            assert torch.equal(changed[row, : lengths[row]], waveforms[row, : lengths[row]])
    assert kept > 3


def test_the_same_seed_gives_the_same_result_and_another_another() -> None:
    def run(seed: int) -> Tensor:
        torch.manual_seed(seed)
        changed, _ = made(**ALWAYS, speed=[1, 1]).waveforms(*batch(5000, 3000))
        return changed

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


def test_needs_no_gradients() -> None:
    waveforms, lengths = batch(5000, 3000)
    assert not made(**ALWAYS).waveforms(waveforms.requires_grad_(), lengths)[0].requires_grad


@pytest.mark.parametrize("sample_rate", [8000, 48_000])
def test_other_sample_rates(sample_rate: int) -> None:
    changed, _ = made(**ALWAYS, sample_rate=sample_rate).waveforms(*batch(9000, 300))
    assert changed.isfinite().all() and (changed != 0).any()


@pytest.mark.parametrize(
    "settings",
    [
        {"noise_snr_db": [40, 5]},
        {"noise_snr_db": 5},
        {"noise_snr_db": [5]},
        {"gain_db": ["a", "b"]},
        {"speed": [0.0, 1.0]},
        {"room_drr_db": [float("nan"), 3.0]},
        {"high_pass_hz": [True, True]},
        {"pitch_probability": 1.5},
    ],
)
def test_a_bad_setting_is_refused_by_name(settings: dict[str, Any]) -> None:
    [name] = settings
    with pytest.raises(ConfigError, match=rf"^augment\.{name} must"):
        made(**settings)


def test_combined_does_what_its_parts_do() -> None:
    parts = {
        "waveform": settings("augment/waveform", **ALWAYS),
        "specaugment": settings("augment/specaugment", mixup=0.3),
    }
    combined = make("augment/all", **parts, n_channels=3, sample_rate=8000)
    assert combined.mixup == 0.3
    assert all((part.n_channels, part.sample_rate) == (3, 8000) for part in (combined.waveform, combined.specaugment))
    waveforms, features = batch(5000, 3000), (torch.rand(2, 12, 40), torch.tensor([40, 30]))
    pairs = (
        (combined.waveforms, made(**ALWAYS, sample_rate=8000).waveforms, waveforms),
        (combined, make("augment/specaugment", n_channels=3), features),
    )
    for whole, part, given in pairs:
        results = []
        for change in (whole, part):
            torch.manual_seed(0)
            results.append(change(*given))
        torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("augment.waveform.noise_snr_db=[40,5]", "augment.waveform.noise_snr_db must be"),
        ("augment.waveform.room_probability=2", "augment.waveform.room_probability must lie"),
        ("augment.specaugment.time_mask=2", "augment.specaugment.time_mask must lie"),
        ("augment.specaugment.mixup=much", "augment.specaugment.mixup must be a number"),
        ("+augment.waveform.echo=1", "augment.waveform.echo: no such setting"),
        ("augment.waveform=null", "augment.waveform: nothing is chosen"),
        ("augment.noise_snr_db=[5,40]", "augment.noise_snr_db: no such setting"),
    ],
)
def test_a_mistake_in_a_part_is_named_in_full(override: str, said: str, command: Command) -> None:
    outcome = command("augment=all", override, "hydra.run.dir=run")
    assert outcome.code == 1 and "Traceback" not in outcome.output
    assert said in outcome.output


def test_training_takes_changed_waveforms_and_testing_does_not(
    monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    seen: list[bool] = []
    original = WaveformAugment.waveforms

    def spied(self: WaveformAugment, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(self.training)
        return original(self, waveforms, lengths)

    monkeypatch.setattr(WaveformAugment, "waveforms", spied)
    outcome = command("augment=waveform", *FAST, "epochs=1", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert seen and all(seen)


def test_a_training_with_all_and_a_feature_of_three_channels(command: Command) -> None:
    small = ["feature=spectrogram", "feature.height=32", "model.depth=10", "model.width=8", "epochs=1"]
    outcome = command("augment=all", *small, "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert (Path("run") / "predictions.csv").exists()
