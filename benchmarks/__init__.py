"""Measurements of speed and memory, run with `make bench`; README.md has the results."""
