"""Access to the operating system and the hardware.

The modules cover atomic file writes, limits on memory and processor time, child processes that
parse untrusted bytes, devices and numerical precision, threads, and groups of processes that train
one model.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
