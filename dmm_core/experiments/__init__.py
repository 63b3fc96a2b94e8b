"""Several trainings compared: the paper's tables and figures, and sweeps over settings."""
