"""What goes with a task, and what does not."""

from ser.config.checks import check_choice
from ser.config.schema import Config
from ser.corpora.dimensions import check_dimensions
from ser.errors import ConfigError

EMOTIONS, DIMENSIONS = "emotions", "dimensions"
_MONITORS = {EMOTIONS: ("uar", "loss"), DIMENSIONS: ("ccc", "loss")}


def check_task(config: Config) -> None:
    """Refuse settings that the task has no use for.

    Raises:
        ConfigError: names the first one.
    """
    name = config.task.name
    check_choice("task.name", name, _MONITORS)
    check_choice("training.monitor", config.training.monitor, _MONITORS[name])
    if name == EMOTIONS:
        return
    check_dimensions(config.task.dimensions)
    labels = config.labels
    idle = {
        "labels": bool(labels.map) or labels.only is not None or labels.min_clips > 0,
        "sampling=balanced": config.sampling == "balanced",
        "loss.class_weights": config.loss.class_weights,
        "training.calibrate": config.training.calibrate,
        "normalize.emotion": config.normalize.emotion is not None,
        f"check={config.check}": config.check is not None,
    }
    for setting in (setting for setting, is_set in idle.items() if is_set):
        raise ConfigError(f"{setting}: is of emotions, and task=dimensions tells numbers; leave it out")


def tells_numbers(config: Config) -> bool:
    """Whether a run tells dimensions, and not emotions."""
    return config.task.name == DIMENSIONS
