"""Checkpoints: the best on validation, and the last, from which a killed training goes on as if never stopped."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from ser.errors import ResumeError
from ser.files import replacing
from ser.runs.names import BEST, LAST
from ser.training import processes
from ser.training.data import SpeechData

MONITORS = {"uar": "max", "ccc": "max", "loss": "min"}  # on validation, by which an epoch is the best


def best_path(trainer: pl.Trainer) -> Path | None:
    """The checkpoint that this very training kept as its best; None before an epoch is finished."""
    checkpoint = trainer.checkpoint_callback
    assert isinstance(checkpoint, ModelCheckpoint)
    return Path(checkpoint.best_model_path) if checkpoint.best_model_path else None


def epoch_of(path: Path) -> int:
    """The epoch, from 1, in which a checkpoint was written."""
    return int(_read(path)["epoch"]) + 1


def fingerprint_of(path: Path) -> str:
    """The fingerprint of the corpus that a checkpoint was trained on."""
    return str(_read(path)[SpeechData.__qualname__]["fingerprint"])  # as Lightning names the state of a DataModule


def replace_weights(path: Path, module: pl.LightningModule) -> None:
    """Put a module's weights into a checkpoint of it."""
    content = _read(path)
    content["state_dict"] = module.state_dict()
    AtomicCheckpoints().save_checkpoint(content, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return content
    except (RuntimeError, ValueError, EOFError, UnpicklingError, BadZipFile):
        raise ResumeError(f"{path} is damaged; delete it, and what it was kept of begins anew") from None


def checkpoint_callbacks(folder: Path, monitor: str) -> list[Callback]:
    """Keep best.ckpt, best on validation by `monitor` (of `MONITORS`), and last.ckpt, after the last epoch."""

    def keep(name: str, **what: Any) -> ModelCheckpoint:
        path = folder / name
        return _Checkpoint(path.parent, path.stem, enable_version_counter=False, save_on_train_epoch_end=True, **what)

    # The last one after the best: it remembers which epoch was best.
    return [RandomState(), keep(BEST, monitor=f"val/{monitor}", mode=MONITORS[monitor]), keep(LAST)]


class _Checkpoint(ModelCheckpoint):
    """Remembers its files by name, not by place: a run folder may be moved before its run goes on."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        assert self.dirpath is not None

        def here(path: str) -> str:
            return str(Path(str(self.dirpath), Path(path).name)) if path else ""

        paths = {name: here(path) for name, path in state_dict.items() if name.endswith("_path")}
        best = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **paths, "best_k_models": best, "dirpath": self.dirpath})


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes beside and renames, so that a kill or a full disk never leaves half a checkpoint."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside, beside.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:  # torch's word, where the disk became full in the midst of it
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise


class RandomState(Callback):
    """Keeps the state of torch's random numbers of every process: all randomness of training comes from there.

    Every process has its own: the same masks on each one's share of a batch would be half as many masks.
    """

    def __init__(self) -> None:
        self._restored: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        own = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            own["cuda"] = torch.cuda.get_rng_state()
        return {"processes": processes.gather([own])}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._restored = state_dict["processes"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_rank > 0:
            torch.manual_seed(torch.initial_seed() + trainer.global_rank)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Not before: setting up draws random numbers too, which a run that was never stopped does not draw again.
        if trainer.global_rank < len(self._restored):
            own = self._restored[trainer.global_rank]
            torch.set_rng_state(own["cpu"].cpu())
            if "cuda" in own and torch.cuda.is_available():
                torch.cuda.set_rng_state(own["cuda"].cpu())
            # The epoch's iterator draws a number when it is made. Here it was made before, there it comes now.
            torch.empty((), dtype=torch.int64).random_()
        self._restored = []
