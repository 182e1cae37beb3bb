"""A recogniser's last layer: what it makes of a clip before it names the emotion."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ser.features.base import Heard
from ser.recognizer import Recognizer


@torch.inference_mode()
def embed(recognizer: Recognizer, batches: Iterable[Heard]) -> npt.NDArray[np.float16]:
    """What goes into the linear layer that names the classes; of a model without one, the log-probabilities.

    Args:
        recognizer: in evaluation mode, on whichever device.
        batches: inputs, lengths and speakers, as of `Recognizer.forward`.

    Returns:
        (n_clips, n), clips in their order; of a clip heard at several speeds the mean.
    """
    device = recognizer.normalization.mean.device
    layer = _last_linear(recognizer)
    taken: list[Tensor] = []
    hook = layer and layer.register_forward_pre_hook(lambda _, given: taken.append(given[0]))
    made = []
    try:
        for inputs, lengths, speakers in batches:
            taken.clear()
            known = None if speakers is None else speakers.to(device)
            answer = recognizer(inputs.to(device), lengths.to(device), known)
            vectors = taken[-1] if taken else answer
            made.append((vectors.mean(dim=1) if vectors.ndim == 3 else vectors).float().cpu())
    finally:
        if hook:
            hook.remove()
    largest = torch.finfo(torch.float16).max
    rows: npt.NDArray[np.float16] = torch.cat(made).clamp(-largest, largest).half().numpy()
    return rows


def _last_linear(recognizer: Recognizer) -> nn.Linear | None:
    layers = [layer for layer in recognizer.model.modules() if isinstance(layer, nn.Linear)]
    return next((layer for layer in reversed(layers) if layer.out_features == len(recognizer.labels)), None)
