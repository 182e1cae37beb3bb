"""How sure a trained recogniser is, fitted on validation."""

import logging

import numpy as np
import numpy.typing as npt

from ser.calibration import Truth, at_limit, temperature, tempered, untold
from ser.metrics import Floats
from ser.recognizer import Recognizer

log = logging.getLogger("ser")


def calibrate(
    recognizer: Recognizer, probabilities: npt.NDArray[np.float32], targets: Truth | Floats
) -> tuple[npt.NDArray[np.float32], float | None]:
    """Give a recogniser the temperature that its answers to the validation part ask for.

    Where none can be told it stays 1, and that is said.

    Args:
        recognizer: whose temperature is 1.
        probabilities: of the clips of the validation part (n_clips, n_classes), by this recogniser.
        targets: their class numbers, or distributions over the classes (n_clips, n_classes).

    Returns:
        the answers with the temperature, and the temperature; None where none was fitted.
    """
    why = untold(probabilities, targets)
    if why:
        log.warning("training.calibrate: the temperature stays 1: of validation, %s", why)
        return probabilities, None
    recognizer.temperature.fill_(temperature(probabilities, targets))
    fitted = float(recognizer.temperature)
    if limit := at_limit(fitted):
        log.warning("training.calibrate: the temperature is %.3g, %s", fitted, limit)
    else:
        log.info("temperature %.3f, fitted on %d clips of validation", fitted, len(targets))
    return tempered(probabilities, fitted).astype(np.float32), fitted
