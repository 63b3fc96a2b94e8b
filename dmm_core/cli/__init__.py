"""The command line: `python -m dmm_core`, and `dmm` once the project is installed.

Each module holds one group of commands: its flags, its help and its code. `main` parses the
arguments and imports the chosen command, so that commands that need no torch start fast. Results
go to stdout and everything else to stderr.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
