"""Find a learning rate for a configuration: takes what train.py takes, and trains a hundred steps.

    python scripts/find_lr.py model=resnet feature=mfcc

Prints a rate for optim.lr, and leaves learning_rate.csv and learning_rate.png in the run folder.
"""

import logging
import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ser.commands.messages import messages, run_command
from ser.config.places import conf_dir
from ser.config.schema import register

log = logging.getLogger("ser")

register()


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def _find(cfg: DictConfig) -> None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    with messages():
        from ser.commands.find_lr import find

        search = find(cfg, folder)
    log.info("suggested: optim.lr=%.2g, a third of where the loss is lowest", search.suggestion)
    log.info("the curve is in %s", folder)


def main() -> None:
    """Search as the command line says."""
    if {"--help", "-h"} & set(sys.argv):
        print(f"{__doc__}\nSettings and choices are those of train.py: python train.py --help")
        return
    if not any(word.startswith("hydra.run.dir=") for word in sys.argv):
        sys.argv.append("hydra.run.dir=${paths.outputs}/${now:%Y-%m-%d}/${now:%H-%M-%S-%f}-find_lr")
    sys.argv.append("hydra.job.name=find_lr")
    if not sys.stderr.isatty():
        os.environ["TQDM_DISABLE"] = "1"  # a bar is for a terminal
    run_command(_find)


if __name__ == "__main__":
    main()
