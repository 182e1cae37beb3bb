"""Speech encoders: the same as transformers says for each clip alone, whatever it is batched with."""

from pathlib import Path

import pytest
import torch
from conftest import TINY, noise
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoFeatureExtractor, AutoModel

from ser.encoders import SpeechEncoder

LENGTHS = (9000, 16000, 5123, 401, 400, 12345)
kinds = pytest.mark.parametrize("name", TINY)


def oracle(folder: Path, clip: Tensor) -> list[Tensor]:
    """Hidden states (frames, size) of a clip alone, by transformers' own extractor and forward pass."""
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    model = model.encoder if folder.name == "whisper" else model
    inputs = extractor(clip.numpy(), sampling_rate=16000, return_tensors="pt")
    with torch.no_grad():
        answer = model(inputs[extractor.model_input_names[0]], output_hidden_states=True)
    states = [*answer.hidden_states[:-1], answer.last_hidden_state]
    frames = -(-len(clip) // 320) if folder.name == "whisper" else states[0].shape[1]
    return [state[0, :frames] for state in states]


def batch(clips: list[Tensor]) -> tuple[Tensor, Tensor]:
    return pad_sequence(clips, batch_first=True), torch.tensor([len(clip) for clip in clips])


@kinds
@torch.no_grad()
def test_a_padded_batch_gives_what_transformers_gives_for_each_clip_alone(encoders: Path, name: str) -> None:
    encoder = SpeechEncoder.load(encoders / name)
    clips = [clip * 0.5**i + 0.1 for i, clip in enumerate(noise(*LENGTHS))]
    states, n_frames = encoder(*batch(clips))
    assert len(states) == encoder.n_layers == 4
    for row, clip in enumerate(clips):
        expected = oracle(encoders / name, clip)
        assert len(expected) == len(states)
        assert n_frames[row] == len(expected[0])
        for ours, theirs in zip(states, expected, strict=True):
            torch.testing.assert_close(ours[row, : n_frames[row]], theirs, atol=1e-5, rtol=1e-4)
