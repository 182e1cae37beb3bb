"""The last layer's vectors are what the answers follow from."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from ser.explanation.embedding import embed
from ser.features.base import Heard
from ser.models.base import WaveformModel
from ser.recognizer import Recognizer
from tests.components import names, settings, target
from tests.conftest import noise

LABELS = ["neutral", "sad", "angry"]
ON_FRAMES = [name for name in names("model") if not issubclass(target(f"model/{name}"), WaveformModel)]
CLIPS = noise(9000, 8000, 7000, 3000)


def recognizer(model: str, **changes: Any) -> Recognizer:
    torch.manual_seed(0)
    feature = settings("feature/melspec", n_bands=32)
    return Recognizer(feature=feature, model=settings(f"model/{model}", **changes), labels=LABELS).eval()


def batches(*sizes: int) -> list[Heard]:
    parts = np.split(np.arange(len(CLIPS)), np.cumsum(sizes)[:-1])
    return [
        Heard(pad_sequence([CLIPS[i] for i in part], batch_first=True), torch.tensor([len(CLIPS[i]) for i in part]))
        for part in parts
    ]


@pytest.mark.parametrize("model", ON_FRAMES)
@torch.no_grad()
def test_the_answers_follow_from_the_vectors(model: str) -> None:
    made = recognizer(model)
    vectors = embed(made, batches(3, 1))
    assert vectors.dtype == np.float16 and len(vectors) == len(CLIPS)
    np.testing.assert_allclose(embed(made, batches(1, 1, 2)), vectors, atol=2e-3, rtol=2e-3)
    layer: Any = made.model.output
    [everything] = batches(4)
    said = layer(torch.from_numpy(vectors).float()).log_softmax(dim=-1)
    torch.testing.assert_close(said, made(*everything), atol=5e-3, rtol=5e-3)
    assert not layer._forward_pre_hooks


@torch.no_grad()
def test_of_several_speeds_the_mean_counts() -> None:
    made = recognizer("linear", speeds=[0.9, 1.0, 1.1])
    vectors, [everything] = embed(made, batches(4)), batches(4)
    layer: Any = made.model.output
    said = layer(torch.from_numpy(vectors).float()).log_softmax(dim=-1)
    torch.testing.assert_close(said, made(*everything), atol=5e-3, rtol=5e-3)


@torch.no_grad()
def test_where_no_linear_layer_names_the_classes_the_answers_are_taken() -> None:
    made = recognizer("probe")
    layer: Any = made.model.output
    made.model.output = nn.Sequential(nn.Unflatten(1, (-1, 1)), nn.Conv1d(layer.in_features, 3, 1), nn.Flatten())
    [everything] = batches(4)
    np.testing.assert_allclose(embed(made, [everything]), made(*everything), atol=2e-3)
