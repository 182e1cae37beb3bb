"""The command: `python train.py` or `ser-train`."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from ser import config
from ser.errors import SerError
from ser.paths import conf_dir

log = logging.getLogger("ser")

config.register()


class RunFolderGuard(Callback):
    """Before anything is written: can the run folder be made, and does it hold no finished run?"""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._check(config, "run")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._check(config, "sweep")

    def _check(self, config: DictConfig, mode: str) -> None:
        HydraConfig.instance().set_config(config)  # the folder's name may speak of the choices made
        folder = Path(config.hydra[mode].dir)
        if (folder / "metrics.json").exists():
            sys.exit(f"hydra.{mode}.dir: {folder} holds a finished run, which would be lost; name another folder")
        existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            sys.exit(
                f"paths.outputs: cannot write to {existing}; set paths.outputs=<folder> or hydra.{mode}.dir=<folder>"
            )


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def main(cfg: DictConfig) -> None:
    """Run one experiment; what a user can mend ends in one message."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    log.info("run folder %s", folder)
    try:
        from ser.experiment import run  # slow to import: not for --help

        text = run(cfg, folder)
    except SerError as error:
        log.error("%s", error)
        sys.exit(1)
    log.info("\n%s\n\nrun folder %s", text, folder)


if __name__ == "__main__":
    main()
