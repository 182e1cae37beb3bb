"""A corpus looked at before any training: every clip measured, and what stands out."""
