"""Speech encoders: the same as transformers says for each clip alone, whatever it is batched with."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoFeatureExtractor,
    AutoModel,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2Processor,
    WhisperProcessor,
    WhisperTokenizer,
)

from ser.encoders import Description, SpeechEncoder
from ser.encoders.folder import fetch_into
from ser.encoders.weights import weights_digest
from ser.errors import EncoderError
from tests.conftest import TINY, TINY_WAV2VEC, noise

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


@pytest.mark.parametrize("window_s", [0, 0.1, 1, 29.9, 30])
@torch.no_grad()
def test_whisper_hears_as_much_silence_as_its_window_says(encoders: Path, window_s: float) -> None:
    encoder = SpeechEncoder.load(encoders / "whisper", window_s=window_s)
    clips = noise(*LENGTHS, 32000)
    states, n_frames = encoder(*batch(clips))
    assert states[0].shape[1] == max(n_frames)
    extractor = AutoFeatureExtractor.from_pretrained(encoders / "whisper")
    model = AutoModel.from_pretrained(encoders / "whisper").encoder.eval()
    positions = model.embed_positions.weight.detach()
    for row, clip in enumerate(clips):
        mel = extractor(clip.numpy(), sampling_rate=16000, return_tensors="pt").input_features
        n_heard = min(int(n_frames[row]) + round(50 * window_s), len(positions))
        # transformers refuses a short input, but not one that is all its encoder has positions for.
        model.config.max_source_positions = n_heard
        model.embed_positions = torch.nn.Embedding.from_pretrained(positions[:n_heard])
        answer = model(mel[..., : 2 * n_heard], output_hidden_states=True)
        for ours, theirs in zip(states, [*answer.hidden_states[:-1], answer.last_hidden_state], strict=True):
            torch.testing.assert_close(ours[row, : n_frames[row]], theirs[0, : n_frames[row]], atol=1e-5, rtol=1e-4)


@kinds
@torch.no_grad()
def test_a_short_clip_is_padded_to_one_frame(encoders: Path, name: str) -> None:
    encoder = SpeechEncoder.load(encoders / name)
    field = encoder.description.receptive_field
    clip = noise(100)[0]
    states, n_frames = encoder(clip[None], torch.tensor([100]))
    assert n_frames.tolist() == [1]
    assert states[0].shape == (1, 1, encoder.size)
    if name != "whisper":
        extractor, model = (cls.from_pretrained(encoders / name) for cls in (AutoFeatureExtractor, AutoModel))
        inputs = extractor(clip.numpy(), sampling_rate=16000, return_tensors="pt").input_values
        expected = model.eval()(torch.nn.functional.pad(inputs, (0, field - 100))).last_hidden_state
        torch.testing.assert_close(states[-1], expected, atol=1e-5, rtol=1e-4)
    together, counts = encoder(*batch([clip, noise(field + 5 * encoder.hop)[0]]))
    assert counts.tolist() == [1, 6]
    torch.testing.assert_close(together[-1][:1, :1], states[-1], atol=1e-5, rtol=1e-4)


@kinds
@torch.no_grad()
def test_layers_above_the_wanted_one_are_not_computed(encoders: Path, name: str) -> None:
    encoder = SpeechEncoder.load(encoders / name)
    waveforms, lengths = batch(noise(*LENGTHS))
    states, _ = encoder(waveforms, lengths)
    above: list[int] = []
    for number, layer in enumerate(encoder.layers):
        layer.register_forward_hook(lambda *_, number=number: above.append(number))
    fewer, _ = encoder(waveforms, lengths, last=1)
    assert above == [0]
    assert len(fewer) == 2
    for ours, theirs in zip(fewer, states, strict=False):
        torch.testing.assert_close(ours, theirs, atol=0, rtol=0)


@kinds
@torch.no_grad()
def test_freezing_changes_nothing_but_speed(encoders: Path, name: str) -> None:
    encoder = SpeechEncoder.load(encoders / name)
    waveforms, lengths = batch(noise(*LENGTHS))
    states, _ = encoder(waveforms, lengths)
    frozen, _ = encoder.freeze()(waveforms, lengths)
    torch.testing.assert_close(frozen[-1], states[-1], atol=1e-6, rtol=1e-5)
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not encoder.training


@kinds
@torch.no_grad()
def test_a_long_clip_is_heard_in_windows(encoders: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = SpeechEncoder.load(encoders / name)
    clip = noise(7 * 16000 + 123)[0]
    lengths = torch.tensor([len(clip), 20000])
    waveforms = pad_sequence([clip, noise(20000)[0]], batch_first=True)
    whole, n_frames = encoder(waveforms, lengths, last=1)
    monkeypatch.setattr("ser.encoders.description.WINDOW_S", 2)
    sizes: list[int] = []
    encoder.layers[0].register_forward_hook(lambda layer, args, out: sizes.append(args[0].shape[1]))
    parts, counts = encoder(waveforms, lengths, last=1)
    assert torch.equal(counts, n_frames)
    assert max(sizes) <= 100
    for state, other in zip(parts, whole, strict=True):
        assert state.shape == other.shape
        assert state.isfinite().all()
        if name != "whisper":  # which hears no more than a window at once
            difference = (state - other)[0, 20 : n_frames[0] - 20].abs().mean()
            assert difference < 0.1 * other[0].std()


@torch.no_grad()
@pytest.mark.parametrize("n_samples", [32000, 32001, 32079, 32080, 33000, 47999, 64000, 100000])
@kinds
def test_windows_have_as_many_frames_as_the_rule_says(
    encoders: Path, name: str, n_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser.encoders.description.WINDOW_S", 2)
    encoder = SpeechEncoder.load(encoders / name)
    states, n_frames = encoder(torch.randn(1, n_samples), torch.tensor([n_samples]), last=0)
    expected = -(-n_samples // 320) if name == "whisper" else (n_samples - 400) // 320 + 1
    assert n_frames.tolist() == [expected] == [states[0].shape[1]]


@kinds
def test_it_can_be_trained(encoders: Path, name: str) -> None:
    encoder = SpeechEncoder.load(encoders / name)
    waveforms, lengths = batch(noise(16000, 9000))
    states, _ = encoder(waveforms, lengths)
    states[-1].square().mean().backward()
    idle = ["masked_spec_embed", "embed_positions", "k_proj.bias", "gru_rel_pos"]
    for key, parameter in encoder.named_parameters():
        if not any(word in key for word in idle):
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", ["wav2vec2", "wavlm"])
@torch.no_grad()
def test_layerdrop_and_time_masking_act_in_training_alone(encoders: Path, name: str) -> None:
    encoder = SpeechEncoder.load(encoders / name)
    encoder.model.config.layerdrop, encoder.model.config.mask_time_prob = 1.0, 0.0
    waveforms, lengths = batch(noise(16000, 9000))
    plain, _ = encoder(waveforms, lengths)
    assert not torch.equal(plain[2], plain[1])
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    dropped, _ = encoder.train()(waveforms, lengths)
    first = 1 if name == "wavlm" else 0  # whose first layer is never dropped
    torch.testing.assert_close(dropped[first + 1], dropped[first])
    encoder.model.config.layerdrop, encoder.model.config.mask_time_prob = 0.0, 0.9
    masked, _ = encoder(waveforms, lengths)
    assert not torch.allclose(masked[0], plain[0])
    short, _ = encoder(waveforms[:, :800], torch.tensor([800, 700]))  # shorter than a mask
    assert short[0].isfinite().all()


@kinds
def test_an_encoder_is_made_again_from_plain_values(encoders: Path, name: str) -> None:
    encoder = SpeechEncoder.load(encoders / name)
    description = Description.read(encoders / name)
    config, extractor = json.loads(json.dumps([description.config, description.extractor]))
    other = SpeechEncoder.from_config(config, extractor)
    clips = batch(noise(*LENGTHS))
    with torch.no_grad():
        assert not torch.allclose(other(*clips)[0][-1], encoder(*clips)[0][-1])
        other.load_state_dict(encoder.state_dict())
        torch.testing.assert_close(other(*clips)[0][-1], encoder(*clips)[0][-1], atol=0, rtol=0)
    assert (other.size, other.n_layers, other.hop, other.frame_rate) == (24, 4, 320, 50.0)


@torch.no_grad()
def test_half_precision_weights_are_used_in_single(encoders: Path, tmp_path: Path) -> None:
    shutil.copytree(encoders / "wav2vec2", tmp_path / "half")
    AutoModel.from_pretrained(encoders / "wav2vec2", dtype=torch.float16).save_pretrained(tmp_path / "half")
    assert {parameter.dtype for parameter in SpeechEncoder.load(tmp_path / "half").parameters()} == {torch.float32}


@torch.no_grad()
def test_shards_and_a_batch_norm_for_positions(tmp_path: Path) -> None:
    """As mHuBERT has it: normalisation before the positional convolution must not fill the padding."""
    from transformers import AutoConfig, Wav2Vec2FeatureExtractor

    config = AutoConfig.for_model("hubert", **TINY_WAV2VEC, **TINY["hubert"], conv_pos_batch_norm=True)
    model = AutoModel.from_config(config).eval()
    model.encoder.pos_conv_embed.batch_norm.bias.data += 1
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    clips = noise(*LENGTHS)
    states, n_frames = SpeechEncoder.load(tmp_path)(*batch(clips))
    for row, clip in enumerate(clips):
        torch.testing.assert_close(states[-1][row, : n_frames[row]], oracle(tmp_path, clip)[-1], atol=1e-5, rtol=1e-4)
    next(tmp_path.glob("model-00002-*.safetensors")).unlink()
    with pytest.raises(EncoderError, match="lacks model-00002-of"):
        SpeechEncoder.load(tmp_path)


def broken(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-500])


def pickle(folder: Path) -> None:
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def save_processor(folder: Path, *, is_whisper: bool) -> None:
    """Leave a folder as transformers' processor of an encoder writes it, instead of its feature extractor alone."""
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    (folder / "preprocessor_config.json").unlink()
    words = {"<pad>": 0, "<unk>": 1, "|": 2, "a": 3, "<|endoftext|>": 4}
    (folder / "vocab.json").write_text(json.dumps(words))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    if is_whisper:
        tokenizer = WhisperTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
        WhisperProcessor(extractor, tokenizer).save_pretrained(folder)
    else:
        tokenizer = Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), unk_token="<unk>", pad_token="<pad>")
        Wav2Vec2Processor(extractor, tokenizer).save_pretrained(folder)


