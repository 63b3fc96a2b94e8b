"""The neural parts of a Deep Markov Model, and the model `DMM` that is built of them.

Transitions, emissions, combiners, inference networks and flows are plain torch modules whose
forward pass returns a `torch.distributions.Distribution` where the part is probabilistic. They take
numbers and tensors, never a configuration; `dmm_core.training.building` makes them from one.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
