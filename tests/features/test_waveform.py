import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from ser.errors import ConfigError
from ser.features.waveform import Waveform
from tests.components import make
from tests.conftest import noise


def test_gives_the_samples_as_they_are() -> None:
    clips = noise(900, 300)
    waveforms, lengths = pad_sequence(clips, batch_first=True), torch.tensor([900, 300])
    frames, n_frames = make("feature/waveform")(waveforms, lengths)
    assert frames.shape == (2, Waveform.n_bands, 900)
    assert torch.equal(frames[:, 0], waveforms) and torch.equal(n_frames, lengths)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"sample_rate": 0}, "sample_rate"), ({"trim_db": 0.0}, "trim_db"), ({"trim_db": 201.0}, "trim_db")],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], name: str) -> None:
    with pytest.raises(ConfigError, match=rf"feature\.{name} must lie between"):
        make("feature/waveform", **settings)


def test_a_clip_may_stay_untrimmed() -> None:
    assert make("feature/waveform", trim_db=None).trim_db is None
