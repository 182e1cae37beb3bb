"""The command: `python train.py` or `ser-train`."""

import logging
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ser import config
from ser.command_line import messages, run_command
from ser.paths import conf_dir

log = logging.getLogger("ser")

config.register()


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def _run(cfg: DictConfig) -> None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    log.info("run folder %s", folder)
    with messages():
        from ser.experiment import run  # slow to import: not for --help

        outcome = run(cfg, folder)
    log.info("\n%s\n\nrun folder %s", outcome.report, folder)
    if outcome.interrupted:
        sys.exit(130)


def main() -> None:
    """Run one experiment as the command line says."""
    run_command(_run)


if __name__ == "__main__":
    main()
