"""The command: `python train.py` or `ser-train`."""

import logging
import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ser import config
from ser.command_line import explain
from ser.errors import SerError
from ser.paths import conf_dir

log = logging.getLogger("ser")

config.register()


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def _run(cfg: DictConfig) -> None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    log.info("run folder %s", folder)
    try:
        from ser.experiment import run  # slow to import: not for --help

        outcome = run(cfg, folder)
    except SerError as error:
        log.error("%s", error)
        sys.exit(1)
    log.info("\n%s\n\nrun folder %s", outcome.report, folder)
    if outcome.interrupted:
        sys.exit(130)


def main() -> None:
    """Run one experiment as the command line says; what a user can mend ends in one message, without a traceback."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra shall raise its errors, not print them
    HydraConfig.instance().cfg = None
    try:
        _run()
    except InstantiationException:
        raise  # a fault in a component's code: its author wants the traceback
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(explain(error))
    except ValueError as error:
        if HydraConfig.initialized():
            raise
        sys.exit(f"{' '.join(sys.argv[1:])}: {explain(error)}")  # Hydra could not compose, such as for model=null
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
