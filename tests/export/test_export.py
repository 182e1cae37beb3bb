"""Exported models answer as PyTorch does, hold all that they need, and are written whole or not at all."""

import json
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
import torch
import yaml

from ser import load
from ser.commands import main
from ser.errors import ModelError
from ser.export import programs
from ser.export.card import card
from ser.export.fixed import FixedEncoder, Speed
from ser.export.folder import export
from ser.export.graph import Graph
from ser.export.material import Material, log_answers
from ser.export.origin import origin_of
from ser.inference.members import Member
from ser.recognizer import Recognizer
from ser.runs.predictions import Predictions
from ser.runs.report import write_report
from ser.splits.base import ALL_FOLDS
from tests.components import settings
from tests.conftest import TINY, noise
from tests.facts import facts

pytest.importorskip("onnxruntime")

LABELS = ["calm", "happy", "sad"]
LENGTHS = (9000, 16000, 1600, 21000)
MEL = {"n_bands": 32, "hop_s": 0.02}
SOLVED = {"statistics": ["mean", "deviation"], "speeds": [0.9, 1.0, 1.1]}


def recognizer(feature: dict[str, Any], model: dict[str, Any], *, seed: int = 0, **facts: Any) -> Recognizer:
    """One with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = Recognizer(feature=feature, model=model, labels=LABELS, **facts)
        for parameter in made.model.parameters():
            if parameter.ndim > 1 and not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)
    return made.eval().requires_grad_(False)


def encoder(encoders: Path, kind: str, **changes: Any) -> dict[str, Any]:
    return settings("feature/whisper", checkpoint=str(encoders / kind), **{"layer": [1, 2], "window_s": 0.1, **changes})


def resnet(**changes: Any) -> Recognizer:
    return recognizer(settings("feature/melspec", **MEL), settings("model/resnet", depth=10, width=8), **changes)


def finetune(encoders: Path) -> Recognizer:
    model = settings("model/finetune", checkpoint=str(encoders / "wav2vec2"), freeze_layers=1, hidden=8)
    made = recognizer(settings("feature/waveform"), model)
    made.reads_lower = True
    return made


def linear(encoders: Path, **changes: Any) -> Recognizer:
    return recognizer(encoder(encoders, "whisper"), settings("model/linear", **SOLVED), **changes)


def saved(made: Recognizer, path: Path, reads_lower: bool | None = None) -> Path:
    """A checkpoint as Lightning writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "hyper_parameters": made.settings,
        "state_dict": made.state_dict(),
        "SpeechData": {"lower": reads_lower},
    }
    torch.save(content, path)
    return path


def run_folder(folder: Path, made: Recognizer) -> Path:
    """A finished run of one training, whose test clips are not there."""
    saved(made, folder / "checkpoints" / "best.ckpt")
    rows = []
    for number in range(12):
        emotion, predicted = LABELS[number % 3], LABELS[number % 3 if number % 4 else 0]
        shares = {f"p_{label}": f"{0.8 if label == predicted else 0.1:.6f}" for label in LABELS}
        row = {"utterance": str(number), "path": f"/nowhere/{number}.wav", "speaker": f"s{number % 4}"}
        rows.append(row | {"emotion": emotion, "predicted": predicted, **shares, "gender": "mf"[number % 2]})
    write_report(folder, facts(corpus={"name": "ravdess"}), Predictions(rows, LABELS))
    (folder / ".hydra").mkdir()
    words = ["model=resnet", "corpus.root=/home/me/secret/ravdess", "paths.data=/home/me", "seed=1"]
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(words))
    return folder


@pytest.fixture
def run(tmp_path: Path, no_figures: None) -> Path:
    return run_folder(tmp_path / "run", resnet())


def expected(members: Sequence[Member], clips: Sequence[torch.Tensor]) -> Any:
    return np.stack([log_answers(members, clip.numpy()) for clip in clips])


def parts_of(archive: Path) -> list[bytes]:
    with zipfile.ZipFile(archive) as parts:
        return [parts.read(name) for name in parts.namelist()]


def of_onnx(folder: Path, clips: Sequence[torch.Tensor]) -> Any:
    """Answers of model.onnx for a padded batch."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "model.onnx")
    padded = torch.nn.utils.rnn.pad_sequence([*clips, torch.ones(30000)], batch_first=True)[:-1]
    padded[:, 29000:] = 1  # what comes after a clip's end has no say
    lengths = np.array([len(clip) for clip in clips])
    return session.run(None, {"samples": padded.numpy(), "lengths": lengths})[0]


def use(folder: Path, clip: torch.Tensor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the lines on a card print of a clip."""
    soundfile.write(folder / "my.wav", clip.numpy(), 16000, subtype="FLOAT")
    lines = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    capsys.readouterr()
    with monkeypatch.context() as here:
        here.chdir(folder)
        exec(lines, {})
    return capsys.readouterr().out.strip()


