from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss

from ser.augment import effects
from ser.config.schema import Config
from ser.errors import ConfigError
from ser.features.base import Heard, Normalization
from ser.preparation import prepare
from ser.training.data import KNOWN, REFERENCE, Array, Part, SpeechData
from ser.training.recognizer import EmotionRecognizer
from ser.training.solving import Solution, solve, solve_again, solved_at_once, summaries
from tests.components import settings
from tests.conftest import configured, noise
from tests.frozen import FrozenNoise

LABELS = ["neutral", "sad", "angry"]
N_LAYERS, SIZE = 4, 6
COSTS = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0]
LINEAR = settings("model/linear", statistics=["mean"], costs=COSTS)
LOSS = {"name": "cross_entropy", "label_smoothing": 0.0, "focal_gamma": 2.0, "class_weights": False}


class Layered(FrozenNoise):
    """Layers of an encoder, of which one is to be chosen."""

    n_bands = N_LAYERS * SIZE
    n_layers = N_LAYERS
    chooses_layer = True

    def __init__(self) -> None:
        super().__init__()


class Weighted(Layered):
    """Layers whose weights are to be learnt."""

    chooses_layer = False


class Plain(Weighted):
    n_layers = 1


PLAIN, LAYERED, WEIGHTED = ({"_target_": f"{__name__}.{name}"} for name in ("Plain", "Layered", "Weighted"))


def make(**changes: Any) -> EmotionRecognizer:
    torch.manual_seed(0)
    parts = {
        "feature": PLAIN,
        "model": LINEAR,
        "augment": settings("augment/none"),
        "optim": settings("optim/onecycle"),
        "loss": LOSS,
    }
    return EmotionRecognizer(**{**parts, "labels": LABELS, **changes})


def vectors(n_clips: int, seed: int, layer: int, difference: float = 1.0) -> Array:
    """Means over the frames of clips (n_clips, N_LAYERS * SIZE): what the class is stands in one layer alone."""
    made = np.random.default_rng(seed).normal(size=(n_clips, N_LAYERS, SIZE))
    made[:, layer, : len(LABELS)] += difference * np.eye(len(LABELS))[np.arange(n_clips) % len(LABELS)]
    scaled: Array = (5 + 3 * made).reshape(n_clips, -1).astype(np.float32)
    return scaled


def part(some: Array, speakers: Sequence[int] = ()) -> Part:
    return Part(list(some[:, None, :, None]), [i % len(LABELS) for i in range(len(some))], speakers)


def data(**parts: Part) -> SpeechData:
    return SpeechData(parts, rate=100, batch_size=8, seed=0, sampling="natural", fingerprint="")


def both(one: Part, other: Part) -> Part:
    return Part([*one.inputs, *other.inputs], [*one.targets, *other.targets])


def array(some: Part) -> npt.NDArray[np.float64]:
    return np.stack([np.asarray(clip, np.float64) for clip in some.inputs])[:, 0, :, 0]


def expected(
    training: Part, others: Part, cost: float, class_weights: Sequence[float] | None = None
) -> npt.NDArray[np.float64]:
    """What scikit-learn's regression says of others when it was fitted to a part, normalised by it."""
    seen = array(training)
    mean, deviation = seen.mean(axis=0), seen.std(axis=0)
    weights = None if class_weights is None else np.array(class_weights)[training.targets]
    solver = LogisticRegression(C=cost, tol=1e-8, max_iter=10_000)
    solver.fit((seen - mean) / deviation, training.targets, weights)
    answers: npt.NDArray[np.float64] = solver.predict_proba((array(others) - mean) / deviation)
    return answers


@torch.no_grad()
def answers(recognizer: EmotionRecognizer, some: Part) -> npt.NDArray[np.float64]:
    inputs = torch.from_numpy(np.stack([np.asarray(clip) for clip in some.inputs]))
    probabilities: npt.NDArray[np.float64] = (
        recognizer(inputs, torch.ones(len(inputs), dtype=torch.long)).exp().double().numpy()
    )
    return probabilities


