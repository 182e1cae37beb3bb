"""Sweeps: many runs of one command, what became of each, and going on with what is missing."""
