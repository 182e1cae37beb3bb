import logging

import numpy as np
import pytest
import torch

from ser.recognizer import Recognizer
from ser.training.calibrating import calibrate
from tests.conftest import noise
from tests.inference.made import FEATURE, LABELS, MODEL

N_CLIPS = 40


@pytest.fixture
def recognizer() -> Recognizer:
    torch.manual_seed(0)
    made = Recognizer(feature=FEATURE, model=MODEL, labels=LABELS)
    for parameter in made.model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.5)
    return made.eval().requires_grad_(False)


def answers(recognizer: Recognizer) -> torch.Tensor:
    clips = torch.stack(noise(*[4000] * N_CLIPS)) * torch.linspace(0.01, 1, N_CLIPS)[:, None]
    return recognizer(clips, torch.full((N_CLIPS,), 4000)).exp()


def test_the_recogniser_answers_as_was_fitted_and_names_the_same_emotions(recognizer: Recognizer) -> None:
    before = answers(recognizer)
    targets = before.argmax(dim=1).numpy()
    targets[::3] = 1 - targets[::3]
    after, fitted = calibrate(recognizer, before.numpy(), targets.tolist())
    assert recognizer.temperature == fitted and fitted is not None and fitted > 1.5, "it was too sure"
    np.testing.assert_allclose(answers(recognizer), after, atol=1e-5)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(dim=1))
    assert after.dtype == np.float32 and np.abs(after - before.numpy()).max() > 0.05


def test_where_none_can_be_told_nothing_changes_and_it_is_said(
    recognizer: Recognizer, caplog: pytest.LogCaptureFixture
) -> None:
    before = answers(recognizer).numpy()
    with caplog.at_level(logging.WARNING, "ser"):
        after, fitted = calibrate(recognizer, before, before.argmax(axis=1).tolist())
    assert recognizer.temperature == 1 and fitted is None and (after == before).all()
    assert f"training.calibrate: the temperature stays 1: of validation, all {N_CLIPS} answers are right" in caplog.text


def test_a_temperature_at_its_limit_is_no_fit(recognizer: Recognizer, caplog: pytest.LogCaptureFixture) -> None:
    before = answers(recognizer)
    calibrate(recognizer, before.numpy(), (1 - before.argmax(dim=1)).tolist())  # all wrong
    assert "the temperature is 10, the highest that is tried: validation says nothing about it" in caplog.text
    assert "fitted on" not in caplog.text
