from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ser.errors import ConfigError
from ser.models.crnn import CRNN
from tests import components

BANDS, CLASSES = 12, 5


def make(**settings: Any) -> CRNN:
    """A narrow CRNN whose batch normalisations have seen something."""
    torch.manual_seed(0)
    small = {"n_bands": BANDS, "n_classes": CLASSES, "channels": 10, "hidden": 7}
    model: CRNN = components.make("model/crnn", **{**small, **settings})
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean, std=0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    return model.eval()


def clips(*lengths: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randn(length, BANDS, generator=generator) for length in lengths]
    return pad_sequence(rows, batch_first=True).transpose(1, 2), torch.tensor(lengths)


def test_equals_torchs_layers_on_a_clip_alone() -> None:
    model = make(kernel=3, pools=[2, 1])
    features, lengths = clips(21)
    x = features
    for block, pool in zip(model.convolutions, (2, 1), strict=True):
        x = F.conv1d(x, block.convolution.weight, padding=1)  # type: ignore[union-attr, arg-type]
        x = nn.ZeroPad1d((0, -x.shape[-1] % pool))(F.relu(block.norm(x)))  # type: ignore[operator]
        x = x.unflatten(-1, (-1, pool)).amax(dim=-1)
    assert x.shape == (1, 10, 11)
    states = model.recurrence(x, torch.tensor([11]))[0]  # (size, frames), against torch in test_recurrent.py
    weights = (model.pool.score.weight[0, :, 0] @ states).softmax(dim=-1)
    expected = model.output(states @ weights).log_softmax(dim=-1)
    torch.testing.assert_close(model(features, lengths)[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kernel", [1, 4, 5])
@pytest.mark.parametrize("pools", [[1], [2, 2, 2], [3, 1, 5]])
@torch.no_grad()
def test_batch_equals_single_and_padding_changes_nothing(kernel: int, pools: list[int]) -> None:
    model = make(kernel=kernel, pools=pools)
    features, lengths = clips(64, 33, 32, 31, 2, 1)
    together = model(features, lengths)
    torch.testing.assert_close(together.exp().sum(dim=-1), torch.ones(6))
    assert together.std(dim=0).min() > 1e-4  # the answers do depend on the clips
    for more in (1, 2, 3, 40):
        torch.testing.assert_close(model(F.pad(features, (0, more)), lengths), together, atol=1e-5, rtol=1e-4)
    for row, length, result in zip(features, lengths, together, strict=True):
        alone = model(row[None, :, :length], length[None])
        torch.testing.assert_close(alone[0], result, atol=1e-5, rtol=1e-4)


def test_gradients_flow_to_all_parameters() -> None:
    model = make().train()
    F.nll_loss(model(*clips(70, 50, 64, 33)), torch.tensor([0, 1, 2, 3])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 1e-9, name


def test_a_batch_of_one_frame_can_be_learnt_from() -> None:
    answer = make().train()(*clips(1))
    answer[0, 0].backward()
    assert answer.isfinite().all()


@pytest.mark.parametrize("key", ["dropout", "conv_dropout"])
def test_dropout_in_training_only(key: str) -> None:
    batch = clips(30, 30)
    model = make(**{"dropout": 0.0, "conv_dropout": 0.0, key: 0.5})
    assert torch.equal(model(*batch), model(*batch))
    for module in model.modules():
        module.training = isinstance(module, nn.Dropout)
    assert not torch.equal(model(*batch), model(*batch))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        *[("channels", 0, "got 0"), ("kernel", 0, "got 0"), ("hidden", 0, "got 0"), ("layers", 0, "got 0")],
        *[
            ("dropout", 1.0, "got 1.0"),
            ("conv_dropout", -0.1, "got -0.1"),
            ("pools", [2, 0], "between 1 and 100; got 0"),
        ],
        ("pools", [], "is empty"),
    ],
)
def test_refuses_by_name(key: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"model\.{key} .*{said}"):
        make(**{key: value})
