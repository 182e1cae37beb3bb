"""Hydra finds its sweepers in this namespace package alone. See ser.sweeps.grid."""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper, BasicSweeperConf
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn


@dataclass
class GridConf(BasicSweeperConf):
    """The settings of Hydra's own."""

    _target_: str = "hydra_plugins.ser_grid.Grid"


# In the place of Hydra's own: a configuration that chose another by its name could not be overridden by a search.
ConfigStore.instance().store(group="hydra/sweeper", name="basic", node=GridConf, provider="ser")


class Grid(BasicSweeper):
    """Hydra's own sweeper, that keeps sweep.csv and can go on with what is missing."""

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        from ser.launch.grid import run_grid

        assert self.config is not None and self.hydra_context is not None and self.launcher is not None
        words = [*self._parse_config(), *arguments]
        return run_grid(words, self.config, self.hydra_context, self.launcher, max_batch_size=self.max_batch_size)
