"""Models: frames become log-probabilities. One file a model."""
