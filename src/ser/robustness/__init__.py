"""A finished run's test, heard again under noise, over a telephone, in a room."""
