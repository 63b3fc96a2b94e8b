"""Runs: a folder each, one worker that writes it, and a runner that lines workers up."""
