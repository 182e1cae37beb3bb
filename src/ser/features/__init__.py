"""Features: waveforms become frames. One file a feature."""
