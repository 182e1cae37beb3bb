"""The recogniser with augmentation, loss and metrics as a LightningModule; also what a checkpoint holds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from ser import metrics
from ser.augment import effects
from ser.augment.base import Augment
from ser.config.build import build
from ser.config.checks import check_choice, check_range
from ser.errors import ConfigError
from ser.features.base import Heard
from ser.models.base import WaveformModel
from ser.recognizer import Recognizer
from ser.training import losses
from ser.training.compatibility import check_fit
from ser.training.data import KNOWN, REFERENCE, Batch, SpeechData

VIEW_SPEEDS = (0.9, 1.1)  # the slowest and the fastest view of test-time augmentation


class EmotionRecognizer(Recognizer, pl.LightningModule):
    """A recogniser that Lightning trains.

    Takes plain settings, not objects, so that a checkpoint can be loaded by itself: `load_from_checkpoint(path)`
    gives back the recogniser with its `labels`, `feature.sample_rate`, `feature.trim_db` and normalisation.

    Args:
        feature, model, labels, speakers, prior: see `Recognizer`.
        augment, optim: settings of the components (`_target_` and arguments).
        loss: `name` (cross_entropy, nll or focal), `label_smoothing`, and `focal_gamma`.
        class_weights: of the loss, in class order; None: all alike.
        n_views: of each clip, at evenly spaced speeds, whose mean `predict_step` returns too; 0: none.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        *,
        feature: Mapping[str, Any],
        model: Mapping[str, Any],
        augment: Mapping[str, Any],
        optim: Mapping[str, Any],
        loss: Mapping[str, Any],
        labels: Sequence[str],
        class_weights: Sequence[float] | None = None,
        speakers: Sequence[str] = (),
        prior: float = 0.0,
        n_views: int = 0,
    ) -> None:
        super().__init__(feature=feature, model=model, labels=labels, speakers=speakers, prior=prior)
        self.save_hyperparameters()
        check_choice("loss.name", loss["name"], losses.LOSSES)
        check_range("loss.label_smoothing", loss["label_smoothing"], 0, 0.99)
        check_range("loss.focal_gamma", loss["focal_gamma"], 0, 10)
        if loss["name"] == "nll" and loss["label_smoothing"]:
            raise ConfigError(
                "loss.label_smoothing goes with loss.name=cross_entropy or focal; nll takes hard targets: set it to 0"
            )
        self.n_views = n_views
        given = {"n_channels": self.feature.n_channels, "sample_rate": self.feature.sample_rate}
        self.augment: Augment = build("augment", augment, Augment, **given)
        check_fit(self.feature, self.model, self.augment)
        if isinstance(self.model, WaveformModel):
            self.hparams["model"] = {**model, **self.model.own_settings()}
        self.make_optimizer = build("optim", optim)
        self.loss_name, self.label_smoothing, self.focal_gamma = (
            loss[key] for key in ("name", "label_smoothing", "focal_gamma")
        )
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights)
        self.confusion = MulticlassConfusionMatrix(len(self.labels))
        self.val_loss = MeanMetric()
        self._weight: Tensor | None = None  # of the batches whose gradients have been added up for the coming step

    @property
    def trained(self) -> nn.ModuleList:
        """The parts that training changes."""
        return nn.ModuleList([self.model, self.layer_sum])

    @property
    def own_rates(self) -> Mapping[nn.Module, float]:
        """Parts that are trained at a highest learning rate of their own, instead of the optimiser's."""
        return self.model.own_rates() if isinstance(self.model, WaveformModel) else {}

    def on_train_start(self) -> None:
        """Take the normalisation from the training part.

        Not in `on_fit_start`: a search for a learning rate is over by then.
        """
        self._weight = None
        if self.feature.is_waveform or self.is_solved:
            return
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        self.normalization.fit(
            self._heard(data, "train"),
            self._heard(data, KNOWN) if KNOWN in data.datasets else (),
            self._heard(data, REFERENCE) if REFERENCE in data.datasets else None,
        )

    def _heard(self, data: SpeechData, part: str) -> Iterator[Heard]:
        batch: Batch
        for batch in data.statistics_dataloader(part):
            yield Heard(*self.frames(batch.inputs.to(self.device), batch.lengths.to(self.device)), batch.speakers)

    def on_train_epoch_start(self) -> None:
        if self.trainer.overfit_batches:  # type: ignore[attr-defined]
            return  # it is to see the same batches again and again
        # Lightning names the epoch to samplers by itself, but not to batch samplers.
        self.trainer.train_dataloader.batch_sampler.set_epoch(self.trainer.current_epoch)  # type: ignore[union-attr]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        features, lengths = self.told(*self._augmented(batch.inputs, batch.lengths), batch.speakers)
        changes_features = not self.feature.is_waveform
        if changes_features:
            features, lengths = self.augment(features, lengths)
        if changes_features and self.augment.mixup:
            features, lengths, other, weight = self.augment.mix(features, lengths)
            log_probabilities = self.model(features, lengths)
            loss = weight * self._loss(log_probabilities, batch.wanted)
            loss = loss + (1 - weight) * self._loss(log_probabilities, batch.wanted[other])
        else:
            loss = self._loss(self.model(features, lengths), batch.wanted)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.targets), sync_dist=True)
        return loss * self._share(batch.wanted)

    def _share(self, targets: Tensor) -> Tensor:
        """How much a batch counts, so that a step follows the mean over all clips of all processes and batches in it.

        Of batches that are accumulated, the gradients of the earlier ones are scaled down to their share.
        """
        weight = losses.weight_of(targets, self.class_weights)
        total, n_processes = weight.clone(), 1
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(total)
            n_processes = torch.distributed.get_world_size()
        if self._weight is not None:
            total += self._weight
            for parameter in self.trained.parameters():
                if parameter.grad is not None:
                    parameter.grad *= self._weight / total
        self._weight = total
        return weight * n_processes / total

    def backward(self, loss: Tensor) -> None:
        # Lightning has divided by the number of batches, as if all were of one size and none were missing at the end.
        super().backward(loss * self.trainer.accumulate_grad_batches)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        self._weight = None

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        log_probabilities = self(batch.inputs, batch.lengths, batch.speakers)
        self.confusion.update(log_probabilities.argmax(dim=-1), batch.targets)
        weight = losses.weight_of(batch.wanted, self.class_weights)
        self.val_loss.update(self._loss(log_probabilities, batch.wanted), weight=weight)

    def on_validation_epoch_end(self) -> None:
        confusion = self.confusion.compute().cpu().numpy()
        self.confusion.reset()
        self.log("val/uar", metrics.uar(confusion), sync_dist=True)
        self.log("val/accuracy", metrics.accuracy(confusion), sync_dist=True)
        self.log("val/macro_f1", metrics.macro_f1(confusion), sync_dist=True)
        self.log("val/loss", self.val_loss.compute(), sync_dist=True)
        self.val_loss.reset()

    def predict_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, Tensor, Tensor]:
        """Places in the dataset (batch,), probabilities (batch, n_classes), and their mean over `n_views` views."""
        plain = self(batch.inputs, batch.lengths, batch.speakers).float().exp()
        views = []
        for factor in torch.linspace(*VIEW_SPEEDS, self.n_views).tolist():
            view = effects.speed(batch.inputs, batch.lengths, torch.full_like(batch.inputs[:, 0], factor))
            views.append(self(*view, batch.speakers).float().exp())
        mean = torch.stack(views).mean(dim=0) if views else plain
        return batch.places.cpu(), plain.cpu(), mean.cpu()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        if self.is_solved:
            return torch.optim.SGD(self.trained.parameters(), lr=0.0)  # there is nothing left to learn
        n_steps = int(self.trainer.estimated_stepping_batches)
        optimizer, schedule = self.make_optimizer(self.trained, n_steps, self.own_rates)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @torch.no_grad()
    def _augmented(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if not self.augment.changes_waveforms or waveforms.ndim != 2:  # frames of variants were changed before
            return waveforms, lengths
        with torch.autocast(waveforms.device.type, enabled=False):
            return self.augment.waveforms(waveforms.float(), lengths)

    def _loss(self, log_probabilities: Tensor, targets: Tensor) -> Tensor:
        weights = self.class_weights
        is_focal = self.loss_name == "focal"
        if is_focal or targets.ndim == 2:  # of distributions, torch's own would not weigh the mean by class
            gamma, smoothing = self.focal_gamma if is_focal else 0.0, self.label_smoothing
            return losses.focal(log_probabilities, targets, gamma=gamma, weights=weights, smoothing=smoothing)
        if self.loss_name == "nll":
            return F.nll_loss(log_probabilities, targets, weight=weights)
        # The softmax of log-probabilities is the probabilities themselves: cross-entropy takes them as they are.
        return F.cross_entropy(log_probabilities, targets, weight=weights, label_smoothing=self.label_smoothing)
