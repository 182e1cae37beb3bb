from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ser.errors import ConfigError
from ser.models.resnet import DEPTHS, ConvNorm, ResNet
from tests import components

BANDS, CLASSES = 24, 5


def make(**settings: Any) -> ResNet:
    """A narrow ResNet whose batch normalisations have seen something."""
    torch.manual_seed(0)
    small = {"n_bands": BANDS, "n_classes": CLASSES, "width": 8, "depth": 18}
    model: ResNet = components.make("model/resnet", **{**small, **settings})
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean, std=0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    return model.eval()


def clips(*lengths: int, n_bands: int = BANDS) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randn(length, n_bands, generator=generator) for length in lengths]
    return pad_sequence(rows, batch_first=True).transpose(1, 2), torch.tensor(lengths)


def copy_conv(source: Any, target: ConvNorm) -> None:
    target.convolution.load_state_dict(source.convolution.state_dict())
    target.norm.load_state_dict(source.normalization.state_dict())


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_equals_transformers_weight_for_weight(depth: int, n_channels: int) -> None:
    from transformers import ResNetConfig, ResNetModel

    counts, bottleneck = DEPTHS[depth]
    model = make(depth=depth, n_channels=n_channels, n_bands=BANDS * n_channels)
    config = ResNetConfig(
        num_channels=n_channels,
        embedding_size=8,
        hidden_sizes=[8 * 2**stage * (4 if bottleneck else 1) for stage in range(4)],
        depths=list(counts),
        layer_type="bottleneck" if bottleneck else "basic",
        downsample_in_first_stage=False,
        downsample_in_bottleneck=False,
    )
    theirs: Any = ResNetModel(config).eval()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    copy_conv(theirs.embedder.embedder, model.stem)
    their_blocks = [block for stage in theirs.encoder.stages for block in stage.layers]
    for source, target in zip(their_blocks, model.blocks, strict=True):
        for one, other in zip(source.layer, target.convolutions, strict=True):  # type: ignore[call-overload]
            copy_conv(one, other)
        if target.shortcut is None:
            assert isinstance(source.shortcut, nn.Identity)
        else:
            copy_conv(source.shortcut, target.shortcut)  # type: ignore[arg-type]
    n_theirs = sum(parameter.numel() for parameter in theirs.parameters())
    assert sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in model.output.parameters()) == n_theirs

    features, lengths = clips(67, 67, n_bands=BANDS * n_channels)
    with torch.no_grad():
        pooled = theirs(features.reshape(2, n_channels, BANDS, 67)).pooler_output.flatten(1)
        expected = model.output(pooled).log_softmax(dim=-1)
        torch.testing.assert_close(model(features, lengths), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("pool", ["average", "attention", "recurrent"])
@torch.no_grad()
def test_batch_equals_single_and_padding_changes_nothing(depth: int, pool: str) -> None:
    model = make(depth=depth, pool=pool)
    features, lengths = clips(90, 64, 33, 32, 31, 2, 1)
    together = model(features, lengths)
    assert together.shape == (7, CLASSES)
    torch.testing.assert_close(together.exp().sum(dim=-1), torch.ones(7))
    assert together.std(dim=0).min() > 1e-3  # the answers do depend on the clips
    for more in (1, 2, 3, 40):
        padded = nn.functional.pad(features, (0, more))
        torch.testing.assert_close(model(padded, lengths), together, atol=1e-5, rtol=1e-4)
    for row, length, result in zip(features, lengths, together, strict=True):
        alone = model(row[None, :, :length], length[None])
        torch.testing.assert_close(alone[0], result, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("depth", [10, 50])
@pytest.mark.parametrize("pool", ["average", "attention", "recurrent"])
def test_gradients_flow_to_all_parameters(depth: int, pool: str) -> None:
    model = make(depth=depth, pool=pool, n_channels=3).train()
    log_probabilities = model(*clips(70, 50, 64, 33))
    nn.functional.nll_loss(log_probabilities, torch.tensor([0, 1, 2, 3])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 1e-9, name


def test_channels_are_stacked_pictures() -> None:
    """Band b of channel c is row c * height + b of a frame."""
    model = make(n_channels=3, n_bands=3 * BANDS)
    features, lengths = clips(40, n_bands=3 * BANDS)
    with torch.no_grad():
        model.stem.convolution.weight[:, 1:] = 0  # sees the first picture only
        before = model(features, lengths)
        features[:, BANDS:] = 7
        torch.testing.assert_close(model(features, lengths), before)
        features[:, :BANDS] += 1
        assert (model(features, lengths) - before).abs().max() > 1e-3


@pytest.mark.parametrize(("depth", "n_millions"), [(18, 11.2), (34, 21.3), (50, 23.5)])
def test_sizes_are_those_of_the_paper(depth: int, n_millions: float) -> None:
    with torch.device("meta"):
        model = components.make("model/resnet", n_bands=64, n_classes=1000, n_channels=3, depth=depth, width=64)
    n_parameters = sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in model.output.parameters())
    assert n_parameters / 1e6 == pytest.approx(n_millions, abs=0.05)


def test_dropout_only_in_training() -> None:
    model = make(depth=10, dropout=0.5)
    batch = clips(30, 30)
    torch.testing.assert_close(model(*batch), model(*batch))


@pytest.mark.parametrize(
    ("key", "value"),
    [("depth", 19), ("depth", 101), ("pool", "max"), ("width", 0), ("dropout", 1.0), ("dropout", -0.1)],
)
def test_refuses_by_name(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"model\.{key}.*{value}"):
        make(**{key: value})
