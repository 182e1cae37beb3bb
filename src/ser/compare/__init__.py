"""Runs laid side by side, from their folders alone: tables, intervals, paired tests, and a page."""
