"""logger=csv."""

from ser.loggers.base import Logger


class Csv(Logger):
    """Nothing beside the run's own files: history.csv and metrics.json are written by every run."""
