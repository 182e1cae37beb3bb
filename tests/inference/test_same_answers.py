"""A trained model answers for a file what its own test has said of it, whatever the kind of model."""

import gc
from pathlib import Path

import numpy as np
import pytest
import soundfile

import ser
from ser.commands import main
from ser.errors import AudioError, ModelError, PredictError, SettingError
from ser.files import read_csv
from ser.inference.prediction import Prediction
from ser.inference.predictor import How, Predictor
from ser.metrics import Floats
from tests.conftest import FAST, Command

SMALL = ["feature.n_bands=16", "feature.hop_s=0.02"]
TWO_FOLDS = ["split=kfold", "split.k=2", "split.fold=all"]


@pytest.fixture
def trained(command: Command, few: Path, encoders: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Runs of every kind, by name; some with a temperature."""
    monkeypatch.setattr("ser.calibration.FEWEST", 2)
    calibrated = "training.calibrate=true"
    whisper = [f"feature.checkpoint={encoders / 'whisper'}", "feature.layer=[1,2]"]
    wav2vec = [f"feature.checkpoint={encoders / 'wav2vec2'}", "feature.layer=weighted"]
    hubert = [
        f"model.checkpoint={encoders / 'hubert'}",
        "model.freeze_layers=1",
        "model.time_masking=false",
        "training.ema_decay=0.9",
    ]
    kinds = {
        "resnet": [*TWO_FOLDS, *FAST[:-1], "epochs=1"],
        "linear": ["model=linear", "feature=whisper", *whisper, "model.speeds=[0.9,1.0]", "model.costs=[0.1]"],
        "lstm": ["model=lstm", "feature=wav2vec", *wav2vec, "model.hidden=8", "epochs=1", calibrated],
        "finetune": ["model=finetune", "feature=waveform", *hubert, "augment=none", "epochs=1", calibrated],
        "speaker": ["model=linear", "normalize=speaker", "split=speaker", "split.k=2", "model.costs=[0.1]", *SMALL],
        "svm": [*TWO_FOLDS, "model=svm", "model.costs=[1.0]", "augment=none", calibrated, *SMALL],
    }
    for name, words in kinds.items():
        outcome = command(f"corpus.root={few}", *words, f"hydra.run.dir={name}")
        assert outcome.code == 0, outcome.output
        gc.collect()  # the process has ended, and lets go of its lock
    assert main(["ensemble", "resnet", "svm", "--weights", "validation", "--out", "ensemble"]) == 0
    return {name: Path(name) for name in (*kinds, "ensemble")}


def saved(run: Path) -> tuple[list[Path], Floats, list[str]]:
    """Files of the test, the probabilities that were said of them, and who speaks."""
    rows = read_csv(run / "predictions.csv")
    names = [name for name in rows[0] if name.startswith("p_")]
    table = np.array([[float(row[name]) for name in names] for row in rows])
    return [Path(row["path"]) for row in rows], table, [row["speaker"] for row in rows]


def answers(predictor: Predictor, files: list[Path], **how: str) -> Floats:
    said = list(predictor.predict_each(files, How(**how)))  # type: ignore[arg-type]
    assert all(isinstance(one, Prediction) and list(one.probabilities) == predictor.labels for one in said), said
    return np.array([list(one.probabilities.values()) for one in said if isinstance(one, Prediction)])


def test_every_kind_of_model_answers_as_in_its_own_test(trained: dict[str, Path]) -> None:
    for name in ("linear", "lstm", "finetune"):
        files, table, _ = saved(trained[name])
        np.testing.assert_allclose(answers(ser.load(trained[name]), files), table, atol=1e-5, err_msg=name)
    assert all(ser.load(trained[name]).members[0].recognizer.temperature != 1 for name in ("lstm", "finetune", "svm"))
    for name in ("resnet", "svm", "ensemble"):  # of each fold its own clips, as the pooled table has them
        for fold in (1, 2):
            files, table, _ = saved(trained[name] / f"fold-{fold}")
            made = answers(ser.load(trained[name], fold=fold), files)
            np.testing.assert_allclose(made, table, atol=1e-5, err_msg=f"{name} {fold}")
    predictor = ser.load(trained["speaker"])
    files, table, speakers = saved(trained["speaker"])
    for file, row, speaker in zip(files, table, speakers, strict=True):
        np.testing.assert_allclose(answers(predictor, [file], speaker=speaker), row[None], atol=1e-5)
    with pytest.raises(PredictError, match=r"--speaker nobody: not known to .*, which knows .*--know"):
        predictor.predict(files[0], speaker="nobody")
    with pytest.raises(SettingError, match="01 is known already"):
        predictor.know("01", files[:1])
    own = [file for file, speaker in zip(files, speakers, strict=True) if speaker == speakers[0]]
    predictor.know("somebody", own)
    assert predictor.predict(own[0], speaker="somebody").emotion in predictor.labels

    files, _, _ = saved(trained["resnet"] / "fold-1")
    of_folds = [answers(ser.load(trained["resnet"], fold=fold), files) for fold in (1, 2)]
    predictor = ser.load(trained["resnet"])
    np.testing.assert_allclose(answers(predictor, files), np.mean(of_folds, axis=0), atol=1e-6)
    assert "the mean of its 2 folds" in predictor.about
    with pytest.raises(ModelError, match=r"has folds 1 to 2; got --fold 3"):
        ser.load(trained["resnet"], fold=3)

    samples, rate = soundfile.read(files[0], dtype="float32")
    whole = answers(predictor, files[:1])[0]
    for given in (samples, np.stack([samples, samples], axis=1), (samples * 32767).round().astype(np.int16)):
        made = predictor.predict(given, sample_rate=rate)
        np.testing.assert_allclose(list(made.probabilities.values()), whole, atol=2e-3)
    mirrored = np.stack([samples, -samples], axis=1)  # of channels that cancel each other one is heard, as of a file
    np.testing.assert_allclose(
        list(predictor.predict(mirrored, sample_rate=rate).probabilities.values()), whole, atol=1e-5
    )
    unsigned = (samples * 127 + 128).round().astype(np.uint8)
    assert predictor.predict(unsigned, sample_rate=rate).probabilities
    for several in ((one for one in files[:2]), np.array([str(one) for one in files[:2]])):
        assert len(predictor.predict(several)) == 2  # type: ignore[call-overload]
    ranked = predictor({"array": samples, "sampling_rate": rate}, top_k=2)
    assert len(ranked) == 2 and ranked[0]["score"] == pytest.approx(whole.max()) and ranked[0]["label"] == made.emotion
    with pytest.raises(PredictError, match="sample_rate"):
        predictor.predict(samples)
    for wrong, told in (
        (samples * 32768, "divide those of 16 bits"),
        (samples.astype(complex), "a recording must be a file"),
        (mirrored.T, "the other way round"),
    ):
        with pytest.raises(PredictError, match=told):
            predictor.predict(wrong, sample_rate=rate)
    with pytest.raises(SettingError, match="sample_rate must lie between"):
        predictor.predict(samples, sample_rate=1)
    with pytest.raises(AudioError, match="too short"):
        predictor.predict(samples[:0], sample_rate=rate)
    with pytest.raises(PredictError, match="trained without normalize=speaker"):
        predictor.predict(files[0], speaker="01")
