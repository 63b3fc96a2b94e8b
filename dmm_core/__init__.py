"""Deep Markov Models (Krishnan, Shalit, Sontag, AAAI 2017): model, training, evaluation, music."""

import os

__all__ = ["__version__"]

__version__ = "0.1.0"

# OpenMP reads this once, when torch loads it. By default its threads wait by spinning, and a second
# busy process or session on the same cores then slows a training down twentyfold and more
# (measured: benchmarks/README.md); threads that sleep cost next to nothing alone.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
