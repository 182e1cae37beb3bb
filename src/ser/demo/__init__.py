"""Trained models on a page in the browser."""
