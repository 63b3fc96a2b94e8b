"""The parts of the Train page: launch a run, watch it, hear it."""
