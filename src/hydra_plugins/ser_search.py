"""Hydra finds its sweepers in this namespace only, and imports them at every start: all the work is in ser.search."""

import sys
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from ser.errors import SerError


class OptunaSearch(Sweeper):
    """Searches with Optuna for the settings with the best validation UAR; see conf/hydra/sweeper/optuna.yaml."""

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
        try:
            settings = read_settings(self.config)
            Search(settings, self.config, self.hydra_context.config_loader, self.launcher, arguments).run()
        except SerError as error:
            sys.exit(str(error))
