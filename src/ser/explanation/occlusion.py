"""Where a recogniser listened: what becomes of its answer when a part of the sound is silenced."""

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ser.explanation.mel import Numbers, to_hz, to_mel
from ser.recognizer import Recognizer
from ser.runs.examples import Relevance

CELL_S = 0.25
MOST_TIMES = 10  # cells of a longer clip are longer
N_BANDS = 6
WINDOW_S, HOP_S = 0.032, 0.008
EDGE_S = 0.05  # in which a cell fades into its neighbour in time,
EDGE_BANDS = 0.25  # and in frequency, in bands
QUIET_QUANTILE = 0.1  # of a frequency's magnitudes over the clip: what it has when nothing is said
SILENCED = 0.01  # of a frequency's loudest moment, -40 dB: where even that is not quiet
LEAST = 1e-4  # -80 dB: between digital silence and sound there would be no fading
AT_ONCE = 16  # versions of a clip


@torch.inference_mode()
def occlude(
    recognizer: Recognizer, waveform: npt.NDArray[np.floating], *, speaker: int = 0, budget_s: float
) -> Relevance | None:
    """Silence one cell after the other, and listen again. (Zeiler, Fergus 2014, arXiv 1311.2901)

    What counts is by how much the log-odds of the answer fall; the log-probability of a sure one would hardly do so.
    In a silenced cell no frequency is louder than it is in the quiet tenth of the clip, or 40 dB below its loudest
    moment, whichever is less.

    Args:
        recognizer: in evaluation mode, on whichever device.
        waveform: (samples,) in [-1, 1], at the sample rate of the recogniser's feature.
        speaker: who speaks, as of `Recognizer.forward`.
        budget_s: wall time to spend, in seconds.

    Returns:
        The map; None where it would take longer.
    """
    rate = recognizer.feature.sample_rate
    device = recognizer.normalization.mean.device
    clip = torch.from_numpy(np.array(waveform, np.float32)).to(device)
    n_times = min(max(round(len(clip) / rate / CELL_S), 1), MOST_TIMES)
    times = np.linspace(0, len(clip) / rate, n_times + 1)
    bands = to_hz(np.linspace(0, to_mel(rate / 2), N_BANDS + 1))
    n_fft, hop = 2 * round(WINDOW_S * rate / 2), round(HOP_S * rate)
    how: dict[str, Any] = {"n_fft": n_fft, "hop_length": hop, "window": torch.hann_window(n_fft, device=device)}
    spectrum = torch.stft(clip, **how, pad_mode="constant", return_complex=True)  # (frequencies, frames)
    magnitude = spectrum.abs()
    quiet = torch.minimum(magnitude.quantile(QUIET_QUANTILE, dim=1), SILENCED * magnitude.amax(dim=1))
    gain = (quiet[:, None] / magnitude.clamp(min=1e-12)).clamp(LEAST, 1)
    in_time = _shares(np.arange(spectrum.shape[1]) * hop / rate, times, EDGE_S).to(device)
    in_band = _shares(to_mel(np.linspace(0, rate / 2, len(spectrum))), to_mel(bands), EDGE_BANDS * to_mel(bands[1]))
    in_band = in_band.to(device)
    lengths = torch.full((AT_ONCE,), len(clip), device=device)
    speakers = torch.full((AT_ONCE,), speaker, device=device)
    plain = recognizer(clip[None], lengths[:1], speakers[:1]).float()
    answer = int(plain.argmax())
    cells = [(band, moment) for band in range(N_BANDS) for moment in range(n_times)]
    values = np.zeros((N_BANDS, n_times))
    started = time.monotonic()
    for first in range(0, len(cells), AT_ONCE):
        if first and (time.monotonic() - started) * len(cells) > budget_s * first:  # so it will be at this rate
            return None
        some = cells[first : first + AT_ONCE]
        share = torch.stack([in_band[band][:, None] * in_time[moment] for band, moment in some])
        versions = torch.istft(spectrum * gain**share, **how, length=len(clip))
        answers = recognizer(versions, lengths[: len(some)], speakers[: len(some)]).float()
        falls = _log_odds(plain, answer) - _log_odds(answers, answer)
        for cell, fall in zip(some, falls.tolist(), strict=True):
            values[cell] = fall
    return Relevance(times.round(3).tolist(), bands.round(1).tolist(), values.round(4).tolist())


def _log_odds(log_probabilities: Tensor, answer: int) -> Tensor:
    """Of an answer against all others together: (batch, n_classes) to (batch,), in nats."""
    others = torch.cat([log_probabilities[:, :answer], log_probabilities[:, answer + 1 :]], dim=1)
    return log_probabilities[:, answer] - others.logsumexp(dim=1)


def _shares(points: Numbers, edges: Numbers, fade: float | Numbers) -> Tensor:
    """How much each point (n,) belongs to each cell between edges (n_cells + 1,): (n_cells, n), over the cells 1."""
    rise = np.clip((points - edges[1:-1, None]) / fade + 0.5, 0, 1)
    one, none = np.ones((1, len(points))), np.zeros((1, len(points)))
    reached = np.concatenate([one, rise, none])
    return torch.from_numpy(reached[:-1] - reached[1:]).float()
