"""Solving a model from the training part, its settings chosen on validation, instead of training it."""

import logging
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor

from ser import metrics
from ser.config.schema import Config
from ser.errors import ConfigError
from ser.features.base import Heard, LayerChoice
from ser.models.base import Examples, SolvedModel
from ser.recognizer import Recognizer
from ser.training import processes
from ser.training.data import KNOWN, REFERENCE, Array, Input, SpeechData
from ser.training.recognizer import EmotionRecognizer

log = logging.getLogger("ser")

TRAINED_ONLY = (
    "fast_dev_run",
    "overfit_batches",
    "limit_train_batches",
    "limit_val_batches",
)


@dataclass(frozen=True)
class Solution:
    """What validation has chosen: the model's settings and, where it was free, the encoder's layer."""

    choice: Mapping[str, float]
    layer: int | None

    @property
    def chosen(self) -> dict[str, float]:
        """By name."""
        return {**({} if self.layer is None else {"layer": self.layer}), **self.choice}


def solved_at_once(config: Config) -> Config:
    """The configuration where the model is solved: of a single epoch, in which nothing is left to learn."""
    if config.training.ema_decay is not None:
        raise ConfigError("training.ema_decay: a model that is solved has no weights to average; set it to null")
    if config.sampling != "natural":
        raise ConfigError(
            f"sampling={config.sampling}: a model is solved from each clip once; set sampling=natural, and"
            " loss.class_weights=true to make up for rare emotions"
        )
    if config.loss.name == "focal":
        raise ConfigError("loss.name=focal: a model that is solved has a loss of its own; set loss.name=cross_entropy")
    for name in TRAINED_ONLY:
        if config.trainer.get(name):
            raise ConfigError(f"trainer.{name}: a model is solved from all clips at once, in seconds; leave it out")
    if processes.n_processes(config.trainer) > 1:
        raise ConfigError("trainer: a model is solved by one process; use trainer=auto")
    loss = replace(config.loss, label_smoothing=0.0)  # what is solved knows of none: its loss is told without
    return replace(config, loss=loss, trainer={**config.trainer, "max_epochs": 1, "check_val_every_n_epoch": 1})


def summaries(recognizer: Recognizer, views: Sequence[Mapping[str, Input]]) -> dict[str, Array]:
    """What a model that is solved is told of each clip, by utterance id, (1, n, views).

    Args:
        recognizer: of the run.
        views: the waveforms, or frames at each of the speeds.
    """
    made: dict[str, Array] = {}
    names = set(views[0]).intersection(*views)
    for name in track(sorted(names), "Summing up clips", disable=not sys.stdout.isatty()):
        heard = [torch.from_numpy(np.array(view[name], np.float32))[None] for view in views]
        each = [recognizer.summary(one, torch.tensor([one.shape[-1]]))[0] for one in heard]
        made[name] = torch.cat(each, dim=-1).numpy()
    return made


def solve(recognizer: EmotionRecognizer, data: SpeechData, monitor: str) -> Solution:
    """Solve a recogniser's model from the training part for each choice, and keep the best on validation.

    Args:
        recognizer: whose model is solved; on the CPU.
        data: its inputs are summaries, see `EmotionRecognizer.summary`.
        monitor: uar or loss; of choices that are equally good the first is kept.
    """
    model, choice_of_layer = _parts(recognizer)
    _fit_normalization(recognizer, data)
    by_votes = monitor == "loss"
    if data.datasets["train"].votes is not None and not model.takes_votes:
        log.warning("model: it is solved from what most raters said of each clip, and not from their votes")
    best: tuple[float, Solution, dict[str, Tensor]] | None = None
    for layer in [None] if choice_of_layer is None else range(choice_of_layer.n_layers):
        if choice_of_layer is not None:
            choice_of_layer.number.fill_(layer or 0)
        train, val = _examples(recognizer, data, "train"), _examples(recognizer, data, "val", by_votes=by_votes)
        for choice in model.solve(train, model.choices):
            model.calibrate(val)
            score = _score(model, val, monitor)
            if best is None or score > best[0]:
                best = score, Solution(choice, layer), deepcopy(recognizer.state_dict())
    assert best is not None
    _, solution, state = best
    recognizer.load_state_dict(state)
    log.info("chosen on validation: %s", ", ".join(f"{name} {value:g}" for name, value in solution.chosen.items()))
    return solution


def solve_again(
    recognizer: EmotionRecognizer, data: SpeechData, solution: Solution, class_weights: Sequence[float] | None
) -> None:
    """Solve a recogniser's model again, with what was chosen before, from a training part that has grown."""
    recognizer.class_weights = None if class_weights is None else torch.tensor(class_weights)
    model, _ = _parts(recognizer)
    _fit_normalization(recognizer, data)
    for _ in model.solve(_examples(recognizer, data, "train"), [solution.choice]):
        pass


def _parts(recognizer: EmotionRecognizer) -> tuple[SolvedModel, LayerChoice | None]:
    model, layers = recognizer.model, recognizer.layer_sum
    assert isinstance(model, SolvedModel)
    return model, layers if isinstance(layers, LayerChoice) else None


def _fit_normalization(recognizer: EmotionRecognizer, data: SpeechData) -> None:
    recognizer.normalization.fit(
        [_heard(data, "train")],
        [_heard(data, KNOWN)] if KNOWN in data.datasets else [],
        [_heard(data, REFERENCE)] if REFERENCE in data.datasets else None,
    )


def _heard(data: SpeechData, part: str) -> Heard:
    """The summaries (clips, n, views) of a part, all at once."""
    dataset = data.datasets[part]
    clips = torch.from_numpy(np.concatenate([np.asarray(one, np.float32) for one in dataset.inputs]))
    return Heard(clips, torch.full((len(clips),), clips.shape[-1]), torch.tensor(dataset.speakers))


@torch.no_grad()
def _examples(recognizer: EmotionRecognizer, data: SpeechData, part: str, *, by_votes: bool = True) -> Examples:
    normalized = recognizer.layer_sum(recognizer.normalization(*_heard(data, part))).double().numpy()
    targets = np.asarray(data.datasets[part].targets)
    weights = recognizer.class_weights
    of_class = np.ones(len(recognizer.labels)) if weights is None else weights.double().numpy()
    votes, model = data.datasets[part].votes, recognizer.model
    if votes is None or not by_votes or not (isinstance(model, SolvedModel) and model.takes_votes):
        return Examples(normalized, targets, of_class[targets])
    share = votes.double().numpy()
    clips, targets = ((share > 0) | (np.eye(len(of_class))[targets] > 0)).nonzero()  # every class has a clip at least
    return Examples(normalized[clips], targets, share[clips, targets] * of_class[targets])


@torch.no_grad()
def _score(model: SolvedModel, examples: Examples, monitor: str) -> float:
    """Of the answers to some clips, the higher the better."""
    features, targets = torch.from_numpy(examples.features).float(), torch.from_numpy(examples.targets)
    answers = model(features, torch.full((len(features),), features.shape[-1]))
    if monitor == "loss":
        each = F.nll_loss(answers, targets, reduction="none").double().numpy()
        return -float((each * examples.weights).sum() / examples.weights.sum())
    confusion = np.zeros((answers.shape[1], answers.shape[1]))
    np.add.at(confusion, (examples.targets, answers.argmax(dim=1).numpy()), 1)
    return metrics.uar(confusion)
