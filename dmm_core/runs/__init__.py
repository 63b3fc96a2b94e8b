"""Runs: one folder for each training job, the worker that writes it, and ways to read it back.

A run folder holds the configuration, status, metrics, checkpoints and evaluations of one training
job. Only the worker that holds the folder's lock writes it. Bundled models, exported runs and
imported runs are read by the same code.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