TRAIN, VAL, TEST = (part(vectors(*numbers, layer=2)) for numbers in ((45, 0), (30, 7), (12, 2)))


@pytest.mark.parametrize("class_weights", [None, [3.0, 1.0, 0.2]])
def test_the_choice_is_the_best_on_validation_by_what_is_monitored(class_weights: list[float] | None) -> None:
    """By scikit-learn's own scores of each; by loss another one than by UAR."""
    found: dict[str, Mapping[str, float]] = {}
    for monitor in ("uar", "loss"):
        recognizer = make(class_weights=class_weights)
        solution = solve(recognizer, data(train=TRAIN, val=VAL), monitor)
        found[monitor] = solution.choice
        cost = solution.choice["cost"]
        assert solution.layer is None and solution.chosen == {"cost": cost}
        np.testing.assert_allclose(answers(recognizer, TEST), expected(TRAIN, TEST, cost, class_weights), atol=5e-3)
    each = [expected(TRAIN, VAL, cost, class_weights) for cost in COSTS]
    weights = None if class_weights is None else np.array(class_weights)[VAL.targets]
    uar = [balanced_accuracy_score(VAL.targets, probabilities.argmax(axis=1)) for probabilities in each]
    loss = [log_loss(VAL.targets, probabilities, sample_weight=weights) for probabilities in each]
    assert found == {"uar": {"cost": COSTS[int(np.argmax(uar))]}, "loss": {"cost": COSTS[int(np.argmin(loss))]}}
    assert found["uar"] != found["loss"]


def test_of_choices_that_are_equally_good_the_first_is_kept() -> None:
    easy = [part(vectors(30, seed, layer=1, difference=50.0)) for seed in (0, 1)]
    assert solve(make(), data(train=easy[0], val=easy[1]), "uar").choice == {"cost": COSTS[0]}


@pytest.mark.parametrize("layer", [0, 2])
@pytest.mark.parametrize("model", ["linear", "svm"])
def test_the_layer_that_knows_is_found(model: str, layer: int) -> None:
    train, val, test = (part(vectors(n, seed, layer, difference=4.0)) for seed, n in enumerate((45, 30, 30)))
    kind = settings(f"model/{model}", statistics=["mean"], costs=[0.01, 0.1])
    recognizer = make(feature=LAYERED, model=kind)
    solution = solve(recognizer, data(train=train, val=val), "uar")
    assert solution.layer == layer and list(solution.chosen) == ["layer", "cost"]
    assert (answers(recognizer, test).argmax(axis=1) == test.targets).mean() > 0.85
    changed = np.stack([np.asarray(clip) for clip in test.inputs]).reshape(30, N_LAYERS, SIZE)
    for other in {*range(N_LAYERS)} - {layer}:
        changed[:, other] = 99
    np.testing.assert_array_equal(answers(recognizer, part(changed.reshape(30, -1))), answers(recognizer, test))
    again = make(feature=LAYERED, model=kind)
    again.load_state_dict(recognizer.state_dict())
    np.testing.assert_array_equal(answers(again, test), answers(recognizer, test))


def test_solved_again_it_is_the_solution_of_all_that_was_not_tested() -> None:
    recognizer = make()
    solution = solve(recognizer, data(train=TRAIN, val=VAL), "uar")
    whole = both(TRAIN, VAL)
    solve_again(recognizer, data(train=whole, val=Part([], [])), solution, None)
    np.testing.assert_allclose(
        answers(recognizer, TEST), expected(whole, TEST, solution.choice["cost"]), atol=2e-3, rtol=0
    )


def test_solved_again_the_layer_stays() -> None:
    recognizer = make(feature=LAYERED)
    solution = solve(recognizer, data(train=TRAIN, val=VAL), "uar")
    assert solution.layer == 2
    solve_again(recognizer, data(train=part(vectors(45, 7, layer=0))), solution, None)
    assert int(recognizer.layer_sum.number) == 2  # type: ignore[arg-type]


