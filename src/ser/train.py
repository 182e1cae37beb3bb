"""The command: `python train.py` or `ser-train`."""

import difflib
import logging
import os
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

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
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".hydra").mkdir(exist_ok=True)
        except OSError as error:
            sys.exit(
                f"paths.outputs: cannot write to {folder} ({error.strerror});"
                f" set paths.outputs=<folder> or hydra.{mode}.dir=<folder>"
            )


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def _run(cfg: DictConfig) -> None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    log.info("run folder %s", folder)
    try:
        from ser.experiment import run  # slow to import: not for --help

        text = run(cfg, folder)
    except SerError as error:
        log.error("%s", error)
        sys.exit(1)
    log.info("\n%s\n\nrun folder %s", text, folder)


def main() -> None:
    """Run one experiment as the command line says; what a user can mend ends in one message, without a traceback."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra shall raise its errors, not print them: see below
    try:
        _run()
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(_explain(error))


def _explain(error: Exception) -> str:
    """A user's mistake on the command line, in one message with the way out."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        return f"{group}={choice}: no such {group}; choose from {', '.join(error.options)}"
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) else error
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and isinstance(cause.parent_node, DictConfig):
        return _explain_key(str(cause.full_key), cause.parent_node)
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return f"{cause.full_key}: {str(cause).splitlines()[0]}"
    return f"{str(error).splitlines()[0]}; see python train.py --help"


def _explain_key(full_key: str, parent: DictConfig) -> str:
    group = full_key.rpartition(".")[0]
    names = [str(name) for name in parent if name != "hydra" and not str(name).startswith("_")]
    known = [f"{group}.{name}" if group else name for name in names]
    near = difflib.get_close_matches(full_key, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{full_key}: no such setting; {hint}there are {', '.join(known)}"


if __name__ == "__main__":
    main()
