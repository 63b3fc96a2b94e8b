"""Exact answers: the posteriors of known systems, computed without a neural network.

The Kalman smoother is exact for linear-Gaussian systems, the grid filter for one-dimensional
nonlinear ones up to its step, and the unscented smoother is the paper's approximate baseline. Tests
and lessons compare the model with them. numpy only, float64.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
