"""What conf/hydra/sweeper/optuna.yaml says."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from ser.config.build import build
from ser.config.checks import check_choice, check_range

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

MANY = 1_000_000
PRUNERS = ("median", "halving", "none")


class Pruner:
    """Decides after each epoch whether a trial is ended.

    Args:
        name: median: worse than the median of the complete trials at that epoch; halving: successive halving, of the
            trials that come as far as (warmup_epochs + 1) x 1, 4, 16, ... epochs the best quarter goes on (Li et al.
            2020, arXiv 1810.05934); none.
        startup_trials: so many trials must be complete before one is pruned.
        warmup_epochs: epochs in which no trial is pruned.

    Raises:
        ConfigError: a value that cannot be used.
    """

    def __init__(self, name: str, startup_trials: int, warmup_epochs: int) -> None:
        check_choice("hydra.sweeper.pruner.name", name, PRUNERS)
        check_range("hydra.sweeper.pruner.startup_trials", startup_trials, 0, MANY)
        check_range("hydra.sweeper.pruner.warmup_epochs", warmup_epochs, 0, MANY)
        self.name, self.startup_trials, self.warmup_epochs = name, startup_trials, warmup_epochs

    def make(self) -> "BasePruner":
        """Optuna's pruner."""
        from optuna import pruners

        first = self.warmup_epochs + 1
        if self.name == "median":
            return pruners.MedianPruner(self.startup_trials, n_warmup_steps=first)
        if self.name == "halving":
            return pruners.SuccessiveHalvingPruner(first, bootstrap_count=self.startup_trials)
        return pruners.NopPruner()


class Settings:
    """Settings of a search.

    Args:
        n_trials: trials in all, with those of before a stop.
        startup_trials: trials that are drawn at random, before TPE learns from them.
        params: the search space, see `ser.search.space.read_space`.
        pruner: see `Pruner`.
        storage: URL of the database; None: study.db in the sweep folder.

    Raises:
        ConfigError: a value that cannot be used.
    """

    def __init__(
        self,
        n_trials: int,
        startup_trials: int,
        params: Mapping[str, Any],
        pruner: Mapping[str, Any],
        storage: str | None,
    ) -> None:
        check_range("hydra.sweeper.n_trials", n_trials, 1, MANY)
        check_range("hydra.sweeper.startup_trials", startup_trials, 1, MANY)
        build("hydra.sweeper.pruner", {**pruner, "_target_": "ser.search.settings.Pruner"})
        self.n_trials, self.startup_trials, self.storage = n_trials, startup_trials, storage
        self.params, self.pruner = dict(params), dict(pruner)


def read_settings(config: DictConfig) -> Settings:
    """The settings of a configuration's `hydra.sweeper`.

    Raises:
        ConfigError: a value that cannot be used.
    """
    settings: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    made: Settings = build("hydra.sweeper", {**settings, "_target_": "ser.search.settings.Settings"})
    return made
