"""The configuration: its schema, and building components from it."""
