"""Deep Markov Models (Krishnan, Shalit, Sontag, AAAI 2017): model, training, evaluation, music."""

import os

__all__ = ["__version__"]

__version__ = "0.1.0"

# OpenMP reads this once, when torch loads it. By default its threads spin for a long while before
# they sleep, and a second busy process or session on the same cores then slows a training down
# tenfold and more; this short a spin costs nothing alone (docs/decisions.md has the measurements).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
