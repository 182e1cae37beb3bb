"""Every file that a run leaves."""
