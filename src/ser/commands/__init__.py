"""Everything that a person types."""
