"""What the library asks of the operating system and the hardware.

Files that survive a crash, limits on memory and processor time, child processes for untrusted
bytes, devices and precision, threads, and groups of processes that train one model.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