@kinds
@pytest.mark.parametrize("with_older_file", [False, True])
def test_what_a_processor_of_transformers_saves_is_read(
    encoders: Path, tmp_path: Path, name: str, with_older_file: bool
) -> None:
    folder = shutil.copytree(encoders / name, tmp_path / name)
    save_processor(folder, is_whisper=name == "whisper")
    assert not (folder / "preprocessor_config.json").exists()
    if with_older_file:  # as transformers does, the newer one is believed
        (folder / "preprocessor_config.json").write_text('{"sampling_rate": 8000}')
    theirs = AutoFeatureExtractor.from_pretrained(folder).to_dict()
    ours = Description.read(folder)
    assert ours.extractor == Description.read(encoders / name).extractor
    assert ours.extractor == {key: theirs[key] for key in ours.extractor}
    assert weights_digest(folder) != weights_digest(encoders / name)  # of other files
    fetch_into(tmp_path / "copy", str(folder), None, allow_pickle=False)
    assert Description.read(tmp_path / "copy").extractor == ours.extractor


def test_a_processor_that_says_nothing_of_the_extractor_is_passed_over(encoders: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(encoders / "wavlm", tmp_path / "wavlm")
    (folder / "processor_config.json").write_text('{"processor_class": "Wav2Vec2Processor"}')
    assert Description.read(folder).extractor == Description.read(encoders / "wavlm").extractor
    (folder / "processor_config.json").write_text('{"feature_extractor": "Wav2Vec2FeatureExtractor"}')
    with pytest.raises(EncoderError, match=r"processor_config\.json: is broken"):
        Description.read(folder)


def foreign(folder: Path) -> None:
    shutil.copy(folder / "../bert/model.safetensors", folder)


MISTAKES = {
    "holds no config.json": lambda folder: (folder / "config.json").unlink(),
    "holds no preprocessor_config.json": lambda folder: (folder / "preprocessor_config.json").unlink(),
    "config.json: is broken": lambda folder: broken(folder, "config.json", "{"),
    "preprocessor_config.json: is broken": lambda folder: broken(folder, "preprocessor_config.json", "[]"),
    "is of the kind unknown": lambda folder: broken(folder, "config.json", "{}"),
    "its config.json cannot be used": lambda folder: broken(
        folder, "config.json", '{"model_type": "wavlm", "hidden_size": "big"}'
    ),
    "holds no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "holds its weights as a pickle alone": pickle,
    "model.safetensors: is damaged": cut,
    "the weights lack": foreign,
    "hidden_size must be a whole number above 0; got 0": lambda folder: broken(
        folder, "config.json", '{"model_type": "wavlm", "hidden_size": 0}'
    ),
    r"conv_stride\[0\] must be a whole number above 0; got 0": lambda folder: broken(
        folder, "config.json", re.sub(r'("conv_stride": \[\s*)\d+', r"\g<1>0", (folder / "config.json").read_text())
    ),
    "sampling_rate must be a whole number above 0; got 'high'": lambda folder: broken(
        folder, "preprocessor_config.json", '{"sampling_rate": "high"}'
    ),
    "the weights cannot be loaded": lambda folder: broken(
        folder,
        "config.json",
        (folder / "config.json").read_text().replace('"intermediate_size": 32', '"intermediate_size": 8'),
    ),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_folder_that_lacks_something_is_one_message(encoders: Path, tmp_path: Path, message: str) -> None:
    shutil.copytree(encoders / "wavlm", tmp_path / "wavlm")
    shutil.copytree(encoders / "bert", tmp_path / "bert")
    MISTAKES[message](tmp_path / "wavlm")
    with pytest.raises(EncoderError, match=message) as caught:
        SpeechEncoder.load(tmp_path / "wavlm")
    assert "\n" not in str(caught.value)


def test_a_pickle_is_read_where_it_is_allowed_and_runs_no_code(encoders: Path, tmp_path: Path) -> None:
    folder = tmp_path / "wavlm"
    shutil.copytree(encoders / "wavlm", folder)
    pickle(folder)
    ours, theirs = SpeechEncoder.load(folder, allow_pickle=True), SpeechEncoder.load(encoders / "wavlm")
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), atol=0, rtol=0)
    torch.save({"weight": Path("code")}, folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="the weights cannot be loaded"):
        SpeechEncoder.load(folder, allow_pickle=True)


@pytest.mark.parametrize("name", ["wav2vec2", "wavlm", "whisper"])
def test_published_checkpoints_have_heads_and_older_names(encoders: Path, tmp_path: Path, name: str) -> None:
    """A head on top, whose weights are not needed, and torch's former names for normalised weights."""
    from safetensors.torch import load_file, save_file

    prefix = "model" if name == "whisper" else name
    older = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    tensors = {"lm_head.weight": torch.zeros(30, 24), "lm_head.bias": torch.zeros(30)}
    for key, tensor in load_file(encoders / name / "model.safetensors").items():
        for new, old in older.items():
            key = key.replace(new, old)
        tensors[f"{prefix}.{key}"] = tensor
    assert name == "whisper" or any(key.endswith("weight_g") for key in tensors)
    shutil.copytree(encoders / name, tmp_path / name)
    save_file(tensors, tmp_path / name / "model.safetensors", {"format": "pt"})
    ours, plain = SpeechEncoder.load(tmp_path / name).state_dict(), SpeechEncoder.load(encoders / name).state_dict()
    torch.testing.assert_close(ours, plain, atol=0, rtol=0)
