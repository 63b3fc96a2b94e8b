"""The parts of the Train page: launch a run, monitor it, and play its samples."""
