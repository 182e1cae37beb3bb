"""Our sweepers, in the only namespace where Hydra takes sweepers from.

Every Hydra program of the environment imports this file, so it imports nothing of ser before a sweep of ours begins,
and registers nothing: conf/hydra/sweeper/, which only our own program reads, names these classes.
"""

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class Grid(BasicSweeper):
    """Every combination of the values on the command line; conf/hydra/sweeper/grid.yaml."""

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        from ser.launch.grid import run_grid

        assert self.config is not None and self.hydra_context is not None and self.launcher is not None
        words = [*self._parse_config(), *arguments]
        return run_grid(words, self.config, self.hydra_context, self.launcher, max_batch_size=self.max_batch_size)


class OptunaSearch(Sweeper):
    """The settings with the best validation UAR, searched with Optuna; conf/hydra/sweeper/optuna.yaml."""

    def __init__(self, **settings: Any) -> None:
        self.hydra_context: HydraContext | None = None
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        from ser.search.settings import read_settings
        from ser.search.study import Search

        assert self.hydra_context is not None and self.config is not None and self.launcher is not None
        settings = read_settings(self.config)
        Search(settings, self.config, self.hydra_context.config_loader, self.launcher, arguments).run()
