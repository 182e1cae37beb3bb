"""Whole runs of models that are solved, and with clips normalised by speaker."""

import gc
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from ser import audio, experiment
from ser.commands import main
from ser.files import read_csv
from ser.illustration import illustrate
from ser.report.embedding import make_map
from ser.runs.embeddings import read_embeddings
from ser.runs.examples import read_examples
from ser.runs.predictions import confidence, read_predictions
from ser.training.recognizer import EmotionRecognizer
from tests.conftest import Command, Outcome
from tests.test_end_to_end import FILES

SMALL = ["feature.n_bands=16", "feature.hop_s=0.02"]
BY_SPEAKER = ["split=speaker", "split.k=2", "normalize=speaker"]
LINEAR = [*BY_SPEAKER, "model=linear", "model.costs=[0.01,0.1,1]", "training.calibrate=true", *SMALL]
RBF = ["split=random", "model=svm", "model.kernel=rbf", "model.costs=[0.1,1,10]", "loss.class_weights=true", *SMALL]


@pytest.fixture
def command(command: Command, few: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command on one clip of each speaker, emotion and sentence."""
    monkeypatch.setattr("ser.calibration.FEWEST", 2)

    def run(*words: str) -> Outcome:
        root = [] if "corpus=table" in words else [f"corpus.root={few}"]
        outcome = command(*root, *words)
        gc.collect()  # the process has ended, and lets go of its lock
        return outcome

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("solved")


@pytest.fixture
def whole(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A linear model over all folds, with its examples."""
    run = folder / "whole"
    if not run.exists():
        monkeypatch.setattr(experiment, "illustrate", illustrate)
        monkeypatch.setattr("ser.runs.embeddings.MOST_CLIPS", 20)
        outcome = command(*LINEAR, "split.fold=all", f"hydra.run.dir={run}")
        assert outcome.code == 0 and "Warning" not in outcome.output, outcome.output
    return run


def read(run: Path) -> Any:
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


@torch.inference_mode()
def assert_answers_from_waveforms(run: Path, *, known: bool, atol: float = 1e-4) -> EmotionRecognizer:
    """The checkpoint's answers are the predictions.csv, for all clips at once, given who speaks or not."""
    recognizer = EmotionRecognizer.load_from_checkpoint(run / "checkpoints" / "best.ckpt", weights_only=True).eval()
    rows, feature = read_csv(run / "predictions.csv"), recognizer.feature
    clips = [audio.load(Path(row["path"]), sample_rate=feature.sample_rate, top_db=feature.trim_db) for row in rows]
    lengths = torch.tensor([len(clip) for clip in clips])
    padded = torch.zeros(len(clips), int(lengths.max()))
    for row, clip in zip(padded, clips, strict=True):
        row[: len(clip)] = torch.from_numpy(clip)
    speakers = torch.tensor([recognizer.speakers.index(row["speaker"]) + 1 for row in rows]) if known else None
    probabilities = recognizer(padded, lengths, speakers).exp().numpy()
    saved = [[float(row[f"p_{label}"]) for label in recognizer.labels] for row in rows]
    np.testing.assert_allclose(probabilities, saved, atol=atol)
    if known:
        assert np.abs(recognizer(padded, lengths).exp().numpy() - saved).max() > 0.01, "who speaks matters"
    return recognizer


def test_all_folds_are_solved_and_leave_what_every_run_leaves(whole: Path) -> None:
    for fold in (1, 2):
        own = whole / f"fold-{fold}"
        assert {path.name for path in own.iterdir()} == FILES - {"status.json", "environment.json", "report.html"}
        assert {path.name for path in (own / "checkpoints").iterdir()} == {"best.ckpt"}
        results = read(own)
        assert results["audit"]["n_known"] == results["n_test"] == 32
        assert results["audit"]["shared_speakers"] == [] and results["chosen"]["cost"] in (0.01, 0.1, 1.0)
        assert results["validation"]["epoch"] == 1 and len(read_csv(own / "history.csv")) == 1
    pooled = read(whole)
    assert pooled["chosen"] == {"cost": [read(whole / f"fold-{fold}")["chosen"]["cost"] for fold in (1, 2)]}
    assert pooled["audit"]["n_known"] == pooled["n_test"] == 64
    fitted = pooled["calibration"]["temperature"]
    assert len({1.0, *fitted}) == 3, "each fold has its own"
    report = (whole / "report.txt").read_text(encoding="utf-8")
    assert "normalize=speaker: 64 of the test clips were heard beforehand" in report
    assert "chosen on validation: cost " in report


def test_a_run_over_all_folds_leaves_its_last_layer(whole: Path) -> None:
    embeddings = read_embeddings(whole)
    assert embeddings.fold == 1 and embeddings.vectors.shape == (20, 32)
    predictions = read_predictions(whole / "fold-1" / "predictions.csv")
    tested = [row["utterance"] for row in predictions.rows]
    places = [tested.index(utterance) for utterance in embeddings.utterances]
    assert places == sorted(places), "of 32 clips 20, in their order"
    assert make_map(embeddings, read_predictions(whole / "predictions.csv"))["n_left_out"] == 12
    recognizer: Any = EmotionRecognizer.load_from_checkpoint(
        whole / "fold-1" / "checkpoints" / "best.ckpt", weights_only=True
    )
    with torch.no_grad():
        logits = recognizer.model.output(torch.from_numpy(embeddings.vectors).float())
        answers = (logits / recognizer.temperature).softmax(dim=-1)
    np.testing.assert_allclose(answers, predictions.probabilities[places], atol=0.01)


def test_a_run_over_all_folds_leaves_examples(whole: Path) -> None:
    rows = {row["utterance"]: row for row in read_csv(whole / "predictions.csv")}
    examples = read_examples(whole)
    looked_into = [example for example in examples if example.relevance]
    assert {example.kind for example in looked_into} == {"mistake", "listened"}
    for example in examples:
        row = rows[example.utterance]
        assert (example.true, example.predicted) == (row["emotion"], row["predicted"])
        assert example.probability == confidence(row)
        assert (example.kind == "mistake") == (example.true != example.predicted)
        heard = soundfile.info(whole / "examples" / example.audio)
        assert heard.duration == pytest.approx(example.duration_s, abs=1e-3)
        assert (whole / "examples" / example.spectrogram).read_bytes().startswith(b"\x89PNG")
        if example.relevance:
            assert example.relevance.times[-1] == pytest.approx(example.duration_s, abs=1e-3)
            assert np.abs(example.relevance.values).max() > 0


def test_validation_was_not_solved_from_where_it_is_told_of(whole: Path) -> None:
    """Its scores are those by which the choice was made: of the solution from the training part alone."""
    for fold in (1, 2):
        rows = read_csv(whole / f"fold-{fold}" / "validation.csv")
        right = np.mean([row["predicted"] == row["emotion"] for row in rows])
        assert right == pytest.approx(read(whole / f"fold-{fold}")["validation"]["accuracy"], abs=1e-5)
        recognizer = EmotionRecognizer.load_from_checkpoint(
            whole / f"fold-{fold}" / "checkpoints" / "best.ckpt", weights_only=True
        )
        assert recognizer.speakers == ["01", "02", "03", "04"]


def test_a_checkpoint_gives_the_predictions_for_the_files_and_who_speaks(whole: Path) -> None:
    for fold in (1, 2):
        assert_answers_from_waveforms(whole / f"fold-{fold}", known=True)


def kept(run: Path) -> dict[str, tuple[bytes, int]]:
    names = ("predictions.csv", "validation.csv", "history.csv", "split.csv", "report.txt", "checkpoints/best.ckpt")
    return {name: ((run / name).read_bytes(), (run / name).stat().st_mtime_ns) for name in names}


def test_a_finished_fold_is_left_alone_when_the_run_goes_on(command: Command, folder: Path, whole: Path) -> None:
    before = {fold: kept(whole / f"fold-{fold}") for fold in (1, 2)}
    (whole / "fold-2" / "metrics.json").unlink()
    (whole / "metrics.json").unlink()
    (whole / "status.json").unlink()
    outcome = command(*LINEAR, "split.fold=all", f"hydra.run.dir={whole}", "resume=true")
    assert outcome.code == 0, outcome.output
    assert kept(whole / "fold-1") == before[1]
    again = kept(whole / "fold-2")
    for name in ("predictions.csv", "validation.csv", "history.csv", "split.csv"):
        assert again[name][0] == before[2][name][0] and again[name][1] > before[2][name][1]
    assert outcome.output.count("chosen on validation: cost") - outcome.output.count("together") == 1, "of one fold"


class Killed(BaseException):
    """Ends a run at once, as a kill does: nothing of ours catches it."""


def test_killed_after_it_was_solved_it_ends_as_if_never_stopped(
    command: Command, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation is told by what was not solved from it, though the checkpoint was the final one already."""
    words = [*LINEAR, "hydra.run.dir=run"]

    def killed(*arguments: Any, **named: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(experiment, "write_report", killed)
        command(*words)
    gc.collect()
    outcome = command(*words, "resume=true")
    assert outcome.code == 0, outcome.output
    for name in ("predictions.csv", "validation.csv", "history.csv"):
        assert Path("run", name).read_bytes() == (whole / "fold-1" / name).read_bytes()
    assert {path.name for path in Path("run/checkpoints").iterdir()} == {"best.ckpt"}


def test_it_is_never_compared_with_what_has_not_heard_the_speakers(
    command: Command, folder: Path, whole: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plain = folder / "plain"
    outcome = command(*LINEAR, "normalize=training", f"hydra.run.dir={plain}")
    assert outcome.code == 0 and "heard beforehand" not in outcome.output
    assert read(plain)["audit"]["n_known"] == 0
    assert_answers_from_waveforms(plain, known=False)
    capfd.readouterr()
    assert main(["compare", str(plain), str(whole / "fold-1")]) == 0
    text = " ".join(capfd.readouterr().out.split())
    assert "Not comparable with the first table" in text and "normalize.by is " in text
    assert "clips of them were heard beforehand, without labels" in text


def test_a_support_vector_machine_of_rbf(command: Command) -> None:
    outcome = command(*RBF, "training.monitor=loss", "hydra.run.dir=run")
    assert outcome.code == 0 and "Warning" not in outcome.output, outcome.output
    assert list(read(Path("run"))["chosen"]) == ["gamma", "cost"]
    assert_answers_from_waveforms(Path("run"), known=False)


def test_the_layer_of_an_encoder_is_chosen(command: Command, encoders: Path) -> None:
    words = ["feature=whisper", f"feature.checkpoint={encoders / 'whisper'}", "feature.layer=best"]
    outcome = command("split=random", "model=linear", "model.costs=[0.01]", *words, "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    chosen = read(Path("run"))["chosen"]
    assert list(chosen) == ["layer", "cost"] and 0 <= chosen["layer"] < 4
    assert f"chosen on validation: layer {chosen['layer']}, cost 0.01; then solved" in outcome.output
    recognizer = assert_answers_from_waveforms(Path("run"), known=False, atol=0.01)  # the store has 16 bits
    assert int(recognizer.layer_sum.number) == chosen["layer"]  # type: ignore[arg-type]


def test_of_speakers_one_emotion_alone_may_be_known(command: Command, few: Path) -> None:
    outcome = command(*LINEAR, "normalize.emotion=neutral", "normalize.clips=1", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert read(Path("run"))["audit"]["n_known"] == 2, "one of each of two speakers"
    recognizer = assert_answers_from_waveforms(Path("run"), known=True)
    assert torch.equal(recognizer.normalization.deviation.amin(0), recognizer.normalization.deviation.amax(0))


def test_nothing_may_be_known_of_them_at_all(command: Command) -> None:
    """Then they are like the average speaker of the training part, and nobody was heard beforehand."""
    outcome = command(*LINEAR, "normalize.clips=0", "hydra.run.dir=run")
    assert outcome.code == 0 and "heard beforehand" not in outcome.output, outcome.output
    assert read(Path("run"))["audit"]["n_known"] == 0


def test_a_network_takes_normalisation_by_speaker_too(command: Command) -> None:
    outcome = command(*BY_SPEAKER, *SMALL, "model=probe", "augment=specaugment", "epochs=1", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert read(Path("run"))["audit"]["n_known"] == 32
    assert_answers_from_waveforms(Path("run"), known=True)


def test_what_is_said_to_be_known_is_what_the_last_solution_heard(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where speakers are in validation and in test, and few of their clips may be known."""
    heard = []
    solve_again = experiment.solve_again

    def watched(recognizer: Any, data: Any, solution: Any, *others: Any) -> None:
        heard.append(len(data.datasets["known"]))
        solve_again(recognizer, data, solution, *others)

    monkeypatch.setattr(experiment, "solve_again", watched)
    words = ["split=random", "model=linear", "normalize=speaker", "normalize.clips=2", *SMALL]
    assert command(*words, "hydra.run.dir=run").code == 0
    assert heard == [read(Path("run"))["audit"]["n_known"]]


def test_what_cannot_be_is_refused_before_audio_is_read(command: Command) -> None:
    rows = [f"{part}-{e}.wav,{e},{part},{part}" for part in ("train", "val", "test") for e in ("neutral", "sad")]
    for row in rows:
        Path(row.partition(",")[0]).write_bytes(b"no audio")
    Path("table.csv").write_text("\n".join(["path,emotion,speaker,split", *rows]), encoding="utf-8")
    words = ["corpus=table", "corpus.path=table.csv", "split=given", "normalize=speaker", "normalize.emotion=bored"]
    outcome = command(*words)
    assert outcome.code == 1 and "normalize.emotion must be one of neutral, sad; got 'bored'" in outcome.output
