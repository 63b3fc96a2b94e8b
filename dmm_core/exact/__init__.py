"""Posteriors of known systems, computed without a neural network.

The Kalman smoother is exact for linear-Gaussian systems. The grid smoother is exact for nonlinear
systems of one dimension, up to the discretisation error of its grid. The unscented smoother is the
approximate baseline of the paper. Tests and lessons compare the model with them. All arrays are
numpy float64.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
