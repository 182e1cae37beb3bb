"""Named protocols, and the audit that looks for leaks."""