def test_speakers_are_normalised_by_what_is_known_of_them() -> None:
    """As by the normalisation itself, and so that speakers who are far apart do not matter."""
    speakers = {"train": [1, 2] * 21, "val": [3] * 12, KNOWN: [3] * 12 + [4] * 12, REFERENCE: [1, 2] * 6}
    clips = {name: vectors(len(own), seed, layer=1) for seed, (name, own) in enumerate(speakers.items())}
    far = {name: clips[name] + 40 * np.array(own, np.float32)[:, None] for name, own in speakers.items()}
    parts = {name: part(far[name], own) for name, own in speakers.items()}
    heard = {
        name: [Heard(torch.from_numpy(far[name])[..., None], torch.ones(len(own)).long(), torch.tensor(own))]
        for name, own in speakers.items()
    }
    for with_reference in (False, True):
        recognizer = make(speakers=["a", "b", "c", "d"], prior=3.0)
        normalization = Normalization(N_LAYERS * SIZE, n_speakers=4, prior=3.0)
        reference = heard[REFERENCE] if with_reference else None
        normalization.fit(heard["train"], heard[KNOWN], reference)
        some = {name: own for name, own in parts.items() if with_reference or name != REFERENCE}
        solve(recognizer, data(**some), "loss")
        torch.testing.assert_close(recognizer.normalization.state_dict(), normalization.state_dict(), rtol=0, atol=0)


def test_a_summary_is_told_of_each_clip_by_itself() -> None:
    """Of waveforms as of the frames that a frozen feature has made of them."""
    clips = noise(8000, 3000, 500)
    feature = settings("feature/melspec", sample_rate=8000, n_bands=8)
    recognizer = make(feature=feature, model=settings("model/linear"))
    made = summaries(recognizer, [{str(number): clip.numpy() for number, clip in enumerate(clips)}])
    frames = {}
    for number, clip in enumerate(clips):
        [own], _ = recognizer.feature(clip[None], torch.tensor([len(clip)]))
        frames[str(number)] = own.numpy()
        numbers = np.stack([own.mean(dim=1), own.std(dim=1, correction=0)], axis=1).ravel()
        assert made[str(number)].shape == (1, 16, 1)
        np.testing.assert_allclose(made[str(number)][0, :, 0], numbers, rtol=1e-4, atol=1e-4)
    for name, own in summaries(recognizer, [frames]).items():
        np.testing.assert_allclose(own, made[name], rtol=1e-5, atol=1e-5)


def test_a_clip_is_heard_at_each_speed_and_answered_by_the_mean() -> None:
    feature = settings("feature/melspec", sample_rate=8000, n_bands=8)
    several = make(feature=feature, model=settings("model/linear", speeds=[0.9, 1.0, 1.1]))
    [clip] = noise(8000)
    made = summaries(several, [{"a": clip.numpy()}])["a"]
    assert made.shape == (1, 16, 3)
    for column, factor in enumerate((0.9, 1.0, 1.1)):
        played, length = effects.speed(clip[None], torch.tensor([8000]), torch.tensor([factor]))
        frames, counts = several.feature(played, length)
        [own], _ = several.model.statistics(frames, counts)
        np.testing.assert_allclose(made[0, :, column], own[:, 0], rtol=1e-5, atol=1e-5)
    scores = torch.stack([several.model.scores(torch.from_numpy(made[0, :, column])) for column in range(3)])
    heard = several(clip[None], torch.tensor([8000]))
    torch.testing.assert_close(heard[0], scores.mean(0).log_softmax(0), atol=1e-4, rtol=1e-4)


def test_what_validation_has_chosen_has_names() -> None:
    assert Solution({"gamma": 0.3, "cost": 2.0}, 4).chosen == {"layer": 4, "gamma": 0.3, "cost": 2.0}


