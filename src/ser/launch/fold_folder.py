"""The folder of a fold, in that of its run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from omegaconf import OmegaConf

from ser.config.schema import Config
from ser.runs.names import CONFIG, LOG


@contextmanager
def fold_begun(folder: Path, config: Config, fold: int) -> Iterator[None]:
    """Make a fold's folder with its configuration, and write what is logged meanwhile to a train.log there too."""
    (folder / CONFIG).parent.mkdir(parents=True, exist_ok=True)
    own = replace(config, split={**config.split, "fold": fold})
    OmegaConf.save(OmegaConf.create(asdict(own)), folder / CONFIG)
    handler = logging.FileHandler(folder / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("[%(asctime)s] %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
