import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from tests.components import make


def test_it_is_multinomial_regression_on_the_means() -> None:
    """With scikit-learn's coefficients it gives scikit-learn's probabilities, from a padded batch."""
    random = np.random.default_rng(0)
    clips = [random.normal(size=(6, length)) for length in random.integers(1, 20, 60)]
    targets = random.integers(3, size=60)
    means = np.stack([clip.mean(axis=1) for clip in clips])
    expected = LogisticRegression().fit(means, targets)

    probe = make("model/probe", n_bands=6, n_classes=3)
    with torch.no_grad():
        probe.output.weight.copy_(torch.from_numpy(expected.coef_))
        probe.output.bias.copy_(torch.from_numpy(expected.intercept_))
    features = torch.zeros(60, 6, 25)
    for row, clip in zip(features, clips, strict=True):
        row[:, : clip.shape[1]] = torch.from_numpy(clip)
    answers = probe(features, torch.tensor([clip.shape[1] for clip in clips]))
    np.testing.assert_allclose(answers.detach().numpy(), expected.predict_log_proba(means), atol=1e-5)


def test_a_hidden_layer_comes_before_the_mean() -> None:
    """EmoBox' head, computed by hand."""
    torch.manual_seed(0)
    probe = make("model/probe", n_bands=6, n_classes=3, hidden=4)
    assert probe.hidden is not None
    clip = torch.randn(6, 9)
    frames = torch.relu(probe.hidden.weight[:, :, 0] @ clip + probe.hidden.bias[:, None])
    expected = probe.output(frames.mean(dim=1)).log_softmax(0)
    padded = torch.cat([clip, torch.zeros(6, 5)], dim=1)
    torch.testing.assert_close(probe(padded[None], torch.tensor([9]))[0], expected)


def test_nothing_but_a_linear_layer_is_learnt() -> None:
    assert (
        sum(parameter.numel() for parameter in make("model/probe", n_bands=768, n_classes=8).parameters())
        == 768 * 8 + 8
    )
