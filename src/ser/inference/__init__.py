"""Trained models at work: recordings in, emotions out."""
