"""Augmentation: training-time changes to waveforms and features. One file each."""

from ser.augment.base import Augment
from ser.augment.combined import Combined
from ser.augment.specaugment import SpecAugment
from ser.augment.waveform import WaveformAugment

__all__ = ["Augment", "Combined", "SpecAugment", "WaveformAugment"]