@pytest.fixture(scope="module")
def config() -> Config:
    return configured("model=linear")


def test_a_single_epoch_is_what_is_left(config: Config) -> None:
    assert config.trainer["max_epochs"] > 1
    assert solved_at_once(config).trainer == {**config.trainer, "max_epochs": 1, "check_val_every_n_epoch": 1}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "training",
            {"ema_decay": 0.9},
            "training.ema_decay: a model that is solved has no weights to average; set it to null",
        ),
        (
            "trainer",
            {"strategy": "ddp", "devices": 2, "accelerator": "cpu"},
            "trainer: a model is solved by one process; use trainer=auto",
        ),
        (
            "sampling",
            "balanced",
            "sampling=balanced: a model is solved from each clip once; set sampling=natural, and"
            " loss.class_weights=true to make up for rare emotions",
        ),
        ("tta", 2, "tta: views at other speeds cannot be heard where the feature is computed once; set tta=0"),
    ],
)
def test_settings_that_do_not_go_with_a_solution_are_refused(
    name: str, changes: Any, message: str, config: Config, tmp_path: Path
) -> None:
    before = getattr(config, name)
    if isinstance(changes, dict):
        changes = {**before, **changes} if isinstance(before, dict) else replace(before, **changes)
    with pytest.raises(ConfigError) as refused:
        prepare(replace(config, **{name: changes}), tmp_path)
    assert str(refused.value) == message


CHOOSES = (
    "feature.layer=best: tries every layer, which takes a model that is solved (model=linear or svm); name a layer, or"
    " weighted"
)
LEARNS = (
    "feature.layer=weighted: the weights are learnt, but the model is solved; name a layer, several such as [1,2,3], or"
    " best"
)
AS_IT_IS = "augment: the model is solved from each clip as it is; set augment=none"
FRAMES = (
    "model: takes frames, but the feature gives the waveform itself; choose another feature, or a model that listens to"
    " waveforms"
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment": "augment/specaugment"}, AS_IT_IS),
        ({"augment": settings("augment/none", mixup=0.3)}, AS_IT_IS),
        ({"feature": WEIGHTED}, LEARNS),
        ({"feature": LAYERED, "model": "model/probe"}, CHOOSES),
        ({"feature": "feature/waveform"}, FRAMES),
    ],
    ids=["masks", "mixup", "weights of layers", "a layer for a network", "the waveform"],
)
def test_parts_that_do_not_go_with_a_solution_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make(**{name: settings(part) if isinstance(part, str) else part for name, part in changes.items()})
    assert str(refused.value) == message


def test_votes_are_as_many_clips_of_each_class(caplog: pytest.LogCaptureFixture) -> None:
    """The weights are those of scikit-learn, told each clip once for each class with the part of its votes."""
    heard, votes = vectors(60, 1, 0), np.random.default_rng(0).dirichlet(np.full(len(LABELS), 0.5), 60)
    votes[:30, 0], votes[30:] = 0, np.eye(len(LABELS))[0]  # of some classes nobody is sure
    votes /= votes.sum(axis=1, keepdims=True)
    given = data(train=replace(part(heard), votes=votes), val=replace(part(vectors(30, 2, 0)), votes=votes[:30]))
    one = make(model=settings("model/linear", statistics=["mean"], costs=[0.1]))
    solve(one, given, "loss")
    normalized = (heard - heard.mean(axis=0)) / heard.std(axis=0)
    rows, classes = votes.nonzero()
    expected = LogisticRegression(C=0.1, tol=1e-8, max_iter=10_000).fit(normalized[rows], classes, votes[rows, classes])
    found = one.model(torch.from_numpy(normalized)[..., None], torch.ones(60)).exp().detach().numpy()
    np.testing.assert_allclose(found, expected.predict_proba(normalized), atol=2e-3)
    solve(make(model=settings("model/svm", statistics=["mean"])), given, "uar")
    assert "from what most raters said" in caplog.text
