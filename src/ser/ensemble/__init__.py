"""Late fusion: finished runs put together, from their folders alone."""
