"""The recogniser of task=dimensions: numbers in place of emotions, with their loss and their scores."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import Metric

from ser import concordance
from ser.recognizer import free
from ser.runs.dimensions.names import SCORES
from ser.training import losses
from ser.training.data import Batch
from ser.training.recognizer import EmotionRecognizer


class DimensionRecognizer(EmotionRecognizer):
    """A recogniser of numbers that Lightning trains; targets are (batch, n_dimensions), in the corpus's scale.

    What is minimised is told in deviations of the training part, so that all dimensions count alike: 1 - CCC of each
    batch, or the mean squared error.
    """

    loss_names = losses.OF_NUMBERS
    scores = tuple(SCORES)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        told = self(batch.inputs, batch.lengths, batch.speakers)
        self.validated.update(self._standard(told.float()), self._standard(batch.targets))

    def on_validation_epoch_end(self) -> None:
        sums = self.validated.compute().double().cpu().numpy()
        self.validated.reset()
        each = concordance.scores(sums)
        # Of all clips at once, and not by batch: of few clips the coefficient says little.
        loss = 1 - each["ccc"].mean() if self.loss_name == "ccc" else (each["rmse"] ** 2).mean()
        each["rmse"] = each["rmse"] * self.scale[1].double().cpu().numpy()
        for name, value in {**concordance.means(each), "loss": loss}.items():
            self.log(f"val/{name}", float(value), sync_dist=True)

    def _loss(self, log_probabilities: Tensor, targets: Tensor) -> Tensor:
        told, wanted = free(log_probabilities), self._standard(targets)
        return F.mse_loss(told, wanted) if self.loss_name == "mse" else losses.concordance(told, wanted)

    def _answer(self, inputs: Tensor, lengths: Tensor, speakers: Tensor | None) -> Tensor:
        return self(inputs, lengths, speakers).float()  # type: ignore[no-any-return]

    def _standard(self, numbers: Tensor) -> Tensor:
        """In deviations from the mean of the training part."""
        return (numbers - self.scale[0]) / self.scale[1]

    def _validated(self) -> Metric:
        return Sums(len(self.labels))


class Sums(Metric):
    """The sums that `ser.concordance.scores` takes (n_dimensions, N_SUMS), over all batches and processes."""

    sums: Tensor

    def __init__(self, n_dimensions: int) -> None:
        super().__init__()
        self.add_state("sums", torch.zeros(n_dimensions, concordance.N_SUMS), dist_reduce_fx="sum")

    def update(self, told: Tensor, wanted: Tensor) -> None:
        each = torch.stack([torch.ones_like(told), wanted, told, wanted * wanted, told * told, wanted * told], dim=-1)
        self.sums += each.sum(dim=0)

    def compute(self) -> Tensor:
        return self.sums
