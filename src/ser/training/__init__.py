"""The recogniser, its batches, and how it is trained."""
