"""Corpora: a folder on disk becomes a list of utterances. One file a corpus."""
