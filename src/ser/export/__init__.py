"""Trained models for other programs, and for other people."""
