"""Training: a configuration and data become a trained model, described by a stream of events.

`building` makes a model from a configuration, `loop.fit` trains it and yields events, and
`checkpoint` saves and restores the exact state. Nothing here knows about run folders.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
