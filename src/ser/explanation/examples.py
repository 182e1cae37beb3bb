"""Which test clips are shown, and how they look and sound."""

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, zip_longest

import matplotlib
import numpy as np
import torch
import torchaudio
from matplotlib.image import imsave

from ser.audio.reading import Waveform
from ser.audio.writing import flac
from ser.explanation.mel import to_mel
from ser.runs.examples import LISTENED, MISTAKE, Example, Relevance
from ser.runs.names import EMOTION, PREDICTED, SPEAKER, UTTERANCE
from ser.runs.predictions import confidence

N_MISTAKES, OF_A_SPEAKER = 8, 2
N_LISTENED = 6
LONGEST_S = 10.0  # of a longer clip, this much is shown

WIDTH, HEIGHT = 300, 128  # pixels
WINDOW_S, HOP_S = 0.032, 0.005
RANGE_DB = 80.0  # what lies deeper below the loudest point is drawn as silence
TICKS_HZ = (0.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)

Row = Mapping[str, str]


def choose(rows: Sequence[Row], fits: Callable[[Row], bool]) -> tuple[list[Row], list[Row]]:
    """The surest mistakes, of a speaker a few at most; and of which clips it is shown where the model listened.

    The latter are mistakes and right answers in turn, the right ones the surest of their emotions.

    Args:
        rows: of predictions.csv.
        fits: whether a clip is short enough to look into.
    """
    sure = sorted(rows, key=confidence, reverse=True)
    mistakes: list[Row] = []
    shown: Counter[str] = Counter()
    right: dict[str, Row] = {}
    for row in sure:
        if row[PREDICTED] == row[EMOTION]:
            if fits(row):
                right.setdefault(row[EMOTION], row)
        elif len(mistakes) < N_MISTAKES and shown[row[SPEAKER]] < OF_A_SPEAKER:
            mistakes.append(row)
            shown[row[SPEAKER]] += bool(row[SPEAKER])  # whom nobody knows may be many
    wrong = [row for row in mistakes if fits(row)][: max(N_LISTENED // 2, N_LISTENED - len(right))]
    in_turn = chain.from_iterable(zip_longest(wrong, list(right.values())[: N_LISTENED - len(wrong)]))
    return mistakes, [row for row in in_turn if row is not None]


def describe(
    name: str, row: Row, waveform: Waveform, sample_rate: int, *, is_mistake: bool, relevance: Relevance | None
) -> tuple[Example, dict[str, bytes]]:
    """An example, and its files.

    Args:
        name: of the files, without ending.
        row: of predictions.csv.
        waveform: (samples,) as the model hears it.
        sample_rate: of the waveform, in Hz.
        is_mistake: whether it is shown as a mistake.
        relevance: where the model listened, if that is known.
    """
    shown = waveform[: round(LONGEST_S * sample_rate)]
    audio, picture = f"{name}.flac", f"{name}.png"
    top_hz = sample_rate / 2
    example = Example(
        utterance=row[UTTERANCE],
        kind=MISTAKE if is_mistake else LISTENED,
        audio=audio,
        mime="audio/flac",
        duration_s=round(len(shown) / sample_rate, 3),
        true=row[EMOTION],
        predicted=row[PREDICTED],
        probability=confidence(row),
        spectrogram=picture,
        top_hz=top_hz,
        mel_ticks=[(hz, round(float(to_mel(hz) / to_mel(top_hz)), 4)) for hz in TICKS_HZ if hz <= top_hz],
        relevance=relevance,
    )
    return example, {audio: flac(shown, sample_rate), picture: spectrogram(shown, sample_rate)}


def spectrogram(waveform: Waveform, sample_rate: int) -> bytes:
    """A picture in PNG of a waveform (samples,): time to the right, the mel scale from 0 Hz upwards, loud is bright."""
    window = round(WINDOW_S * sample_rate)
    n_fft = 4 * window  # for the lowest of the mel bands, which are narrow
    spectrum = torch.stft(
        torch.from_numpy(np.array(waveform, np.float32)),
        n_fft,
        hop_length=max(round(HOP_S * sample_rate), -(-len(waveform) // (WIDTH - 1))),
        win_length=window,
        window=torch.hann_window(window),
        pad_mode="constant",
        return_complex=True,
    )
    bank = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0.0, sample_rate / 2, HEIGHT, sample_rate)
    power = (bank.T @ spectrum.abs().square()).numpy()  # (HEIGHT, columns)
    level = 10 * np.log10(np.maximum(power, 1e-12) / max(power.max(), 1e-12))
    shares = np.flipud(1 + level.clip(-RANGE_DB, 0) / RANGE_DB)
    buffer = io.BytesIO()
    # No alpha channel, and no finer steps than the eye sees: a third of the size.
    colours = matplotlib.colormaps["viridis"](np.round(shares * 63) / 63)[..., :3]
    imsave(buffer, np.ascontiguousarray(colours), format="png")
    return buffer.getvalue()
