"""Inference and generation: everything that is computed with a model that has been built.

The bound and the estimates of the likelihood; particle filters; sampling, continuation, infilling,
morphing, imputation and interventions; and the latent views. The functions take tensors and plain
numbers, never a configuration, and print or write nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
