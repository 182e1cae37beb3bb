"""Where a model listens is found, of models of which it is known."""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ser.explanation.occlusion import MOST_TIMES, N_BANDS, occlude
from ser.recognizer import Recognizer
from ser.runs.examples import Relevance
from tests.components import settings
from tests.conftest import noise, without_hub

RATE = 16000


class Listener(nn.Module):
    """Names the first of two emotions the surer, the louder it is between some frequencies and times; all else is
    nothing to it.
    """

    def __init__(self, hz: tuple[float, float], seconds: tuple[float, float], *, pause_s: float = 0.0) -> None:
        super().__init__()
        self.feature, self.normalization = SimpleNamespace(sample_rate=RATE), SimpleNamespace(mean=torch.zeros(1))
        self.hz, self.seconds, self.pause_s, self.heard = hz, seconds, pause_s, 0

    def forward(self, waveforms: Tensor, lengths: Tensor, speakers: Tensor) -> Tensor:
        time.sleep(self.pause_s)
        self.heard += len(waveforms)
        first, last = (round(RATE * second) for second in self.seconds)
        spectrum = torch.fft.rfft(waveforms[:, first:last]).abs().square()
        low, high = (round(hz * (last - first) / RATE) for hz in self.hz)
        energy = spectrum[:, low:high].sum(dim=1).log()
        return torch.stack([energy, torch.zeros_like(energy)], dim=1).log_softmax(dim=1)


def listened(model: Any, n_samples: int, budget_s: float = 60.0) -> Relevance | None:
    [clip] = noise(n_samples)
    return occlude(model, clip.numpy(), budget_s=budget_s)


@pytest.mark.parametrize(
    ("hz", "seconds"), [((500, 900), (0.55, 0.7)), ((3500, 4500), (1.3, 1.45)), ((0, 150), (0, 0.2))]
)
def test_the_map_finds_where_a_model_listens(hz: tuple[float, float], seconds: tuple[float, float]) -> None:
    found = listened(Listener(hz, seconds), 2 * RATE)
    assert found is not None
    values, bands, times = np.array(found.values), np.array(found.bands), np.array(found.times)
    assert values.shape == (N_BANDS, 8) == (len(bands) - 1, len(times) - 1)
    assert (times[0], times[-1], bands[0], bands[-1]) == (0, 2, 0, RATE / 2)
    in_band = (bands[1:] > 0.9 * hz[0]) & (bands[:-1] < 1.1 * hz[1])  # a cell fades into its neighbours
    in_time = (times[1:] > seconds[0] - 0.06) & (times[:-1] < seconds[1] + 0.06)
    inside = in_band[:, None] & in_time
    assert values[inside].max() == values.max() > 0.5
    assert np.abs(values[~inside]).max() < 0.02 * values.max()


def test_where_nothing_is_to_be_heard_there_is_nothing_to_silence() -> None:
    random = np.random.default_rng(0)
    clip = random.normal(size=2 * RATE) * np.repeat([0.1, 1e-3], RATE)  # the second half is the room alone
    found = occlude(Listener((0, 8000), (0, 2)), clip, budget_s=60)  # type: ignore[arg-type]
    assert found is not None
    loud, quiet = np.array(found.values)[:, :4], np.array(found.values)[:, 4:]
    assert (loud.mean(axis=0) > 0.8 * loud.mean()).all()
    assert np.abs(quiet[:, 0]).max() < 0.1 * loud.max()  # into which what is loud fades
    assert np.abs(quiet[:, 1:]).max() < 0.001 * loud.max()


@pytest.mark.parametrize("seconds", [0.1, 1.0, 4.0])
def test_the_work_is_bounded_by_the_clip_and_by_time(seconds: float) -> None:
    model = Listener((0, 8000), (0, 0.1))
    found = listened(model, round(seconds * RATE))
    assert found is not None and found.times[-1] == seconds
    assert model.heard == 1 + N_BANDS * (len(found.times) - 1) <= 1 + N_BANDS * MOST_TIMES
    slow = Listener((0, 8000), (0, 0.1), pause_s=0.05)
    if model.heard > 17:  # more than one batch
        assert listened(slow, round(seconds * RATE), budget_s=0.06) is None
        assert slow.heard == 17, "it was clear after one"


@pytest.mark.parametrize(("feature", "model"), [("melspec", "resnet"), ("melspec", "linear"), ("whisper", "svm")])
def test_any_recognizer_can_be_looked_into(feature: str, model: str) -> None:
    torch.manual_seed(0)
    own = without_hub(settings(f"feature/{feature}"))
    recognizer = Recognizer(feature=own, model=settings(f"model/{model}"), labels=["sad", "happy", "angry"]).eval()
    found = listened(recognizer, RATE // 2)
    assert found == listened(recognizer, RATE // 2)
    assert found is not None and np.abs(found.values).max() > 0
