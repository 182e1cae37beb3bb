"""All that speaks to Hydra before a run: its folder, that of a sweep, the grid of a sweep, its workers."""
