import pytest
import torch

from ser.errors import ConfigError
from ser.models.crnn2d import CRNN2d


def make(**settings: object) -> CRNN2d:
    torch.manual_seed(0)
    return CRNN2d(n_bands=20, n_classes=3, channels=[4, 6, 8, 8], size=8, hidden=8, **settings).eval()  # type: ignore[arg-type]


@torch.no_grad()
def test_an_eighth_of_the_frames_is_left_and_the_last_one_counts() -> None:
    model = make()
    seen = []
    model.recurrence.register_forward_hook(lambda _, inputs, output: seen.append((output.shape[-1], inputs[1])))
    features = torch.randn(1, 20, 65)
    answer = model(features, torch.tensor([65]))
    [(n_frames, lengths)] = seen
    assert (n_frames, lengths.tolist()) == (9, [9])
    features[:, :, -1] += 3
    assert (model(features, torch.tensor([65])) - answer).abs().max() > 1e-6


@torch.no_grad()
def test_channels_of_a_feature_are_channels_of_the_picture() -> None:
    """Bands 0 to 9 of the two pictures lie one upon the other, not side by side."""
    model = CRNN2d(n_bands=20, n_channels=2, n_classes=3, channels=[4], size=8, hidden=8).eval()
    assert model.stem.weight.shape == (4, 2, 5, 5)
    assert model.projection.in_features == 4 * 5


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.channels is empty"):
        CRNN2d(n_bands=20, n_classes=3, channels=[])
    with pytest.raises(ConfigError, match=r"model\.channels must lie between 1 and 4096; got 0"):
        CRNN2d(n_bands=20, n_classes=3, channels=[4, 0])
    with pytest.raises(ConfigError, match=r"model\.dropout must lie between"):
        CRNN2d(n_bands=20, n_classes=3, dropout=1.0)
