from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from ser.errors import ConfigError
from ser.layers.recurrence import Recurrence
from tests.components import make

BANDS, CLASSES = 12, 5
CELLS: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU}

both = pytest.mark.parametrize("name", ["lstm", "gru"])


def clips(*lengths: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randn(length, BANDS, generator=generator) for length in lengths]
    return pad_sequence(rows, batch_first=True).transpose(1, 2), torch.tensor(lengths)


def torchs(recurrence: Recurrence, cell: Any, *, bidirectional: bool) -> nn.RNNBase:
    """torch's own stacked layers with the same weights."""
    n_layers = len(recurrence.layers)
    hidden = recurrence.size // (1 + bidirectional)
    reference: nn.RNNBase = cell(BANDS, hidden, n_layers, batch_first=True, bidirectional=bidirectional)
    for number, layer in enumerate(recurrence.layers):
        for single, ending in zip(layer.children(), ("", "_reverse"), strict=False):
            for name, weight in single.state_dict().items():
                getattr(reference, name.replace("_l0", f"_l{number}{ending}")).data.copy_(weight)
    assert sum(p.numel() for p in reference.parameters()) == sum(p.numel() for p in recurrence.parameters())
    return reference


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("n_layers", [1, 3])
@both
def test_states_are_torchs_of_each_clip_alone(name: str, n_layers: int, bidirectional: bool) -> None:
    torch.manual_seed(0)
    settings = {"hidden": 7, "layers": n_layers, "bidirectional": bidirectional}
    model = make(f"model/{name}", n_bands=BANDS, n_classes=CLASSES, **settings).eval()
    reference = torchs(model.recurrence, CELLS[name], bidirectional=bidirectional)
    features, lengths = clips(4, 19, 1, 30)
    states = model.recurrence(features, lengths)
    for row, length, result in zip(features, lengths, states, strict=True):
        alone, _ = reference(row[None, :, :length].transpose(1, 2))
        torch.testing.assert_close(result[:, :length], alone[0].T, atol=1e-6, rtol=1e-5)


@both
def test_gradients_are_those_of_packed_sequences(name: str) -> None:
    torch.manual_seed(0)
    recurrence = Recurrence(CELLS[name], BANDS, 7, layers=2)
    reference = torchs(recurrence, CELLS[name], bidirectional=True)
    features, lengths = clips(4, 19, 1)
    weights = torch.randn(3, 14, 19) * (torch.arange(19) < lengths[:, None])[:, None]
    (recurrence(features, lengths) * weights).sum().backward()
    packed = pack_padded_sequence(features.transpose(1, 2), lengths, batch_first=True, enforce_sorted=False)
    states, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    (states.transpose(1, 2) * weights).sum().backward()
    for number, layer in enumerate(recurrence.layers):
        for single, ending in zip(layer.children(), ("", "_reverse"), strict=True):
            for name, parameter in single.named_parameters():
                expected = getattr(reference, name.replace("_l0", f"_l{number}{ending}")).grad
                torch.testing.assert_close(parameter.grad, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("bidirectional", [True, False])
@both
def test_pooling(name: str, bidirectional: bool) -> None:
    """Each by hand, from torch's states of the clip alone; `last` is torch's h_n of the last layer."""
    for pool in ("last", "average", "attention"):
        torch.manual_seed(0)
        settings = {"hidden": 7, "bidirectional": bidirectional, "pool": pool}
        model = make(f"model/{name}", n_bands=BANDS, n_classes=CLASSES, **settings).eval()
        reference = torchs(model.recurrence, CELLS[name], bidirectional=bidirectional)
        features, lengths = clips(4, 19, 1)
        answers = model(features, lengths)
        for row, length, answer in zip(features, lengths, answers, strict=True):
            states, ends = reference(row[None, :, :length].transpose(1, 2))
            states = states[0]  # (frames, size)
            h_n = ends[0] if name == "lstm" else ends  # (layers * directions, 1, hidden)
            if pool == "last":
                pooled = h_n[-(1 + bidirectional) :, 0].flatten()
            elif pool == "average":
                pooled = states.mean(dim=0)
            else:
                weights = (states @ model.pool.score.weight[0, :, 0]).softmax(dim=0)
                pooled = weights @ states
            torch.testing.assert_close(answer, model.output(pooled).log_softmax(-1), atol=1e-6, rtol=1e-5)


@both
def test_padding_is_never_heard(name: str) -> None:
    model = make(f"model/{name}", n_bands=BANDS, n_classes=CLASSES, hidden=7).eval()
    features, lengths = clips(4, 19, 1)
    torch.testing.assert_close(model(F.pad(features, (0, 50)), lengths), model(features, lengths))


def test_dropout_in_training_only() -> None:
    batch = clips(9, 5)
    model = make("model/gru", n_bands=BANDS, n_classes=CLASSES, hidden=16, dropout=0.5)
    assert not torch.equal(model.train()(*batch), model(*batch))
    assert torch.equal(model.eval()(*batch), model(*batch))


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden", 0), ("layers", 0), ("layers", 17), ("dropout", 1.0), ("pool", "max")],
)
@both
def test_refuses_by_name(name: str, key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"model\.{key} must .*{value}"):
        make(f"model/{name}", n_bands=BANDS, n_classes=CLASSES, **{key: value})
