"""Uploads: converts untrusted files of music or numbers into data sets named `upload:ID`.

`reader` detects the kind of each file and parses it in a limited child process, without torch; each
format has its own module. The reports list what was read, what was changed and why a file was
refused. `store` saves the result under `DMM_HOME/uploads`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
