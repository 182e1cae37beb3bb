"""Changes to waveforms: another voice, another room, another microphone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ser.augment import effects
from ser.augment.base import Augment
from ser.config.checks import check_range
from ser.errors import SettingError

Range = Sequence[float] | None  # [lowest, highest]; None: never


@dataclass(frozen=True)
class Effect:
    """One kind of change.

    Attributes:
        name: of the effect; its probability is the setting `<name>_probability`.
        probability: that a clip is changed.
        change: `change(waveforms, lengths, *parameters)`, see `ser.augment.effects`.
        ranges: [lowest, highest] of each parameter, by the name of its setting.
        louder: whether it may make a clip louder.
    """

    name: str
    probability: float
    change: Callable[..., effects.Clips]
    ranges: Mapping[str, Sequence[float]]
    louder: bool = False


class Drawn(NamedTuple):
    """What is drawn for a batch: the clips that an effect changes (rows,), and its parameters by name (rows,)."""

    effect: Effect
    rows: Tensor
    parameters: dict[str, Tensor]


class WaveformAugment(Augment):
    """Draws for every clip by itself which effects change it, and how much.

    In the order in which sound takes them: the voice (pitch, speed), the cut (shift), the room, noise, the microphone
    (low-pass, high-pass), the recording level (gain). Each has a probability and ranges [lowest, highest] drawn from
    evenly; a probability of 0 or a range of null switches it off. Only the gain makes a clip louder: but for it neither
    mean power nor peak grows.

    Args:
        pitch_semitones: change of pitch and formants; the length stays.
        speed: factor on the speed, as of a tape: length and pitch change.
        shift_s: how many seconds the sound starts later, or sooner if negative.
        room_rt60_s: reverberation time in seconds: how long a sound takes to die away by 60 dB.
        room_drr_db: direct-to-reverberant ratio in dB: high near the speaker, low far away.
        noise_snr_db: signal-to-noise ratio in dB, of mean powers.
        noise_tilt_db: slope of the noise's spectrum in dB an octave: 0 is white, -3 pink, -6 brown.
        low_pass_hz, high_pass_hz: where the microphone's band ends, in Hz.
        gain_db: change of level in dB.
        n_channels, sample_rate: see `Augment`.
    """

    changes_waveforms = True

    def __init__(
        self,
        *,
        pitch_probability: float,
        pitch_semitones: Range,
        speed_probability: float,
        speed: Range,
        shift_probability: float,
        shift_s: Range,
        room_probability: float,
        room_rt60_s: Range,
        room_drr_db: Range,
        noise_probability: float,
        noise_snr_db: Range,
        noise_tilt_db: Range,
        low_pass_probability: float,
        low_pass_hz: Range,
        high_pass_probability: float,
        high_pass_hz: Range,
        gain_probability: float,
        gain_db: Range,
        n_channels: int,
        sample_rate: int,
    ) -> None:
        super().__init__(mixup=0.0, n_channels=n_channels, sample_rate=sample_rate)

        def at_rate(change: Callable[..., effects.Clips]) -> Callable[..., effects.Clips]:
            return partial(change, sample_rate=sample_rate)

        self.effects = [
            _effect("pitch", pitch_probability, at_rate(effects.pitch), pitch_semitones=(pitch_semitones, -12, 12)),
            _effect("speed", speed_probability, effects.speed, speed=(speed, 0.5, 2)),
            _effect("shift", shift_probability, at_rate(effects.shift), shift_s=(shift_s, -10, 10)),
            _effect(
                *("room", room_probability, at_rate(effects.room)),
                room_rt60_s=(room_rt60_s, 0.02, 5),
                room_drr_db=(room_drr_db, -20, 60),
            ),
            _effect(
                *("noise", noise_probability, at_rate(effects.noise)),
                noise_snr_db=(noise_snr_db, -30, 120),
                noise_tilt_db=(noise_tilt_db, -12, 12),
            ),
            _effect("low_pass", low_pass_probability, at_rate(effects.low_pass), low_pass_hz=(low_pass_hz, 50, 1e5)),
            _effect(
                "high_pass", high_pass_probability, at_rate(effects.high_pass), high_pass_hz=(high_pass_hz, 1, 1e5)
            ),
            _effect("gain", gain_probability, effects.gain, louder=True, gain_db=(gain_db, -60, 60)),
        ]

    def waveforms(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.change(waveforms, lengths, self.draw(len(waveforms)))

    def draw(self, n_clips: int) -> list[Drawn]:
        """Draw the changes of a batch of `n_clips`, from the generator of the CPU wherever the batch is."""
        drawn = []
        for effect in self.effects:
            rows = (torch.rand(n_clips) < effect.probability).nonzero()[:, 0]
            if len(rows):
                parameters = {name: _uniform(len(rows), *limits) for name, limits in effect.ranges.items()}
                drawn.append(Drawn(effect, rows, parameters))
        return drawn

    @torch.no_grad()
    def change(self, waveforms: Tensor, lengths: Tensor, drawn: Iterable[Drawn]) -> tuple[Tensor, Tensor]:
        """Change a padded batch of waveforms (batch, samples) with lengths (batch,) as it was drawn."""
        for effect, rows, parameters in drawn:
            rows = rows.to(waveforms.device)
            before = waveforms[rows], lengths[rows]
            after, after_lengths = effect.change(
                *before, *(values.to(waveforms.device) for values in parameters.values())
            )
            if not effect.louder:
                after = effects.not_louder(after, after_lengths, *before)
            longer = after.shape[1] - waveforms.shape[1]
            waveforms = F.pad(waveforms, (0, max(0, longer))).index_copy(0, rows, F.pad(after, (0, max(0, -longer))))
            lengths = lengths.index_copy(0, rows, after_lengths)
        return waveforms[:, : int(lengths.max())], lengths


def _effect(
    name: str,
    probability: float,
    change: Callable[..., effects.Clips],
    louder: bool = False,
    **settings: tuple[Range, float, float],
) -> Effect:
    """Check an effect's settings: its probability, and each range with the bounds it must lie within."""
    check_range(f"{name}_probability", probability, 0, 1)
    ranges = {}
    for key, (given, low, high) in settings.items():
        if given is None:
            probability = 0.0
        else:
            _check_interval(key, given, low, high)
            ranges[key] = given
    return Effect(name, probability, change, ranges, louder)


def _check_interval(name: str, given: Any, low: float, high: float) -> None:
    """Refuse what is no [lowest, highest] within [low, high]."""
    numbers = isinstance(given, list | tuple) and all(type(value) in (int, float) for value in given)
    if not numbers or len(given) != 2 or not low <= given[0] <= given[1] <= high:
        raise SettingError(
            f"{name} must be [lowest, highest] between {low:g} and {high:g}, or null to switch it off; got {given!r}"
        )


def _uniform(count: int, low: float, high: float) -> Tensor:
    return torch.empty(count).uniform_(low, high)
