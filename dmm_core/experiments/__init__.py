"""Experiments: the paper's tables and figures, and sweeps over settings.

Each module trains or loads the runs that its experiment needs, measures them, and returns a report
that compares our results with the published ones. The `reproduce` and `sweep` commands call them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
