"""Uploads: untrusted files of music or numbers become sequences, kept as `upload:ID`.

`reader` runs one limited child process per file. The child detects the file's kind and parses it
with the module for that format, without torch. The reports say what was read, what was changed and
why a file was refused. `store` keeps the result under `DMM_HOME/uploads`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
