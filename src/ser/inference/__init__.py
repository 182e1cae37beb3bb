"""A trained recogniser on recordings: files of any length, and live."""
