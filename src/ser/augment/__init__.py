"""Augmentation: training-time changes to waveforms and features. One file each."""
