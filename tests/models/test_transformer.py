import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ser.errors import ConfigError
from ser.models.transformer import Transformer, positions
from tests import components

BANDS, CLASSES = 12, 5


def make(**settings: Any) -> Transformer:
    torch.manual_seed(0)
    small = {"n_bands": BANDS, "n_classes": CLASSES, "size": 16, "heads": 2, "layers": 2}
    model: Transformer = components.make("model/transformer", **{**small, **settings})
    return model.eval()


def clips(*lengths: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randn(length, BANDS, generator=generator) for length in lengths]
    return pad_sequence(rows, batch_first=True).transpose(1, 2), torch.tensor(lengths)


def test_positions() -> None:
    """Against the formula, of an even and of an odd size."""
    for size in (6, 5):
        table = positions(50, size)
        assert table.shape == (50, size)
        for token in (0, 1, 49):
            for i in range(size):
                angle = token / 10_000 ** (i % 3 / 3)
                expected = math.sin(angle) if i < 3 else math.cos(angle)
                assert float(table[token, i]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("pool", ["average", "attention"])
@torch.no_grad()
def test_equals_torchs_encoder_on_each_clip_alone(pool: str) -> None:
    """torch's stack of layers, batches first and without a mask, over the tokens of the clip alone."""
    model = make(pool=pool)
    layer = nn.TransformerEncoderLayer(16, 2, 64, activation="gelu", batch_first=True, norm_first=True)
    reference = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(16), enable_nested_tensor=False).eval()
    reference.layers.load_state_dict(model.layers.state_dict())
    reference.norm.load_state_dict(model.norm.state_dict())  # type: ignore[union-attr]
    features, lengths = clips(40, 17, 4, 1)
    answers = model(features, lengths)
    for row, length, answer in zip(features, lengths, answers, strict=True):
        clip = F.pad(row[:, :length], (0, -int(length) % 4))
        tokens = torch.stack([piece.flatten() for piece in clip.split(4, dim=1)])  # (tokens, bands * 4)
        tokens = tokens @ model.tokens.weight.flatten(1).T + model.tokens.bias
        states = reference((tokens + positions(len(tokens), 16))[None])[0]
        if pool == "average":
            pooled = states.mean(dim=0)
        else:
            weight = model.pool.score.weight[0, :, 0]  # type: ignore[union-attr, index]
            pooled = (states @ weight).softmax(dim=0) @ states  # type: ignore[operator]
        torch.testing.assert_close(answer, model.output(pooled).log_softmax(-1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("patch", [1, 4, 7])
@torch.no_grad()
def test_padding_changes_nothing(patch: int) -> None:
    model = make(patch=patch)
    features, lengths = clips(64, 33, 32, 31, 2, 1)
    together = model(features, lengths)
    for more in (1, 2, 3, 40):
        torch.testing.assert_close(model(F.pad(features, (0, more)), lengths), together, atol=1e-5, rtol=1e-4)


def test_the_answer_is_the_same_where_gradients_are_kept() -> None:
    """torch has a path of its own for inference."""
    model, batch = make(), clips(40, 17, 1)
    with torch.no_grad():
        quick = model(*batch)
    torch.testing.assert_close(model(*batch), quick)


def test_order_of_the_frames_matters() -> None:
    model = make(pool="average", patch=1)
    features, lengths = clips(20)
    assert (model(features, lengths) - model(features.flip(-1), lengths)).abs().max() > 1e-4


def test_gradients_flow_to_all_parameters() -> None:
    model = make().train()
    F.nll_loss(model(*clips(70, 50, 64, 33)), torch.tensor([0, 1, 2, 3])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("key", "value"),
    [("size", 0), ("layers", 0), ("heads", 0), ("patch", 0), ("dropout", 1.0), ("pool", "last")],
)
def test_refuses_by_name(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"model\.{key} must .*{value}"):
        make(**{key: value})


def test_refuses_a_size_that_heads_do_not_divide() -> None:
    with pytest.raises(ConfigError, match=r"model\.size must be a multiple of heads=4; got 30, try 32"):
        make(size=30, heads=4)
