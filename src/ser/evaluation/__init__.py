"""A trained run on other corpora: one test, and the matrix of training against test corpora."""