def test_onnx_answers_as_pytorch_for_a_recurrence_on_an_encoder_and_has_8_bits(
    encoders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of an encoder that hears a clip at one speed torch renames the weights."""
    made = recognizer(encoder(encoders, "whisper", layer=1), settings("model/lstm", hidden=8, layers=1))
    saved(made, tmp_path / "best.ckpt")
    notes = export(tmp_path / "best.ckpt", tmp_path / "out", "onnx")
    assert "noise" in notes[0]
    clips = noise(*LENGTHS)
    answers = of_onnx(tmp_path / "out", clips)
    assert answers.std() > 0.01
    model = tmp_path / "out" / "model.onnx"
    assert b".py" not in model.read_bytes(), "places on this machine"
    members = [Member(made, 1.0, "")]
    np.testing.assert_allclose(answers, expected(members, clips), atol=1e-4)
    about = json.loads((tmp_path / "out" / "config.json").read_text())
    assert about["labels"] == LABELS and about["largest_difference"] < 1e-4 and about["sample_rate"] == 16000
    with pytest.raises(ModelError, match="unrolls"):
        export(tmp_path / "best.ckpt", tmp_path / "program", "torch")
    assert not (tmp_path / "program").exists()
    assert use(tmp_path / "out", clips[2], monkeypatch, capsys) == LABELS[answers[2].argmax()]
    tried = Material([clip.numpy() for clip in clips], answers.argmax(1).tolist(), "noise")
    graph = Graph(members)
    monkeypatch.setattr(programs, "LEAST", 1.01)
    with pytest.raises(ModelError, match="GRU"):
        programs.quantize(model, graph, tried, answers, 16000)
    monkeypatch.setattr(programs, "LEAST", 0.95)
    monkeypatch.setattr(programs, "MOST_LOST", 1.0)
    scores = programs.quantize(model, graph, tried, answers, 16000)
    assert scores["uar_before"] == 1 and scores["mb_after"] < scores["mb_before"]
    np.testing.assert_allclose(of_onnx(tmp_path / "out", clips), answers, atol=0.3)


def test_onnx_of_a_mean_hears_a_clip_once(encoders: Path) -> None:
    members = [Member(linear(encoders, seed=seed), weight, "") for seed, weight in enumerate((0.3, 0.7))]
    graph = Graph(members)
    assert sum(isinstance(one, FixedEncoder) for one in graph.modules()) == 1
    clips = noise(*LENGTHS)
    padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    answers = graph.eval()(padded, torch.tensor(LENGTHS))
    np.testing.assert_allclose(answers, expected(members, clips), atol=1e-4)


@pytest.mark.parametrize("name", TINY)
@torch.no_grad()
def test_encoders_in_a_form_without_steps_that_depend_on_values(encoders: Path, name: str) -> None:
    made = recognizer(encoder(encoders, name), settings("model/probe"))
    clips = noise(*LENGTHS)
    padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    answers = Graph([Member(made, 1.0, "")]).eval()(padded, torch.tensor(LENGTHS))
    np.testing.assert_allclose(answers, expected([Member(made, 1.0, "")], clips), atol=1e-4)


@torch.no_grad()
def test_a_finetuned_encoder_is_rounded_where_the_store_has_rounded_it(encoders: Path) -> None:
    made = finetune(encoders)
    clips = noise(*LENGTHS)
    padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    answers = Graph([Member(made, 1.0, "")]).eval()(padded, torch.tensor(LENGTHS))
    np.testing.assert_allclose(answers, expected([Member(made, 1.0, "")], clips), atol=1e-5)


def test_speed_is_that_of_the_effects() -> None:
    from ser.augment import effects

    padded, lengths = torch.stack(noise(9001, 9001)), torch.tensor([9001, 5000])
    padded[1, 5000:] = 0
    for factor in (0.9, 1.0, 1.15):
        ours, counts = Speed(factor)(padded, lengths)
        theirs, wanted = effects.speed(padded, lengths, torch.full((2,), factor))
        assert counts.tolist() == wanted.tolist()
        torch.testing.assert_close(ours[:, : theirs.shape[1]], theirs, atol=1e-5, rtol=0)


def test_a_program_of_torch_and_a_model_of_8_bits_of_noise(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    export(run, tmp_path / "program", "torch")
    clips = noise(8000, 20000)
    padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    assert not any(b".py" in part for part in parts_of(tmp_path / "program" / "model.pt2")), "places on this machine"
    program = torch.export.load(tmp_path / "program" / "model.pt2").module()
    answers = program(padded, torch.tensor([8000, 20000])).numpy()
    np.testing.assert_allclose(answers, expected([Member(resnet(), 1.0, "")], clips), atol=1e-4)
    assert use(tmp_path / "program", clips[1], monkeypatch, capsys) == LABELS[answers[1].argmax()]
    with pytest.raises(ModelError, match=r"--int8: /nowhere/0.wav .* is not there; .* folder"):
        export(run, tmp_path / "int8", "onnx", int8=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["program", "run"], "nothing half-written"


def test_what_differs_is_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ser.export.programs.write_program", lambda *_: None)
    monkeypatch.setattr(
        "ser.export.programs.program_run", lambda _: lambda samples, lengths: np.zeros((len(lengths), 3))
    )
    with pytest.raises(ModelError, match=r"model.pt2 differs from PyTorch by .* nothing was written"):
        export(run, tmp_path / "out", "torch")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_safetensors_is_loaded_without_hydra_and_lightning(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "out", "safetensors")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o644}
    with pytest.raises(ModelError, match="exists"):
        export(run, tmp_path / "out", "safetensors")
    with pytest.raises(ModelError, match="out: is an exported model"):
        export(tmp_path / "out", tmp_path / "again", "safetensors")
    program = (
        "import sys, numpy, ser; model = ser.load(sys.argv[1]);"
        "print(model.labels, [name for name in ('hydra', 'omegaconf', 'pytorch_lightning') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "out")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.strip() == f"{LABELS} []"


def test_a_mean_is_loaded_as_the_same_mean_with_its_own_encoder(encoders: Path, tmp_path: Path) -> None:
    for fold in (1, 2):
        saved(linear(encoders, seed=fold), tmp_path / "run" / f"fold-{fold}" / "checkpoints" / "best.ckpt")
    export(tmp_path / "run", tmp_path / "out", "safetensors")
    about = json.loads((tmp_path / "out" / "config.json").read_text())
    assert {one["feature"]["checkpoint"] for one in about["members"]} == {"encoder/1"}
    assert (tmp_path / "out" / "encoder" / "1" / "model.safetensors").is_file()
    clip = noise(16000)[0].numpy()
    before, after = load(tmp_path / "run"), load(tmp_path / "out")
    assert [one.weight for one in after.members] == [0.5, 0.5]
    ours, theirs = (log_answers(one.members, clip) for one in (after, before))
    np.testing.assert_array_equal(ours, theirs)
    about["members"][0]["weight"] = float("nan")
    (tmp_path / "out" / "config.json").write_text(json.dumps(about))
    with pytest.raises(ModelError, match="weight"):
        load(tmp_path / "out")


def test_the_card_says_what_was_measured_and_keeps_places_to_itself(run: Path) -> None:
    from huggingface_hub import ModelCard

    told = card("mine", [Member(resnet(), 1.0, "")], origin_of(run, None), "Use it.", [])
    data = ModelCard(told).data
    assert data.license == "cc-by-nc-sa-4.0" and data.library_name == "ser-lab" and data.model_name == "mine"
    assert ModelCard(f"---\n{data.to_yaml()}\n---\n").data.to_dict() == data.to_dict()
    assert {one.metric_name for one in data.eval_results} == {"UAR", "accuracy", "macro-F1"}
    for words in ("clips |", "| gender | f |", "split hash def", "Livingstone", "seed=1"):
        assert words in told
    assert "ser train model=resnet corpus.root=ravdess seed=1" in told and "/home/me" not in told


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("corpus.root='/x/alice/my data'", "corpus.root='my data'"),
        ('corpus.root="C:/alice/mine"', 'corpus.root="mine"'),
        ("corpus.root=../alice/mine/", "corpus.root=mine"),
        ("++corpus.root=alice/mine", "++corpus.root=mine"),
        ("corpus.root=file:///home/alice/mine", "corpus.root=mine"),
        ("names=[/home/alice/a,{b:/home/alice/b},0.5]", "names=[a,{b:b},0.5]"),
        ("feature.checkpoint=openai/whisper-base", "feature.checkpoint=openai/whisper-base"),
        ("feature.checkpoint=/home/alice/whisper", "feature.checkpoint=whisper"),
        ("model.speeds=[0.9,1.0]", "model.speeds=[0.9,1.0]"),
        ("+paths.data=/home/alice", None),
    ],
)
def test_the_command_names_no_place(tmp_path: Path, written: str, told: str | None) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump([written]))
    assert shlex.split(origin_of(tmp_path, None).command)[2:] == ([told] if told else [])


def test_the_card_of_a_mean_describes_each_kind_and_claims_no_score(run: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    other = recognizer(settings("feature/melspec", **MEL), settings("model/lstm", hidden=8), seed=1)
    members = [Member(one, weight, "") for one, weight in ((resnet(), 0.25), (other, 0.5), (resnet(seed=1), 0.25))]
    origin = origin_of(run, None)
    assert origin.results
    told = card("mine", members, origin, "Use it.", [])
    assert (
        "- 0.50: Feature MelSpectrogram, model ResNet" in told and "- 0.50: Feature MelSpectrogram, model LSTM" in told
    )
    assert ModelCard(told).data.eval_results
    split = replace(origin.results.facts.split, fold=ALL_FOLDS)
    pooled = replace(origin.results, facts=replace(origin.results.facts, split=split))
    told = card("mine", members, replace(origin, results=pooled), "Use it.", [])
    assert not ModelCard(told).data.eval_results and "no test of its own" in told


def test_models_that_no_graph_holds_are_said(tmp_path: Path) -> None:
    known = resnet(speakers=["01"], prior=1.0)
    with pytest.raises(ModelError, match="normalize=speaker"):
        Graph([Member(known, 1.0, "run")])


class Hub:
    """In place of the hub's API."""

    endpoint = "https://the.hub"
    calls: ClassVar[list[tuple[str, Any]]] = []

    def whoami(self) -> None: ...

    def create_repo(self, name: str, **how: Any) -> None:
        self.calls.append((name, how))

    def upload_folder(self, repo_id: str, folder_path: Path, **how: Any) -> None:
        self.calls.append((repo_id, how["allow_patterns"]))


def test_push_asks_and_uploads(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setattr("huggingface_hub.ModelCard.validate", lambda self: None)
    monkeypatch.setattr(Hub, "calls", [])
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    assert main(["push", str(run), "me/mine"]) == 130 and not Hub.calls
    assert "Public at me/mine" in (said := capsys.readouterr().out) and "cc-by-nc-sa-4.0" in said
    assert main(["push", str(run), "me/mine", "--private", "--yes"]) == 0
    assert Hub.calls == [
        ("me/mine", {"private": True, "exist_ok": True}),
        ("me/mine", ["README.md", "config.json", "model.safetensors"]),
    ]
    assert "https://the.hub/me/mine" in capsys.readouterr().out


def test_push_takes_what_was_exported_and_nothing_else(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setattr("huggingface_hub.ModelCard.validate", lambda self: None)
    monkeypatch.setattr(Hub, "calls", [])
    export(run, tmp_path / "out", "safetensors")
    (tmp_path / "out" / "diary.txt").write_text("mine")
    assert main(["push", str(tmp_path / "out"), "me/mine", "--yes"]) == 0
    assert Hub.calls[1] == ("me/mine", ["README.md", "config.json", "model.safetensors"])
    (tmp_path / "out" / "config.json").write_text('{"format": "another"}')
    (tmp_path / "out" / "model.safetensors").unlink()
    assert main(["push", str(tmp_path / "out"), "me/mine", "--yes"]) == 1
    assert "holds no trained model" in capsys.readouterr().err and len(Hub.calls) == 2


def test_push_without_a_login_is_one_message(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub.errors import LocalTokenNotFoundError, OfflineModeIsEnabled

    def nobody(self: Hub) -> None:
        raise LocalTokenNotFoundError("none")

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setattr(Hub, "whoami", nobody)
    assert main(["push", str(run), "me/mine", "--yes"]) == 1
    assert "hf auth login" in capsys.readouterr().err
    assert main(["push", str(run / "nowhere"), "me/my name", "--yes"]) == 1
    assert "me/my name: the hub does not take it" in capsys.readouterr().err

    def offline(self: Hub) -> None:
        raise OfflineModeIsEnabled("none")

    monkeypatch.setattr(Hub, "whoami", offline)
    assert main(["push", str(run / "nowhere"), "me/mine", "--yes"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
