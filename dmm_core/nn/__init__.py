"""The neural parts of a Deep Markov Model, and the model `DMM` that is built of them.

Transitions, emissions, combiners, inference networks and flows are PyTorch modules. The forward
pass of transitions and emissions returns a `torch.distributions.Distribution`. The arguments are
numbers and tensors, never a configuration; `dmm_core.build_model` builds a model from one.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
